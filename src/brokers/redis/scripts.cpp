#include "src/brokers/redis/scripts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "src/brokers/redis/server_error.hpp"
#include "src/queue/digest.hpp"

namespace coterie::brokers::redis {
namespace {

/// The files, by name without ending; made by cmake/CoterieScripts.cmake.
struct File {
  std::string_view name;
  std::string_view text;
};
constexpr File files[] = {
#include "coterie_redis_scripts.inc"
};

std::string_view file(std::string_view name) noexcept {
  for (const File& each : files)
    if (each.name == name) return each.text;
  return {};
}

/// Names and values of constants.lua.
const std::map<std::string_view, std::string_view>& constants() {
  static const auto all = [] {
    std::map<std::string_view, std::string_view> found;
    std::string_view rest = file("constants");
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      const std::size_t equals = line.find(" = ");
      if (line.substr(0, 2) != "--" && equals != std::string_view::npos)
        found.emplace(line.substr(0, equals), line.substr(equals + 3));
    }
    return found;
  }();
  return all;
}

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

/// How long the next piece of a script is: a comment, a string, a word, or one other character.
std::size_t piece_of(std::string_view lua) {
  if (lua.substr(0, 2) == "--") return std::min(lua.find('\n'), lua.size());
  if (lua[0] == '\'') return std::min(lua.find('\'', 1), lua.size() - 1) + 1;
  return std::max<std::size_t>(1, std::min(lua.find_first_not_of(letters), lua.size()));
}

/// Without comments, and with the values of constants.lua in place of their names.
std::string stripped(std::string_view lua) {
  std::string out;
  while (!lua.empty()) {
    const std::string_view piece = lua.substr(0, piece_of(lua));
    lua.remove_prefix(piece.size());
    const auto constant = constants().find(piece);
    if (constant != constants().end())
      out.append(constant->second);
    else if (piece.substr(0, 2) != "--")
      out.append(piece);
  }
  return out;
}

/// A file, ready for a script; most stand in many.
struct Part {
  std::string flags;  // "#!lua ...", which must come first
  std::string text;
};
const Part& part(std::string_view name) {
  static const auto all = [] {
    std::map<std::string_view, Part> made;
    for (const File& each : files) {
      const std::size_t flags = each.text.substr(0, 2) == "#!" ? each.text.find('\n') + 1 : 0;
      Part& its = made[each.name];
      its.flags = each.text.substr(0, flags);
      its.text = stripped(each.text.substr(flags));
    }
    return made;
  }();
  return all.at(name);
}

std::string make_source(Script script) {
  const Part& body = part(to_string(script));
  std::vector<std::string_view> parts;
  if (script != Script::rights) parts = {"prelude", "jobs", "states", "names", "wake"};
  if (script == Script::settle || script == Script::take) parts.push_back("worker");
  if (script == Script::take) parts.push_back("leases");
  if (script == Script::list || script == Script::purge || script == Script::links) parts.push_back("walk");
  if (script == Script::list || script == Script::get || script == Script::ended) parts.push_back("describe");
  if (script == Script::outbox || script == Script::deliver || script == Script::delivered)
    parts.push_back("far");
  // Each part is a function within the one before: what a function uses of its own surroundings is looked
  // for, by Lua, among all that is used so there, each time the script runs; what is further out it has at
  // once.
  std::string text = body.flags;
  for (const std::string_view outer : parts) text += part(outer).text + "\nreturn (function()\n";
  text += body.text;
  for (std::size_t i = 0; i < parts.size(); ++i) text.append("\nend)()");
  return text;
}

struct Known {
  std::string source;
  std::string sha;  // by which servers know it
};

const Known& known(Script script) {
  static const auto all = [] {
    std::array<Known, script_count> made;
    for (std::size_t i = 0; i < script_count; ++i) {
      made[i].source = make_source(static_cast<Script>(i));
      made[i].sha = queue::sha1_hex(made[i].source);
    }
    return made;
  }();
  return all[static_cast<std::size_t>(script)];
}

Command load_of(Script script) {
  Command command("SCRIPT");
  command.arg("LOAD").arg(known(script).source);
  return command;
}

}  // namespace

std::string_view to_string(Script script) noexcept {
  constexpr std::array<std::string_view, script_count> names{
      "enqueue",  "depend",  "settle", "extend",     "take",     "cancel",  "retry",     "purge",
      "list",     "get",     "queues", "known",      "put_note", "bury",    "pass",      "touch",
      "rights",   "layout",  "member", "depend_far", "outbox",   "deliver", "delivered", "pause",
      "withdraw", "readmit", "ended",  "announce",   "members",  "ask",     "answer",    "links"};
  return names[static_cast<std::size_t>(script)];
}

const std::string& source_of(Script script) {
  return known(script).source;
}

const std::vector<std::string>& commands_in_scripts() {
  static const auto all = [] {
    std::set<std::string> commands;
    for (const std::string_view mark : {"call('", "write_all('"})
      for (const File& each : files)
        for (std::size_t at = each.text.find(mark); at != std::string_view::npos;
             at = each.text.find(mark, at)) {
          at += mark.size();
          commands.emplace(each.text.substr(at, each.text.find('\'', at) - at));
        }
    return std::vector<std::string>(commands.begin(), commands.end());
  }();
  return all;
}

std::vector<Command> script_loads() {
  std::vector<Command> commands;
  commands.reserve(script_count);
  for (std::size_t i = 0; i < script_count; ++i) commands.push_back(load_of(static_cast<Script>(i)));
  return commands;
}

Task<void> load_scripts(Link& link, const Settings& settings) {
  Command exists("SCRIPT");
  exists.arg("EXISTS");
  for (std::size_t i = 0; i < script_count; ++i) exists.arg(known(static_cast<Script>(i)).sha);
  const Reply there = co_await link.call(std::move(exists));
  std::vector<Command> loads;
  for (std::size_t i = 0; i < script_count; ++i) {
    const Script script = static_cast<Script>(i);
    const bool has = there.kind() == Reply::Kind::array && i < there.array().size() &&
                     there.array()[i].kind() == Reply::Kind::integer && there.array()[i].integer() == 1;
    // One always, and a short one: a user that may not load is told now, and not when the server has
    // restarted.
    if (!has || script == Script::rights) loads.push_back(load_of(script));
  }
  const std::vector<Reply> replies = co_await link.call_all(loads);
  for (const Reply& reply : replies) throw_if_error(reply, settings);
}

Task<std::vector<Reply>> send_scripts(Connection& connection, const std::vector<Command>& commands) {
  std::vector<Reply> replies = co_await connection.call_all(commands);
  bool lost_scripts = false;
  for (const Reply& reply : replies) {
    lost_scripts = lost_scripts || reply.is_error("NOSCRIPT");
    if (reply.is_error("READONLY")) connection.drop("it has become a replica");
  }
  if (!lost_scripts) co_return replies;
  const std::vector<Command> loads = script_loads();
  const std::vector<Reply> loaded = co_await connection.call_all(loads);
  for (const Reply& reply : loaded) throw_if_error(reply, connection.settings());
  replies = co_await connection.call_all(commands);
  co_return replies;
}

Command script_call(Script script, std::string_view key, std::size_t room) {
  Command command("EVALSHA", room + 128);
  command.arg(known(script).sha).arg("1").arg(key);
  return command;
}

Command script_call(Script script) {
  return Command("EVALSHA").arg(known(script).sha).arg("0");
}

}  // namespace coterie::brokers::redis

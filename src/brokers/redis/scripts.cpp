#include "src/brokers/redis/scripts.hpp"

#include <set>

#include "src/brokers/redis/server_error.hpp"

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

}  // namespace

std::string_view to_string(Script script) noexcept {
  constexpr std::array<std::string_view, script_count> names{
      "enqueue", "depend", "settle", "take",     "cancel", "retry", "purge", "list",
      "get",     "queues", "known",  "put_note", "bury",   "pass",  "touch", "rights"};
  return names[static_cast<std::size_t>(script)];
}

std::string source_of(Script script) {
  std::string_view body = file(to_string(script));
  std::string text;
  if (body.substr(0, 2) == "#!") {  // its flags, which must come first
    const std::size_t end = body.find('\n') + 1;
    text.append(body.substr(0, end));
    body.remove_prefix(end);
  }
  text.append(file("prelude")).append(file("names")).append(file("wake"));
  if (script == Script::settle || script == Script::take) text.append(file("worker"));
  if (script == Script::list || script == Script::purge) text.append(file("walk"));
  if (script == Script::list || script == Script::get) text.append(file("describe"));
  text.append(body);
  return text;
}

std::vector<std::string> commands_in_scripts() {
  constexpr std::string_view mark = "call('";
  std::set<std::string> commands;
  for (const File& each : files)
    for (std::size_t at = each.text.find(mark); at != std::string_view::npos; at = each.text.find(mark, at)) {
      at += mark.size();
      commands.emplace(each.text.substr(at, each.text.find('\'', at) - at));
    }
  return {commands.begin(), commands.end()};
}

std::vector<Command> Scripts::loads() {
  std::vector<Command> commands;
  for (std::size_t i = 0; i < script_count; ++i) {
    Command& command = commands.emplace_back("SCRIPT");
    command.arg("LOAD").arg(source_of(static_cast<Script>(i)));
  }
  return commands;
}

Task<void> Scripts::load(Link& link, const Settings& settings) {
  const std::vector<Command> commands = loads();
  std::vector<Reply> replies = co_await link.call_all(commands);
  for (std::size_t i = 0; i < script_count; ++i) {
    throw_if_error(replies[i], settings);
    shas_[i] = replies[i].take_string();
  }
}

Command Scripts::command(Script script, std::string_view key, std::size_t room) const {
  Command command("EVALSHA", room + 128);
  command.arg(shas_[static_cast<std::size_t>(script)]).arg("1").arg(key);
  return command;
}

}  // namespace coterie::brokers::redis

// Which commands the URL's user may run. The server is asked, not its rules: ACL DRYRUN says what would be;
// where that is not allowed, a command within MULTI is looked at, and forgotten by DISCARD.
#include <sstream>
#include <utility>

#include "src/brokers/redis/doctor.hpp"
#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {
namespace {

constexpr std::string_view no_script = "0000000000000000000000000000000000000000";

/// One of the list in words, and behind `first` as a command.
Command filled_in(const Patient& patient, std::string_view pattern, std::vector<std::string> words) {
  std::istringstream in{std::string(pattern)};
  for (std::string word; in >> word;) {
    if (word == "K") word = patient.settings.prefix() + "m";
    if (word == "C") word = patient.settings.prefix() + "v";
    if (word == "S") word = no_script;
    words.push_back(std::move(word));
  }
  Command command(words.at(0));
  for (std::size_t i = 1; i < words.size(); ++i) command.arg(words[i]);
  return command;
}

/// "EVALSHA", "SCRIPT|LOAD".
std::string name_of(std::string_view pattern) {
  const std::size_t space = pattern.find(' ');
  std::string name(pattern.substr(0, space));
  if (name == "SCRIPT" || name == "CONFIG" || name == "CLUSTER")
    name += "|" + std::string(pattern.substr(space + 1, pattern.find(' ', space + 1) - space - 1));
  return name;
}

std::vector<Command> dry_runs(const Patient& patient, const std::vector<std::string_view>& patterns,
                              const std::string& user) {
  std::vector<Command> commands;
  commands.reserve(patterns.size());
  for (const std::string_view pattern : patterns)
    commands.push_back(filled_in(patient, pattern, {"ACL", "DRYRUN", user}));
  return commands;
}

/// To be sent within MULTI only.
std::vector<Command> forgotten(const Patient& patient, const std::vector<std::string_view>& patterns) {
  std::vector<Command> commands;
  commands.reserve(patterns.size() + 1);
  for (const std::string_view pattern : patterns) commands.push_back(filled_in(patient, pattern, {}));
  commands.emplace_back("DISCARD");
  return commands;
}

std::vector<std::string_view> commands_for(const Settings& settings) {
  std::vector<std::string_view> all = commands_of_a_broker();
  if (settings.database != 0) all.emplace_back("SELECT 0");
  if (settings.by_cluster()) all.insert(all.end(), {"CLUSTER SLOTS", "CLUSTER NODES"});
  if (asks_for(settings, Durable::Level::replicas)) all.emplace_back("WAIT 0 1");
  if (asks_for(settings, Durable::Level::fsync)) all.emplace_back("CONFIG GET appendfsync");
  return all;
}

void report(Patient& patient, const std::vector<std::string>& missing, std::size_t looked_at,
            const std::string& said) {
  if (missing.empty()) {
    patient.out.ok("rights", "all " + std::to_string(looked_at) + " that a broker needs", {},
                   {{"missing", 0}});
    return;
  }
  std::string names;
  for (const std::string& name : missing) names += (names.empty() ? "" : ", ") + name;
  patient.out.problem("rights", "missing: " + names, "calls of the queue are refused (" + said + ")",
                      "allow them, as by " + acl_cure(patient.settings),
                      {{"missing", static_cast<double>(missing.size())}});
}

}  // namespace

const std::vector<std::string_view>& commands_of_a_broker() {
  static const std::vector<std::string_view> commands{
      // of the broker itself
      "INFO", "PING", "SCRIPT LOAD S", "SCRIPT EXISTS S", "EVALSHA S 1 K", "SSUBSCRIBE C",
      // of its scripts
      "DEL K", "EXISTS K", "GET K", "GETRANGE K 0 0", "HDEL K f", "HGET K f", "HGETALL K", "HINCRBY K f 1",
      "HLEN K", "HMGET K f", "HSCAN K 0", "HSET K f v", "LRANGE K 0 0", "LINDEX K 0", "LPOP K", "LREM K 0 e",
      "LTRIM K 0 0", "MGET K", "MSET K v", "PEXPIRE K 1", "RPUSH K e", "SADD K m", "SCARD K", "SET K v",
      "SETRANGE K 0 v", "SPUBLISH C v", "SRANDMEMBER K 1", "SREM K m", "TIME", "UNLINK K", "ZADD K 1 m",
      "ZCARD K", "ZCOUNT K 0 1", "ZMSCORE K m", "ZPOPMAX K", "ZPOPMIN K", "ZRANDMEMBER K 1", "ZRANGE K 0 0",
      "ZRANGEBYSCORE K 0 1", "ZRANK K m", "ZREM K m", "ZREMRANGEBYSCORE K 0 1", "ZREVRANGE K 0 0",
      "ZSCORE K m"};
  return commands;
}

Task<void> look_at_rights(Patient& patient) {
  const std::vector<std::string_view> patterns = commands_for(patient.settings);
  const Reply whoami = co_await patient.link.call(Command("ACL").arg("WHOAMI"));
  std::string user = patient.settings.user.empty() ? "default" : patient.settings.user;
  if (whoami.kind() == Reply::Kind::string) user = whoami.string();
  std::vector<Command> commands = dry_runs(patient, patterns, user);
  std::vector<Reply> replies = co_await patient.link.call_all(commands);
  std::vector<std::string> missing;
  std::string said;
  const auto miss = [&](std::size_t i, const std::string& why) {
    missing.push_back(name_of(patterns[i]));
    if (said.empty()) said = why;
  };
  // What it says itself is a text, not an error.
  if (replies[0].kind() == Reply::Kind::string || replies[0].kind() == Reply::Kind::status) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (replies[i].is_error())
        miss(i, replies[i].error());
      else if (replies[i].string() != "OK")
        miss(i, replies[i].string());
    }
    report(patient, missing, patterns.size(), said);
    co_return;
  }
  // Alone: were it refused, what follows would be run.
  const Reply multi = co_await patient.link.call(Command("MULTI"));
  if (multi.kind() != Reply::Kind::status || multi.string() != "OK") {
    patient.out.unknown(
        "rights", why_not(multi, "+acl|dryrun, and +multi +discard, by one of which they are looked at"),
        "a broker tells when it starts: it needs what " + acl_cure(patient.settings) + " gives");
    co_return;
  }
  commands = forgotten(patient, patterns);
  replies = co_await patient.link.call_all(commands);
  // Rights are looked at first: who is sent elsewhere, where the key's slot is, has them.
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (replies[i].is_error() && !is_elsewhere(replies[i])) miss(i, replies[i].error());
  report(patient, missing, patterns.size(), said);
}

}  // namespace coterie::brokers::redis

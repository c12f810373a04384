#include "src/brokers/redis/durability.hpp"

#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "coterie/core/duration.hpp"

namespace coterie::brokers::redis {
namespace {

/// CONFIG GET's answer is names and values in turns. Empty where it is not there.
std::string setting_of(const Reply& reply, std::string_view name) {
  if (reply.kind() != Reply::Kind::array) return {};
  const std::vector<Reply>& words = reply.array();
  for (std::size_t i = 0; i + 1 < words.size(); i += 2)
    if (words[i].string() == name) return words[i + 1].string();
  return {};
}

std::int64_t milliseconds_of(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

std::string to_string(const Durable& durable) {
  switch (durable.level) {
    case Durable::Level::fsync:
      return "fsync";
    case Durable::Level::replicas:
      return "replicas:" + std::to_string(durable.replicas);
    default:
      return "memory";
  }
}

void Durability::refuse(const std::string& why) const {
  throw queue::BadBroker(settings_.url() + ": " + why);
}

Task<void> Durability::learn(Link& link, const ServerInfo& server) {
  if (asks_for(settings_, Durable::Level::fsync)) co_await learn_fsync(link, server);
  if (asks_for(settings_, Durable::Level::replicas)) co_await learn_replicas(link);
}

Task<void> Durability::learn_fsync(Link& link, const ServerInfo& server) {
  std::vector<Command> commands;
  commands.push_back(
      Command("CONFIG").arg("GET").arg("appendonly").arg("appendfsync").arg("no-appendfsync-on-rewrite"));
  commands.push_back(Command("WAITAOF").arg(0).arg(0).arg(1));
  const std::vector<Reply> replies = co_await link.call_all(commands);
  const std::string appendfsync = setting_of(replies[0], "appendfsync");
  const std::string not_on_rewrite = setting_of(replies[0], "no-appendfsync-on-rewrite");
  if (!server.aof_enabled || setting_of(replies[0], "appendonly") == "no")
    refuse(
        "the URL asks for durable=fsync, and the server keeps no append-only file: set its appendonly to "
        "yes (and appendfsync to always, before Redis 7.2), or leave fsync out of the URL");
  // While it writes its file anew, a server with this set replies without having synced.
  const bool always = appendfsync == "always" && not_on_rewrite == "no";
  asks_waitaof_ = !always;
  if (always || replies[1].kind() == Reply::Kind::array) co_return;
  if (replies[1].is_error("NOPERM"))
    refuse(
        "the URL asks for durable=fsync, and its user may not run WAITAOF: allow it by ACL SETUSER "
        "… +waitaof, or set the server's appendfsync to always and allow +config|get");
  if (appendfsync.empty())
    refuse(
        "the URL asks for durable=fsync, and its user may not read whether appendfsync is always: allow "
        "it by ACL SETUSER … +config|get (Redis " +
        server.version + " has no WAITAOF, which 7.2 has)");
  if (appendfsync == "always")
    refuse(
        "the URL asks for durable=fsync, and the server's no-appendfsync-on-rewrite is yes, so that it does "
        "not sync while it rewrites its file: set it to no");
  refuse("the URL asks for durable=fsync, and the server's appendfsync is " + appendfsync +
         ": set it to always (CONFIG SET appendfsync always), or take Redis 7.2 or newer, where WAITAOF "
         "tells (this is " +
         server.version + ")");
}

Task<void> Durability::learn_replicas(Link& link) {
  // For none, which is answered at once.
  const Reply reply = co_await link.call(Command("WAIT").arg(0).arg(1));
  if (reply.is_error("NOPERM"))
    refuse(
        "the URL asks for durable=replicas, and its user may not run WAIT: allow it by ACL SETUSER … +wait");
  if (reply.kind() != Reply::Kind::integer)
    refuse("the URL asks for durable=replicas, and the server takes no WAIT: " + reply.describe());
}

std::optional<Command> Durability::question(const Durable& durable) const {
  const std::int64_t timeout = milliseconds_of(settings_.durable_timeout);
  std::optional<Command> command;
  if (durable.level == Durable::Level::replicas)
    command = Command("WAIT").arg(durable.replicas).arg(timeout);
  else if (durable.level == Durable::Level::fsync && asks_waitaof_)
    command = Command("WAITAOF").arg(1).arg(0).arg(timeout);
  return command;
}

void Durability::check(const Durable& durable, const Reply& answer) const {
  if (answer.is_error()) throw_unknown(durable, "Redis: " + answer.error());
  const bool replicas = durable.level == Durable::Level::replicas;
  const std::uint32_t needed = replicas ? durable.replicas : 1;
  const std::int64_t got = replicas ? answer.integer() : answer.at(0).integer();
  if (got >= static_cast<std::int64_t>(needed)) return;
  const std::string time = detail::seconds_text(settings_.durable_timeout);
  throw_unknown(durable, replicas
                             ? std::to_string(got) + " of " + std::to_string(needed) + " had it within " +
                                   time + "; INFO replication shows which are connected"
                             : "its disk had not synced it within " + time);
}

void Durability::throw_unknown(const Durable& durable, const std::string& why) const {
  throw queue::BrokerUnavailable(
      settings_.url() + ": the call was applied, but whether it is durable (" + to_string(durable) +
      ") is unknown: repeat it with the same ids, and nothing is done twice (" + why + ")");
}

}  // namespace coterie::brokers::redis

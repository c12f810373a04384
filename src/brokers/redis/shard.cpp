#include "src/brokers/redis/shard.hpp"

#include <iterator>
#include <utility>

#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {
namespace {

/// Older than this, what we know of the server's clock says nothing about steps of it: two clocks drift
/// apart.
constexpr queue::Milliseconds clock_known_for{std::chrono::minutes(30)};

}  // namespace

Shard::Shard(std::shared_ptr<Locator> locator, const queue::Limits& limits,
             std::optional<queue::ClockSource> clock)
    : limits_(limits),
      clock_(std::move(clock)),
      prefix_(locator->settings().prefix()),
      key_(prefix_ + "m"),
      durability_(locator->settings()),
      connection_(std::move(locator),
                  [this](Link& link, const ServerInfo& server) { return prepare(link, server); }),
      random_(std::random_device{}()) {}

Task<void> Shard::open() {
  const ServerInfo server = co_await connection_.connect();
  if (server.mode == "cluster")
    throw queue::BadBroker(connection_.settings().url() +
                           ": it runs as a cluster, which the queue does not know yet: name a server that "
                           "stands by itself");
  if (!connection_.settings().accept_loss && !server.maxmemory_policy.empty() &&
      server.maxmemory_policy != "noeviction")
    throw queue::BadBroker(
        connection_.settings().url() + ": its maxmemory-policy is " + server.maxmemory_policy +
        ", so that it would throw jobs away when its memory is full: set it to noeviction, or say "
        "?accept_loss=yes");
}

Task<void> Shard::close() {
  co_await connection_.close();
  co_await sends_.close();
}

/// A script's call up to what is its own: the time, and when we expect it to be.
Command Shard::begin(Script script, std::size_t room) const {
  Command command = scripts_.command(script, key_, room);
  const queue::ClockReading reading = clock_ ? (*clock_)() : queue::read_system_clock();
  if (clock_)
    command.arg(reading.wall);
  else
    command.arg("");
  const queue::Milliseconds since = reading.elapsed - known_at_;
  if (knows_time_ && since < clock_known_for)
    command.arg(server_now_ + since.count());
  else
    command.arg("");
  command.arg(server_steps_);
  return command;
}

void Shard::learn(queue::UnixMillis now, queue::UnixMillis steps) {
  knows_time_ = true;
  server_now_ = now;
  server_steps_ = steps;
  known_at_ = (clock_ ? (*clock_)() : queue::read_system_clock()).elapsed;
}

/// Sends scripts and gives their replies. A server that has lost its scripts (SCRIPT FLUSH, a failover) is
/// given them again.
Task<std::vector<Reply>> Shard::send(std::vector<Command> commands) {
  std::vector<Reply> replies = co_await connection_.call_all(commands);
  bool lost_scripts = false;
  for (const Reply& reply : replies) {
    lost_scripts = lost_scripts || reply.is_error("NOSCRIPT");
    if (reply.is_error("READONLY")) connection_.drop("it has become a replica");
  }
  if (!lost_scripts) co_return replies;
  const std::vector<Command> loads = Scripts::loads();
  const std::vector<Reply> loaded = co_await connection_.call_all(loads);
  for (const Reply& reply : loaded) throw_if_error(reply, connection_.settings());
  replies = co_await connection_.call_all(commands);
  co_return replies;
}

/// On each new connection.
Task<void> Shard::prepare(Link& link, const ServerInfo& server) {
  co_await scripts_.load(link, connection_.settings());
  if (server.mode != "cluster") co_await check_rights(link);
  co_await durability_.learn(link, server);
}

Task<void> Shard::check_rights(Link& link) const {
  Command command = scripts_.command(Script::rights, key_);
  for (const std::string& name : commands_in_scripts()) command.arg(name);
  const Reply reply = co_await link.call(std::move(command));
  throw_if_error(reply, connection_.settings());
  std::string refused;
  for (const Reply& name : reply.array()) refused += (refused.empty() ? "" : ", ") + name.string();
  if (!refused.empty())
    throw queue::BadBroker(connection_.settings().url() + ": this user may not run " + refused + " on " +
                           prefix_ + "*, as the queue's scripts do: allow it, as by " +
                           acl_example(connection_.settings()));
}

/// Behind the scripts: a write, for see touch.lua, and what asks for it.
void Shard::ask_for(const Durable& durable, std::vector<Command>& commands) const {
  std::optional<Command> question = durability_.question(durable);
  if (!question) return;
  commands.push_back(begin(Script::touch));
  commands.push_back(std::move(*question));
}

Task<std::vector<Reply>> Shard::send_durably(std::vector<Command> commands, Durable durable) {
  const std::size_t scripts = commands.size();
  const std::uint64_t connection = connection_.connections();
  ask_for(durable, commands);
  std::vector<Reply> replies = co_await send(std::move(commands));
  const std::vector<Reply> answers(
      std::make_move_iterator(replies.begin() + static_cast<std::ptrdiff_t>(scripts)),
      std::make_move_iterator(replies.end()));
  replies.resize(scripts);
  for (const Reply& reply : replies)
    if (reply.is_error()) co_return replies;
  durability_.check(durable, answers);
  if (connection_.connections() == connection) co_return replies;
  // It went over a newer connection than the one for which it was composed, and what is to be asked there may
  // be something else.
  std::vector<Command> again;
  ask_for(durable, again);
  if (again.empty()) co_return replies;
  const std::vector<Reply> newer = co_await send(std::move(again));
  durability_.check(durable, newer);
  co_return replies;
}

/// The same where an error of the server is an error of the call.
Task<std::vector<Reply>> Shard::run(std::vector<Command> commands) {
  std::vector<Reply> replies = co_await send(std::move(commands));
  for (const Reply& reply : replies) throw_if_error(reply, connection_.settings());
  co_return replies;
}

Task<Reply> Shard::run(Command command) {
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  std::vector<Reply> replies = co_await run(std::move(commands));
  co_return std::move(replies.at(0));
}

Task<std::uint64_t> Shard::version() {
  const Reply reply = co_await run(Command("HGET").arg(key_).arg("n"));
  co_return reply.is_nil() ? 1 : std::stoull(reply.string());
}

Task<std::optional<std::string>> Shard::get_note(std::string key) {
  Reply reply = co_await run(Command("HGET").arg(prefix_ + "i").arg(key));
  std::optional<std::string> value;
  if (!reply.is_nil()) value = reply.take_string();
  co_return value;
}

Task<bool> Shard::put_note(std::string key, std::optional<std::string> expected, std::string value) {
  Command command = begin(Script::put_note, value.size());
  command.arg(key).arg(expected ? "1" : "0").arg(expected.value_or("")).arg(value);
  const Reply reply = co_await run(std::move(command));
  co_return reply.integer() == 1;
}

Task<std::vector<queue::CancelResult>> Shard::cancel(std::vector<queue::JobId> ids) {
  std::vector<queue::CancelResult> results;
  std::vector<Command> commands = for_ids(Script::cancel, ids);
  const std::vector<Reply> replies = co_await run(std::move(commands));
  for (const Reply& reply : replies)
    for (const Reply& one : reply.array()) results.push_back(static_cast<queue::CancelResult>(one.integer()));
  co_return results;
}

Task<std::vector<bool>> Shard::retry(std::vector<queue::JobId> ids) {
  std::vector<bool> results;
  std::vector<Command> commands = for_ids(Script::retry, ids);
  const std::vector<Reply> replies = co_await run(std::move(commands));
  for (const Reply& reply : replies)
    for (const Reply& one : reply.array()) results.push_back(one.integer() == 1);
  co_return results;
}

std::vector<Command> Shard::for_ids(Script script, const std::vector<queue::JobId>& ids) const {
  std::vector<Command> commands;
  for (std::size_t from = 0; from < ids.size(); from += units) {
    Command& command = commands.emplace_back(begin(script, units * 24));
    for (std::size_t i = from; i < ids.size() && i < from + units; ++i) command.arg(bytes_of(ids[i]));
  }
  return commands;
}

}  // namespace coterie::brokers::redis

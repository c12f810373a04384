#include "src/brokers/redis/shard.hpp"

#include <utility>

#include "src/brokers/redis/server_error.hpp"

namespace coterie::brokers::redis {
namespace {

/// Older than this, what we know of the server's clock says nothing about steps of it: two clocks drift
/// apart.
constexpr queue::Milliseconds clock_known_for{std::chrono::minutes(30)};

}  // namespace

Shard::Shard(Servers& servers, std::uint32_t number, const queue::Limits& limits,
             std::optional<queue::ClockSource> clock)
    : servers_(servers),
      number_(number),
      limits_(limits),
      clock_(std::move(clock)),
      prefix_(servers.settings().prefix(number)),
      key_(prefix_ + "m"),
      random_(std::random_device{}()) {}

Task<void> Shard::close() {
  co_await sends_.close();
}

std::unique_ptr<Subscription> Shard::listen(std::string channel, Subscription::OnMessage on_message,
                                            Subscription::OnConnected on_connected) {
  return servers_.listen(number_, std::move(channel), std::move(on_message), std::move(on_connected));
}

/// A script's call up to what is its own: the time, and when we expect it to be.
Command Shard::begin(Script script, std::size_t room) const {
  Command command = script_call(script, key_, room);
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

Task<std::vector<Reply>> Shard::send(std::vector<Command> commands) {
  return servers_.send(number_, std::move(commands));
}

Task<std::vector<Reply>> Shard::send_durably(std::vector<Command> commands, Durable durable) {
  if (durable.level == Durable::Level::memory) return send(std::move(commands));
  return servers_.send_durably(number_, std::move(commands), durable, begin(Script::touch));
}

/// The same where an error of the server is an error of the call.
Task<std::vector<Reply>> Shard::run(std::vector<Command> commands) {
  std::vector<Reply> replies = co_await send(std::move(commands));
  for (const Reply& reply : replies) throw_if_error(reply, settings());
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

std::vector<Command> Shard::for_ids(Script script, const std::vector<queue::JobId>& ids,
                                    const std::vector<std::size_t>& places) const {
  std::vector<queue::JobId> asked;
  asked.reserve(places.size());
  for (const std::size_t place : places) asked.push_back(ids[place]);
  return for_ids(script, asked);
}

}  // namespace coterie::brokers::redis

#include "src/brokers/redis/watch.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "coterie/await_outcome.hpp"
#include "coterie/timeout.hpp"

namespace coterie::brokers::redis {

Task<std::uint64_t> Watch::changed(std::uint64_t seen, queue::Milliseconds at_most) {
  if (at_most > queue::Milliseconds{0}) listen();
  // A server that is away is told to the caller here, who knows how long to try.
  if (!sum() || !hears_all()) co_await ask_all();
  const std::uint64_t now = sum().value_or(seen);
  if (!sum() || now != seen || at_most <= queue::Milliseconds{0}) co_return now;
  Task<void> waiting = until_changed(seen);
  Task<void> limited = wait_for(at_most, std::move(waiting));
  Outcome<void> end = co_await outcome(std::move(limited));
  if (end.cancelled()) end.get();
  co_return sum().value_or(seen);
}

Task<std::uint64_t> Watch::version() {
  const std::vector<std::uint64_t> versions = co_await shards_.versions();
  co_return std::accumulate(versions.begin(), versions.end(), std::uint64_t{0});
}

Task<void> Watch::close() {
  for (const Line& line : lines_)
    if (line.subscription) co_await line.subscription->close();
  co_await looks_.close();
}

void Watch::listen() {
  lines_.resize(shards_.size());
  for (std::uint32_t i = 0; i < shards_.size(); ++i) {
    if (lines_[i].subscription) continue;
    const auto message = [this, i](std::string_view payload) {
      std::uint64_t version = 0;
      std::from_chars(payload.data(), payload.data() + payload.size(), version);
      ++lines_[i].messages;
      notice(lines_[i], version);
    };
    const auto connected = [this, i] { looks_.spawn(&Watch::look, this, i); };
    lines_[i].subscription = shards_.at(i).listen(shards_.at(i).channel(), message, connected);
  }
}

bool Watch::hears_all() const {
  return !lines_.empty() && std::all_of(lines_.begin(), lines_.end(), [](const Line& line) {
    return line.subscription && line.subscription->listening();
  });
}

std::optional<std::uint64_t> Watch::sum() const {
  if (lines_.empty()) return std::nullopt;
  std::uint64_t all = 0;
  for (const Line& line : lines_) {
    if (!line.version) return std::nullopt;
    all += *line.version;
  }
  return all;
}

void Watch::notice(Line& line, std::optional<std::uint64_t> version) {
  line.version = version;
  change_.set();
  change_.clear();
}

Task<void> Watch::ask_all() {
  lines_.resize(shards_.size());
  std::vector<std::uint64_t> before;
  before.reserve(lines_.size());
  for (const Line& line : lines_) before.push_back(line.messages);
  const std::vector<std::uint64_t> versions = co_await shards_.versions();
  for (std::size_t i = 0; i < lines_.size(); ++i)
    if (lines_[i].messages == before[i]) lines_[i].version = versions[i];
}

/// Listening has begun (again): what was published before then went by.
Task<void> Watch::look(std::uint32_t shard) {
  const std::uint64_t before = lines_[shard].messages;
  Task<std::uint64_t> asked = shards_.at(shard).version();
  Outcome<std::uint64_t> version = co_await outcome(std::move(asked));
  // What was published meanwhile came by another connection, and is newer.
  if (lines_[shard].messages == before)
    notice(lines_[shard], version.has_value() ? std::optional(version.get()) : std::nullopt);
  if (version.cancelled()) (void)version.get();
}

Task<void> Watch::until_changed(std::uint64_t seen) {
  while (sum() && sum() == seen) co_await change_.wait();
}

}  // namespace coterie::brokers::redis

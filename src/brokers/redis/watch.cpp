#include "src/brokers/redis/watch.hpp"

#include <charconv>

#include "coterie/await_outcome.hpp"
#include "coterie/timeout.hpp"

namespace coterie::brokers::redis {

Task<std::uint64_t> Watch::changed(std::uint64_t seen, queue::Milliseconds at_most) {
  if (at_most > queue::Milliseconds{0}) listen();
  // A server that is away is told to the caller here, who knows how long to try.
  if (!version_ || !subscription_ || !subscription_->listening()) {
    const std::uint64_t before = messages_;
    const std::uint64_t now = co_await shard_.version();
    if (messages_ == before) version_ = now;
  }
  if (!version_ || *version_ != seen || at_most <= queue::Milliseconds{0}) co_return version_.value_or(seen);
  Task<void> waiting = until_changed(seen);
  Task<void> limited = wait_for(at_most, std::move(waiting));
  Outcome<void> end = co_await outcome(std::move(limited));
  if (end.cancelled()) end.get();
  co_return version_.value_or(seen);
}

Task<void> Watch::close() {
  if (subscription_) co_await subscription_->close();
  co_await looks_.close();
}

void Watch::listen() {
  if (subscription_) return;
  const auto message = [this](std::string_view payload) {
    std::uint64_t version = 0;
    std::from_chars(payload.data(), payload.data() + payload.size(), version);
    ++messages_;
    notice(version);
  };
  const auto connected = [this] { looks_.spawn(&Watch::look, this); };
  subscription_ = shard_.listen(shard_.channel(), message, connected);
}

void Watch::notice(std::optional<std::uint64_t> version) {
  version_ = version;
  change_.set();
  change_.clear();
}

/// Listening has begun (again): what was published before then went by.
Task<void> Watch::look() {
  const std::uint64_t before = messages_;
  Task<std::uint64_t> asked = shard_.version();
  Outcome<std::uint64_t> version = co_await outcome(std::move(asked));
  // What was published meanwhile came by another connection, and is newer.
  if (messages_ == before) notice(version.has_value() ? std::optional(version.get()) : std::nullopt);
  if (version.cancelled()) (void)version.get();
}

Task<void> Watch::until_changed(std::uint64_t seen) {
  while (version_ && *version_ == seen) co_await change_.wait();
}

}  // namespace coterie::brokers::redis

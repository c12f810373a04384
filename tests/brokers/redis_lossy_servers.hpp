#pragma once
// The way from shards to their servers, on which calls get lost.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/scope.hpp"
#include "coterie/sleep.hpp"
#include "src/brokers/redis/servers.hpp"

namespace broker_suite {

/// How often each befell a run.
struct Losses {
  std::uint64_t before = 0;  ///< nothing of a call arrived
  std::uint64_t within = 0;  ///< some of its scripts did
  std::uint64_t after = 0;   ///< all of them, and the reply was lost
  std::uint64_t late = 0;    ///< it arrived once more when others had, as from a connection that was given up
  std::uint64_t passed = 0;  ///< calls that others had overtaken
  std::uint64_t far = 0;     ///< no loss: jobs that wait for one in another shard, which needs letters
  Losses() = default;
  Losses& operator+=(const Losses& more) {
    before += more.before;
    within += more.within;
    after += more.after;
    late += more.late;
    passed += more.passed;
    far += more.far;
    return *this;
  }
};

/// Draws what becomes of each call. Belongs to one loop.
class LossyServers final : public coterie::brokers::redis::Servers {
 public:
  using Command = coterie::brokers::redis::Command;
  using Reply = coterie::brokers::redis::Reply;
  using Settings = coterie::brokers::redis::Settings;
  using Subscription = coterie::brokers::redis::Subscription;
  using Durable = coterie::brokers::redis::Durable;
  template <class T>
  using Task = coterie::Task<T>;

  LossyServers(std::unique_ptr<Servers> real, std::mt19937_64& random)
      : real_(std::move(real)), random_(random) {}

  bool calm = true;  ///< nothing is lost
  Losses losses;
  /// Calls that have reached the servers.
  [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }
  /// Until so many more have, or nobody else calls.
  Task<void> let_pass(std::uint64_t calls) {
    const std::uint64_t until = arrived_ + calls;
    for (int ticks = 0; ticks < 500 && arrived_ < until; ++ticks) co_await coterie::yield();
  }
  /// Past all of this.
  [[nodiscard]] Servers& real() noexcept { return *real_; }

  Task<void> open() override { return real_->open(); }
  Task<void> close() override {
    co_await late_.join();
    co_await real_->close();
  }
  Task<std::vector<Reply>> send(std::uint32_t shard, std::vector<Command> commands) override {
    const Fate fate = draw();
    if (!calm && below(5) == 0) {
      ++losses.passed;
      co_await let_pass(1 + below(6));
    }
    if (fate == Fate::lost_before) lose(losses.before);
    if (fate == Fate::lost_within) {
      commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(below(commands.size())), commands.end());
      if (commands.empty()) lose(losses.before);
    }
    if (fate == Fate::again) late_.spawn(&LossyServers::arrive_again, this, shard, commands);
    ++arrived_;
    Task<std::vector<Reply>> sending = real_->send(shard, std::move(commands));
    std::vector<Reply> replies = co_await std::move(sending);
    if (fate == Fate::lost_within) lose(losses.within);
    if (fate == Fate::lost_after) lose(losses.after);
    co_return replies;
  }
  Task<std::vector<Reply>> send_durably(std::uint32_t shard, std::vector<Command> commands, Durable durable,
                                        Command touch) override {
    return real_->send_durably(shard, std::move(commands), durable, std::move(touch));
  }
  std::unique_ptr<Subscription> listen(std::uint32_t shard, std::string channel,
                                       Subscription::OnMessage on_message,
                                       Subscription::OnConnected on_connected) override {
    return real_->listen(shard, std::move(channel), std::move(on_message), std::move(on_connected));
  }
  std::uint32_t default_shards() const noexcept override { return real_->default_shards(); }
  const Settings& settings() const noexcept override { return real_->settings(); }

 private:
  enum class Fate : std::uint8_t { none, lost_before, lost_within, lost_after, again };

  Fate draw() {
    const std::size_t dice = calm ? 100 : below(100);
    if (dice < 5) return Fate::lost_before;
    if (dice < 15) return Fate::lost_within;
    if (dice < 20) return Fate::lost_after;
    return dice < 25 ? Fate::again : Fate::none;
  }
  [[noreturn]] static void lose(std::uint64_t& count) {
    ++count;
    throw coterie::brokers::redis::LinkLost("lost by the test");
  }
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  Task<void> arrive_again(std::uint32_t shard, std::vector<Command> commands) {
    co_await let_pass(3 + below(20));
    ++losses.late;
    Task<std::vector<Reply>> sending = real_->send(shard, std::move(commands));
    (void)co_await coterie::outcome(std::move(sending));
  }

  const std::unique_ptr<Servers> real_;
  std::mt19937_64& random_;
  std::uint64_t arrived_ = 0;
  coterie::TaskScope late_{"calls that arrive again"};
};

}  // namespace broker_suite

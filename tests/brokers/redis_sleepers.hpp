#pragma once
// Workers that sleep at a broker on Redis, for the tests of who is told.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/cancel.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {

inline constexpr Milliseconds for_ever{std::chrono::minutes(10)};

/// A worker that has found nothing and waits to be told.
class Sleeper {
 public:
  explicit Sleeper(std::vector<std::string> names = {}) : names_(std::move(names)) {}

  CycleRequest ask(std::uint32_t want = 1) {
    CycleRequest request = worker_.next(want);
    request.names = names_;
    return request;
  }
  [[nodiscard]] Uuid id() { return worker_.ref().incarnation; }
  /// Asks, which must give nothing, and begins to wait.
  Task<void> fall_asleep(Broker& broker) {
    CycleReply reply = co_await broker.cycle(ask());
    EXPECT_TRUE(reply.leases.empty());
    next_due_ = reply.next_due;
    version_ = reply.version;
    waiting_ = coterie::spawn(&Broker::changed_for, &broker, id(), version_, for_ever);
    co_await coterie::yield();
  }
  Task<bool> told() {
    const std::uint64_t seen = co_await waiting_;
    co_return seen != version_;
  }
  [[nodiscard]] bool done() const { return waiting_.done(); }
  [[nodiscard]] UnixMillis next_due() const { return next_due_; }
  void stop() { waiting_.cancel(); }
  Task<void> end() {
    waiting_.cancel();
    (void)co_await coterie::outcome(waiting_);
  }

 private:
  TestWorker worker_;
  std::vector<std::string> names_;
  std::uint64_t version_ = 0;
  UnixMillis next_due_ = 0;
  coterie::JoinHandle<std::uint64_t> waiting_;
};

class RedisWakesTest : public RedisBrokerTest {
 public:
  /// Its process listens from now on.
  std::shared_ptr<Broker> open_listening() {
    std::shared_ptr<Broker> broker = open();
    Sleeper first;
    await([](Broker& at, Sleeper& sleeper) -> Task<void> {
      co_await sleeper.fall_asleep(at);  // nobody listened when it asked, so it is told once somebody does
      const bool told = co_await sleeper.told();
      EXPECT_TRUE(told);
    }(*broker, first));
    return broker;
  }
  /// While this thread's loop runs.
  std::int64_t ask(const std::string& words) {
    std::int64_t number = 0;
    std::thread([&] { number = administer(words).integer(); }).join();
    return number;
  }
  /// How many scripts clients had run. Each look's own connection begins with one.
  std::int64_t scripts_run() {
    std::string stats;
    std::thread([&] { stats = administer("INFO commandstats").string(); }).join();
    return std::stoll(stats.substr(stats.find("evalsha:calls=") + 14)) - ++looks_;
  }
  std::int64_t asleep() { return ask("ZCARD {coterie:0}A"); }
  UnixMillis wall() const { return clock_.wall(); }
  void pass_a_lease() { clock_.advance(TestWorker().lease + Milliseconds(1)); }
  std::int64_t looks_ = 0;
};

}  // namespace broker_suite

// Where a result and those who wait for it on other threads meet.
#include "coterie/threads/settlement.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

/// Waits for nothing; whoever wakes it stays in wake() until another thread has done `meanwhile()`.
class BusyPoller final : public Poller {
 public:
  explicit BusyPoller(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
  TimePoint now() noexcept override { return TimePoint(); }
  void poll(std::optional<TimePoint>) override {}
  void wake() noexcept override {
    ++wakes;
    std::thread(meanwhile_).join();
  }
  int wakes = 0;

 private:
  std::function<void()> meanwhile_;
};

struct Result final : detail::Settlement {
  ~Result() = default;
};

struct Stranger final : detail::Settlement::Waiter {
  void settled(Doorbell::Rings&) noexcept override {}
};

Task<void> wait_for_end(Result& result, int& heard) {
  co_await detail::SettledAwaiter(result);
  ++heard;
}

// Where both threads share a core, the one that is woken runs at once: were the lock held, it would have to
// sleep again for that. Here it would never get it.
TEST(Settlement, ItsLockIsFreeWhileThoseWhoWaitAreWoken) {
  Result result;
  Stranger stranger;
  auto poller = std::make_unique<BusyPoller>([&] { result.remove(stranger); });
  BusyPoller& busy = *poller;
  EventLoop loop(std::move(poller));
  int heard = 0;
  std::vector<JoinHandle<void>> waiting;
  loop.call_soon([&] {
    for (int i = 0; i < 3; ++i) waiting.push_back(spawn(wait_for_end, std::ref(result), std::ref(heard)));
  });
  int ticks_left = 4;  // they wait
  loop.run_until([&] { return --ticks_left == 0; });
  EXPECT_EQ(heard, 0);

  EXPECT_TRUE(result.settle([] {}));
  EXPECT_EQ(busy.wakes, 1);
  loop.run_until([&] { return heard == 3; });
}

TEST(Settlement, AWaiterThatGoesWhileItIsWokenIsLeftAlone) {
  Result result;
  auto poller = std::make_unique<BusyPoller>([] {});
  BusyPoller& busy = *poller;
  EventLoop loop(std::move(poller));
  int heard = 0;
  JoinHandle<void> waiting;
  loop.call_soon([&] { waiting = spawn(wait_for_end, std::ref(result), std::ref(heard)); });
  int ticks_left = 4;  // it waits
  loop.run_until([&] { return --ticks_left == 0; });

  EXPECT_TRUE(result.settle([] {}));
  loop.call_soon([&] { waiting.cancel(); });  // before the message is looked at, or right behind it
  loop.run_until([&] { return waiting.done(); });
  EXPECT_EQ(busy.wakes, 1);
  EXPECT_FALSE(result.settle([] {}));
}

}  // namespace
}  // namespace coterie

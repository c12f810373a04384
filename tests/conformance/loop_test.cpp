// The loop: callbacks, timers, stop() (list A; lines 3 to 8 stand in threads_callback_test.cpp).
#include <gmock/gmock.h>

#include <limits>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// Waits for nothing: notes until when the loop would have waited, and moves its clock there.
class NotingPoller final : public Poller {
 public:
  explicit NotingPoller(std::vector<std::optional<Duration>>& waits) : waits_(&waits) {}
  TimePoint now() noexcept override { return now_; }
  void poll(std::optional<TimePoint> deadline) override {
    if (!deadline) {
      waits_->push_back(std::nullopt);
      return;
    }
    waits_->push_back(std::max(*deadline, now_) - now_);
    now_ = std::max(*deadline, now_);
    if (on_poll) std::exchange(on_poll, nullptr)();
  }
  void wake() noexcept override {}
  std::function<void()> on_poll;  // once: what the system reports

 private:
  TimePoint now_{};
  std::vector<std::optional<Duration>>* waits_;
};

struct NotingLoop {
  std::vector<std::optional<Duration>> waits;
  NotingPoller* poller = new NotingPoller(waits);
  EventLoop loop{std::unique_ptr<Poller>(poller), nullptr, loop_options()};
};

// 1. test_base_events::BaseEventLoopTests.test_close
TEST(Loop, CloseTwiceIsFineAndRunningItAfterwardsIsAnError) {
  testing::VirtualLoop owner;
  EventLoop& loop = owner.loop();
  EXPECT_FALSE(loop.closed());
  loop.close();
  loop.close();
  EXPECT_TRUE(loop.closed());
  EXPECT_THROW(loop.run_forever(), std::logic_error);
  EXPECT_THROW(run_until_complete(loop, nop()), std::logic_error);
  EXPECT_THROW(run_until_complete(loop, Future<void>()), std::logic_error);
}

// Beyond the list.
TEST(Loop, CloseWhileItRunsIsAnError) {
  run([]() -> Task<void> {
    EXPECT_THROW(EventLoop::current().close(), std::logic_error);
    co_return;
  });
}

// 2. test_base_events::BaseEventLoopTests.test_call_soon
TEST(Loop, CallSoonQueuesAndDoesNotRunInline) {
  testing::VirtualLoop owner;
  bool ran = false;
  CallbackHandle handle = owner.loop().call_soon([&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_FALSE(handle.cancelled());
  EXPECT_EQ(handle.when(), std::nullopt);
  EXPECT_EQ(owner.loop().timer_count(), 0U);
  owner.run(ticks(1));
  EXPECT_TRUE(ran);
}

// 9. test_base_events::BaseEventLoopTests.test_call_later
TEST(Loop, CallLaterArmsATimerAndKnowsItsTime) {
  testing::VirtualLoop owner;
  EventLoop& loop = owner.loop();
  bool ran = false;
  const CallbackHandle handle = loop.call_later(10s, [&] { ran = true; });
  EXPECT_EQ(loop.timer_count(), 1U);
  EXPECT_EQ(handle.when(), loop.now() + 10s);
  owner.run(ticks(3));
  EXPECT_FALSE(ran) << "not among what is ready";
  EXPECT_THROW(
      loop.call_later(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), [] {}),
      std::invalid_argument);
  EXPECT_EQ(loop.timer_count(), 1U);
  owner.run(sleeper(10s));
  EXPECT_TRUE(ran);
}

// Beyond the list: deadlines beyond what the clock can express are held within it.
TEST(Loop, CallLaterTakesAnyDelay) {
  testing::VirtualLoop owner;
  std::vector<int> order;
  owner.loop().call_later(Duration::max(), [&] { order.push_back(2); });
  owner.loop().call_later(std::chrono::hours::max(), [&] { order.push_back(3); });
  owner.loop().call_later(std::chrono::duration<double>::min(), [&] { order.push_back(1); });
  owner.run(sleeper(24h));
  EXPECT_THAT(order, ElementsAre(1));
}

// 10. test_base_events::BaseEventLoopTests.test_call_later_negative_delays
TEST(Loop, NegativeDelaysRunInTheNextIterationByTheirTimes) {
  NotingLoop noting;
  std::vector<char> order;
  noting.loop.call_later(-1s, [&] { order.push_back('a'); });
  noting.loop.call_later(-2s, [&] { order.push_back('b'); });
  noting.loop.stop();  // after one iteration
  noting.loop.run_forever();
  EXPECT_THAT(order, ElementsAre('b', 'a'));
}

// 11. test_base_events::BaseEventLoopTests.test_time_and_call_at
TEST(Loop, CallAtIsNeverEarly) {
  const std::unique_ptr<EventLoop> loop = new_event_loop(loop_options());
  const TimePoint when = loop->now() + 30ms;
  TimePoint ran{};
  loop->call_at(when, [&] {
    ran = loop->now();
    loop->stop();
  });
  loop->run_forever();
  EXPECT_GE(ran, when);  // asyncio allows one resolution of the clock earlier
}

// 12. test_base_events::BaseEventLoopTests.test__run_once
TEST(Loop, CancelledTimerIsGoneAndNotWaitedFor) {
  NotingLoop noting;
  CallbackHandle cancelled = noting.loop.call_later(5s, [] { FAIL(); });
  noting.loop.call_later(10s, [&] { noting.loop.stop(); });
  cancelled.cancel();
  EXPECT_EQ(noting.loop.timer_count(), 1U);
  noting.loop.run_forever();
  EXPECT_THAT(noting.waits, ElementsAre(std::optional<Duration>(10s)));
  EXPECT_EQ(noting.loop.timer_count(), 0U);
}

// 13. test_base_events::BaseEventLoopTests.test__run_once_cancelled_event_cleanup
TEST(Loop, CancelledTimersLeaveAtOnceWhereverTheyStand) {
  testing::VirtualLoop owner;
  EventLoop& loop = owner.loop();
  std::vector<int> ran;
  std::vector<CallbackHandle> handles;
  handles.reserve(200);
  for (int i = 0; i < 200; ++i) handles.push_back(loop.call_later(i * 1s, [&ran, i] { ran.push_back(i); }));
  for (int i = 0; i < 200; ++i)
    if (i % 50 != 7) {
      handles[static_cast<std::size_t>(i)].cancel();
      EXPECT_TRUE(handles[static_cast<std::size_t>(i)].cancelled());
    }
  EXPECT_EQ(loop.timer_count(), 4U);  // asyncio waits until half of more than a hundred are dead
  owner.run(sleeper(1h));
  EXPECT_THAT(ran, ElementsAre(7, 57, 107, 157));
}

// 14. test_base_events::BaseEventLoopTests.test_run_forever_pre_stopped
TEST(Loop, StopBeforeRunForeverLooksOnceWithoutWaiting) {
  NotingLoop noting;
  int timer = 0;
  noting.loop.call_later(10s, [&] { ++timer; });
  noting.loop.stop();
  noting.loop.run_forever();
  EXPECT_THAT(noting.waits, ElementsAre(std::optional<Duration>(0s)));
  EXPECT_EQ(timer, 0);
}

// 15. test_base_events::BaseEventLoopTests.test_run_once
TEST(Loop, StopLetsWhatIsReadyRunOnce) {
  testing::VirtualLoop owner;
  int runs = 0;
  owner.loop().call_soon([&] { ++runs; });
  owner.loop().call_soon([&] { owner.loop().stop(); });
  owner.loop().run_forever();
  EXPECT_EQ(runs, 1);
}

// 16. test_base_events::BaseEventLoopTests.test_single_selecter_event_callback_after_stopping
TEST(Loop, EventOfTheIterationThatStopsIsServedOnce) {
  NotingLoop noting;
  int served = 0;
  noting.poller->on_poll = [&] {
    noting.loop.stop();
    noting.loop.call_soon([&] { ++served; });
  };
  noting.loop.call_later(1s, [] {});  // nothing is ready: it looks at the system first
  noting.loop.run_forever();
  EXPECT_EQ(served, 1);
  noting.loop.call_soon([&] { noting.loop.stop(); });
  noting.loop.run_forever();
  EXPECT_EQ(served, 1);
}

// 25. test_events::EventLoopTestsMixin.test_run_until_complete_nesting
TEST(Loop, RunInsideARunningLoopIsAnError) {
  run([]() -> Task<void> {
    EventLoop& loop = EventLoop::current();
    EXPECT_THROW(run_until_complete(loop, nop()), std::logic_error);
    testing::VirtualLoop other;
    EXPECT_THROW(run_until_complete(other.loop(), nop()), std::logic_error);
    EXPECT_EQ(loop.task_count(), 1U) << "what was not run was not started";
    EXPECT_EQ(other.loop().task_count(), 0U);
    co_return;
  });
}

// Beyond the list: run_until_complete() of handles and futures.
COTERIE_CASE(Loop, RunUntilCompleteGivesTheEndOfWhatItIsGiven) {
  testing::VirtualLoop owner;
  JoinHandle<int> task;
  Future<int> future;
  owner.run([](JoinHandle<int>& handle, Future<int> later) -> Task<void> {
    handle = spawn(Subjects::give_later, 2s, 5);
    EventLoop::current().call_later(3s, [later] { later.set_exception(error("late")); });
    co_return;
  }(task, future));
  EXPECT_EQ(run_until_complete(owner.loop(), task), 5);
  EXPECT_EQ(owner.seconds(), 2.0);
  EXPECT_THROW(run_until_complete(owner.loop(), future), Boom);
  EXPECT_EQ(owner.seconds(), 3.0);
  owner.loop().call_soon([&] { owner.loop().stop(); });
  try {
    run_until_complete(owner.loop(), Future<int>());
    ADD_FAILURE();
  } catch (const std::logic_error& stopped) {
    EXPECT_STREQ(stopped.what(), "Event loop stopped before Future completed.");
  }
}

}  // namespace
}  // namespace coterie

// What has the priority of those who wait for it, or who cancel it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sched/by_priority.hpp"

namespace coterie::test {
namespace {

using namespace std::chrono_literals;

TEST(PriorityInheritance, AHighTaskThatAwaitsALowOneWaitsForNoStepOfTheMiddle) {
  run_by_priority([]() -> Task<void> {
    Busy busy(middle);
    std::string log;
    auto slow = spawn(at(low), steps, std::ref(log), 'l', 10);
    co_await sleep(1s);
    EXPECT_EQ(log, "");  // it starves
    const int before = busy.steps();
    auto waiter = spawn(at(high), join, slow);
    co_await waiter;
    EXPECT_EQ(log.size(), 10U);
    EXPECT_EQ(busy.steps(), before);
    co_await busy.stop();
  });
}

TEST(PriorityInheritance, GoesOnThroughTasksThatWaitAlready) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    Event gate;
    auto inner = spawn(
        at(low),
        [](std::string& text, Event& open) -> Task<void> {
          co_await task_group([&](TaskGroup& group) -> Task<void> {
            for (const char name : {'a', 'b'})
              group.spawn(
                  [](std::string& mine, Event& mine_too, char letter) -> Task<void> {
                    co_await mine_too.wait();
                    co_await steps(mine, letter, 3);
                  },
                  std::ref(text), std::ref(open), name);
            co_return;
          });
        },
        std::ref(log), std::ref(gate));
    auto outer = spawn(at(low), join, inner);
    co_await sleep(1s);
    Busy busy(middle);
    gate.set();
    co_await sleep(1s);
    EXPECT_EQ(log, "");  // the children are ready, and starve
    const int before = busy.steps();
    auto waiter = spawn(at(high), join, outer);
    const std::string end = co_await end_of(wait_for(10s, waiter));
    EXPECT_EQ(end, "value");
    EXPECT_EQ(log, "ababab");
    EXPECT_EQ(busy.steps(), before);
    co_await busy.stop();
  });
}

TEST(PriorityInheritance, EndsWithTheWait) {
  run_by_priority([]() -> Task<void> {
    Busy slow(low);
    Busy busy(middle);
    auto waiter =
        spawn(at(high), [](JoinHandle<void> task) -> Task<void> { co_await task.wait(); }, slow.task());
    co_await sleep(1s);
    EXPECT_EQ(slow.task().state().sched_class(), high);
    EXPECT_EQ(busy.steps(), 0);
    waiter.cancel();
    co_await waiter.wait();
    const int before = slow.steps();
    co_await sleep(1s);
    EXPECT_LE(slow.steps(), before + 1);  // the turn for which it was queued
    EXPECT_GE(busy.steps(), 99);
    co_await busy.stop();
    co_await slow.stop();
  });
}

TEST(PriorityInheritance, EndsWithTheWaitAlsoForThoseThatTheTaskWaitsForInTurn) {
  run_by_priority([]() -> Task<void> {
    Busy slow(low);
    Busy busy(middle);
    const auto wait = [](JoinHandle<void> task) -> Task<void> { co_await task.wait(); };
    auto between = spawn(at(low), wait, slow.task());
    auto waiter = spawn(at(high), wait, between);
    co_await sleep(1s);
    waiter.cancel();
    co_await waiter.wait();
    const int before = slow.steps();
    co_await sleep(1s);
    EXPECT_LE(slow.steps(), before + 1);
    EXPECT_GE(busy.steps(), 99);
    co_await busy.stop();
    co_await slow.stop();
    co_await between;
  });
}

TEST(PriorityInheritance, WhoHoldsALockHasThePriorityOfWhoWaitsForIt) {
  run_by_priority([]() -> Task<void> {
    Lock lock;
    Event gate;
    auto holder = spawn(
        at(low),
        [](Lock& mine, Event& open) -> Task<void> {
          LockGuard guard = co_await mine.scoped();
          co_await open.wait();
          for (int i = 0; i < 10; ++i) co_await yield();
          guard.unlock();
          for (int i = 0; i < 10; ++i) co_await yield();
        },
        std::ref(lock), std::ref(gate));
    co_await sleep(1s);
    Busy busy(middle);
    gate.set();
    auto waiter = spawn(
        at(high), [](Lock& mine) -> Task<void> { LockGuard guard = co_await mine.scoped(); }, std::ref(lock));
    co_await waiter;
    EXPECT_EQ(busy.steps(), 0);
    co_await sleep(1s);
    EXPECT_FALSE(holder.done());  // low again
    co_await busy.stop();
    co_await holder;
  });
}

TEST(PriorityInheritance, WhoHoldsALockHasThePriorityOfTheMostUrgentThatStillWaits) {
  run_by_priority([]() -> Task<void> {
    const auto wait_with = [](Lock& lock, SchedClass its) {
      return spawn(
          at(its), [](Lock& mine) -> Task<void> { LockGuard guard = co_await mine.scoped(); },
          std::ref(lock));
    };
    Lock lock;
    Event gate;
    auto holder = spawn(
        at(low),
        [](Lock& mine, Event& open) -> Task<void> {
          LockGuard guard = co_await mine.scoped();
          co_await open.wait();
        },
        std::ref(lock), std::ref(gate));
    const auto has = [&] { return holder.state().sched_class(); };
    co_await sleep(1s);
    auto one = wait_with(lock, 1);
    auto nine = wait_with(lock, 9);
    auto seven = wait_with(lock, 7);
    auto two = wait_with(lock, 2);
    co_await sleep(1s);
    EXPECT_EQ(has(), 9);
    nine.cancel();
    co_await nine.wait();
    EXPECT_EQ(has(), 7);
    seven.cancel();
    co_await seven.wait();
    EXPECT_EQ(has(), 2);
    auto eight =
        spawn(at(8), [](JoinHandle<void> task) -> Task<void> { co_await task.wait(); }, one);  // so `one` is
    co_await sleep(1s);
    EXPECT_EQ(has(), 8);
    eight.cancel();
    co_await eight.wait();
    EXPECT_EQ(has(), 2);
    gate.set();
    co_await two;
    co_await one;
  });
}

Task<void> lock_once(Lock& lock) {
  LockGuard guard = co_await lock.scoped();
  co_await yield();
}

/// A lock that is to be handed over: who waits for it in line, and a busy task between them in priority.
struct HandOver {
  Lock lock;
  JoinHandle<void> first;
  JoinHandle<void> second;
  JoinHandle<void> urgent;

  Task<void> prepare() {
    co_await lock.acquire();
    first = spawn(at(low), lock_once, std::ref(lock));
    second = spawn(at(low), lock_once, std::ref(lock));
    co_await sleep(1s);
    urgent = spawn(at(high), lock_once, std::ref(lock));
    co_await sleep(1s);
  }
};

TEST(PriorityInheritance, WhoIsWokenToTakeALockHasThePriorityOfThoseBehind) {
  run_by_priority([]() -> Task<void> {
    HandOver line;
    co_await line.prepare();
    Busy busy(middle);
    line.lock.release();
    co_await sleep(1s);
    EXPECT_TRUE(line.urgent.done());
    EXPECT_TRUE(line.first.done());
    co_await busy.stop();
    co_await line.second;
  });
}

TEST(PriorityInheritance, WhoIsWokenToTakeALockAndGivesUpPassesThePriorityOn) {
  run_by_priority([]() -> Task<void> {
    HandOver line;
    co_await line.prepare();
    Busy busy(middle);
    line.lock.release();
    line.first.cancel();
    co_await sleep(1s);
    EXPECT_TRUE(line.urgent.done());
    EXPECT_TRUE(line.first.cancelled());
    co_await busy.stop();
    co_await line.second;
  });
}

TEST(PriorityInheritance, ACancelIsDeliveredAtThePriorityOfWhoCancels) {
  run_by_priority([]() -> Task<void> {
    auto sleeping = spawn(at(low), sleeper, Duration(1h));
    auto above = spawn(at(low), join, sleeping);
    co_await sleep(1s);
    Busy busy(middle);
    auto starved = spawn(at(low), nop);
    auto canceller = spawn(
        at(high),
        [](JoinHandle<void> one, JoinHandle<void> other) -> Task<void> {
          one.cancel();
          other.cancel();
          co_return;
        },
        starved, above);
    co_await sleep(1s);
    EXPECT_TRUE(canceller.done());
    EXPECT_TRUE(starved.cancelled());
    EXPECT_TRUE(above.cancelled());
    EXPECT_TRUE(sleeping.cancelled());
    co_await busy.stop();
  });
}

TEST(PriorityInheritance, WaitForOnAStarvedTaskReturns) {
  run_by_priority([]() -> Task<void> {
    auto starved = spawn(at(low), sleeper, Duration(1h));
    co_await sleep(1s);
    Busy busy(middle);
    auto waiter =
        spawn(at(high), [](JoinHandle<void> task) -> Task<void> { co_await wait_for(1s, task); }, starved);
    const std::string end = co_await end_of(waiter);
    EXPECT_EQ(end, "timeout");
    EXPECT_NEAR(seconds(), 2, 0.03);
    co_await busy.stop();
  });
}

// Nobody more urgent waits for it: only who cancels is.
TEST(PriorityInheritance, WaitForOnAStarvedTaskReturnsWhenItIsCancelledByPriority) {
  run_by_priority([]() -> Task<void> {
    auto starved = spawn(at(low), sleeper, Duration(1h));
    auto waiter =
        spawn(at(low), [](JoinHandle<void> task) -> Task<void> { co_await wait_for(1h, task); }, starved);
    co_await sleep(1s);
    Busy busy(middle);
    waiter.cancel();
    co_await sleep(1s);
    EXPECT_TRUE(starved.cancelled());
    EXPECT_TRUE(waiter.cancelled());
    co_await busy.stop();
  });
}

/// Virtual time for a loop that the test runs tick by tick.
class JumpingPoller final : public Poller {
 public:
  TimePoint now() noexcept override { return now_; }
  void poll(std::optional<TimePoint> deadline) override { now_ = std::max(now_, deadline.value_or(now_)); }
  void wake() noexcept override {}

 private:
  TimePoint now_;
};

// Across loops nobody inherits from who waits: the cancel carries the priority.
TEST(PriorityInheritance, WaitForOnATaskThatStarvesOnAnotherLoopReturns) {
  EventLoop here(std::make_unique<JumpingPoller>(), std::make_unique<PriorityPolicy>());
  EventLoop there(std::make_unique<JumpingPoller>(), std::make_unique<PriorityPolicy>());
  bool busy = true;
  const RemoteHandle<void> starved = spawn_on(there, at(low), nop);
  there.call_soon([&busy] {
    spawn(
        at(high - 1),
        [](const bool& goes_on) -> Task<void> {
          while (goes_on) co_await yield();
        },
        std::cref(busy));
  });
  std::string end;
  here.call_soon([&] {
    spawn(
        at(high),
        [](RemoteHandle<void> task, std::string& out) -> Task<void> {
          out = co_await end_of(wait_for(1s, [](RemoteHandle<void> it) -> Task<void> { co_await it; }(task)));
        },
        starved, std::ref(end));
  });
  const auto run_both = [&] {
    for (int i = 0; i < 20; ++i)
      for (EventLoop* loop : {&there, &here}) {
        int ticks = 2;
        loop->run_until([&ticks] { return ticks-- == 0; });
      }
  };
  run_both();
  EXPECT_EQ(end, "timeout");
  busy = false;
  run_both();
}

}  // namespace
}  // namespace coterie::test

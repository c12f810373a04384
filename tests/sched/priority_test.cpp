// Strict priorities on a loop, and what inherits one.
#include "coterie/sched/priority.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "sched/support.hpp"

namespace coterie::test {
namespace {

using namespace std::chrono_literals;

constexpr SchedClass low = -5;
constexpr SchedClass middle = 0;
constexpr SchedClass high = 5;

/// Runs `body()` as the most urgent task of all, so that it goes on when it can.
template <class Body>
void run_by_priority(Body body, PriorityOptions options = PriorityOptions()) {
  run_under(std::make_unique<PriorityPolicy>(options), [&body]() -> Task<void> {
    auto main = spawn(at(PriorityPolicy::highest), std::ref(body));
    co_await main;
  });
}

/// So many steps, each written down.
Task<void> steps(std::string& log, char name, int count) {
  for (int i = 0; i < count; ++i) {
    log += name;
    co_await yield();
  }
}

Task<void> join(JoinHandle<void> task) {
  co_await task;
}

TEST(PriorityPolicy, GreaterRunFirstAndEqualsInOrder) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    spawn(at(low), steps, std::ref(log), 'l', 2);
    spawn(at(high), steps, std::ref(log), 'h', 2);
    spawn(at(middle), steps, std::ref(log), 'm', 2);
    spawn(at(high), steps, std::ref(log), 'H', 2);
    co_await sleep(1s);
    EXPECT_EQ(log, "hHhHmmll");
  });
}

TEST(PriorityPolicy, ATaskHasThePriorityOfItsSpawnerUnlessItIsGivenOne) {
  run_by_priority([]() -> Task<void> {
    auto parent = spawn(at(low), []() -> Task<void> {
      EXPECT_EQ(spawn(nop).sched_class(), low);
      EXPECT_EQ(spawn(at(0), nop).sched_class(), 0);
      co_return;
    });
    co_await parent;
  });
}

TEST(PriorityPolicy, WhatACallbackSpawnsHasTheClassInWhichItWasRegistered) {
  run_by_priority([]() -> Task<void> {
    std::vector<SchedClass> found;
    Event done;
    auto task = spawn(at(low), [&]() -> Task<void> {
      EventLoop::current().call_soon([&] { found.push_back(spawn(nop).sched_class()); });
      EventLoop::current().call_later(1s, [&] {
        found.push_back(spawn(nop).sched_class());
        done.set();
      });
      co_return;
    });
    co_await done.wait();
    EXPECT_EQ(found, (std::vector<SchedClass>{low, low}));
  });
}

TEST(PriorityPolicy, TimersOfTheSamePriorityAreNotStarvedByATaskThatIsAlwaysReady) {
  run_by_priority([]() -> Task<void> {
    Busy busy(high);
    auto timer = spawn(at(high), sleeper, Duration(1s));
    co_await timer;
    EXPECT_LE(busy.steps(), 103);
    co_await busy.stop();
  });
}

TEST(PriorityPolicy, WithoutAgingTheLowStarve) {
  run_by_priority([]() -> Task<void> {
    Busy starved(low);
    Busy busy(middle);
    co_await sleep(10s);
    EXPECT_EQ(starved.steps(), 0);
    EXPECT_EQ(busy.steps(), 1000);
    co_await busy.stop();
    co_await starved.stop();
  });
}

TEST(PriorityPolicy, WithAgingALevelHasATurnWithinItsBound) {
  PriorityOptions options;
  options.aging = 10;
  run_by_priority(
      []() -> Task<void> {
        std::vector<int> started;
        Busy busy(middle);
        for (int i = 0; i < 3; ++i)
          spawn(
              at(low),
              [](const Busy& other, std::vector<int>& log) -> Task<void> {
                log.push_back(other.steps());
                co_return;
              },
              std::cref(busy), std::ref(started));
        co_await sleep(10s);
        // Two levels are ready: one in 10 + 2 - 1 steps at least is for the lower.
        EXPECT_EQ(started.size(), 3U);
        for (std::size_t i = 0; i < started.size(); ++i)
          EXPECT_LE(started[i], static_cast<int>(i + 1) * 11) << i;
        EXPECT_GE(started.at(2), 20);  // and the middle keeps the rest
        co_await busy.stop();
      },
      options);
}

TEST(PriorityPolicy, ManyStarvingLevelsShareTheTurnsOfAging) {
  PriorityOptions options;
  options.aging = 10;
  run_by_priority(
      []() -> Task<void> {
        std::deque<Busy> starving;
        for (SchedClass priority = -20; priority < 0; ++priority) starving.emplace_back(priority);
        Busy busy(middle);
        co_await sleep(10s);
        for (const Busy& one : starving) EXPECT_GE(one.steps(), 1000 / (10 + 21 - 1) - 1);
        co_await busy.stop();
        for (Busy& one : starving) co_await one.stop();
      },
      options);
}

TEST(PriorityPolicy, WhatHasStarvedForAnyNumberOfTicksMayLeaveInTheMiddleOfOne) {
  struct Node final : Runnable {
    void run() noexcept override {}
  };
  Node starving;
  Node busy;
  starving.set_sched_class(low);
  PriorityPolicy policy;
  policy.push(starving);
  policy.push(busy);
  policy.begin_tick();
  for (int tick = 0; tick < 1000; ++tick) {
    EXPECT_EQ(policy.pop(), &busy);
    policy.remove(starving);
    EXPECT_EQ(policy.pop(), nullptr);
    policy.push(starving);
    policy.push(busy);
    for (int i = 0; i < tick; ++i) {  // so many later
      policy.begin_tick();
      EXPECT_EQ(policy.pop(), &busy);
      policy.push(busy);
    }
    policy.begin_tick();
  }
  policy.remove(starving);
  policy.remove(busy);
}

// --- inheritance

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

Task<void> lock_once(Lock& lock) {
  LockGuard guard = co_await lock.scoped();
  co_await yield();
}

TEST(PriorityInheritance, WhoIsWokenToTakeALockHasThePriorityOfThoseBehind) {
  run_by_priority([]() -> Task<void> {
    Lock lock;
    co_await lock.acquire();
    auto first = spawn(at(low), lock_once, std::ref(lock));
    auto second = spawn(at(low), lock_once, std::ref(lock));
    co_await sleep(1s);
    auto urgent = spawn(at(high), lock_once, std::ref(lock));
    co_await sleep(1s);
    Busy busy(middle);
    lock.release();
    co_await sleep(1s);
    EXPECT_TRUE(urgent.done());
    EXPECT_TRUE(first.done());
    co_await busy.stop();
    co_await urgent;
    co_await second;
    co_await first;
  });
}

TEST(PriorityInheritance, WhoIsWokenToTakeALockAndGivesUpPassesThePriorityOn) {
  run_by_priority([]() -> Task<void> {
    Lock lock;
    co_await lock.acquire();
    auto first = spawn(at(low), lock_once, std::ref(lock));
    auto second = spawn(at(low), lock_once, std::ref(lock));
    co_await sleep(1s);
    auto urgent = spawn(at(high), lock_once, std::ref(lock));
    co_await sleep(1s);
    Busy busy(middle);
    lock.release();
    first.cancel();
    co_await sleep(1s);
    EXPECT_TRUE(urgent.done());
    EXPECT_TRUE(first.cancelled());
    co_await busy.stop();
    co_await urgent;
    co_await second;
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

}  // namespace
}  // namespace coterie::test

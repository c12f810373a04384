// wait_for() that is cancelled, or whose cancel is answered (list F).
#include <gmock/gmock.h>

#include "conformance/at_most.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 87. AsyncioWaitForTest.test_cancel_wait_for, test_cancel_blocking_wait_for
COTERIE_CASE(WaitFor, CancellingItCancelsTheTask) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::sleeper, 100s);
    auto waiter = spawn(at_most<Co<>, JoinHandle<void>>, 60s, task);
    co_await ticks(2);
    waiter.cancel("stop");
    std::string end = co_await end_of(std::move(waiter));
    EXPECT_EQ(end, "cancelled: stop");
    EXPECT_TRUE(task.cancelled());

    auto inner = spawn(Subjects::sleeper, 100s);
    auto blocking = spawn(
        [](JoinHandle<void> awaited) -> Co<void> {  // no limit: timeout_at(nothing)
          auto block = [&awaited](Timeout&) -> Co<void> { co_await awaited; };
          co_await timeout_at(std::nullopt, block);
        },
        inner);
    co_await ticks(2);
    blocking.cancel();
    end = co_await end_of(std::move(blocking));
    EXPECT_EQ(end, "cancelled");
    EXPECT_TRUE(inner.cancelled());
  });
}

// 88. AsyncioWaitForTest.test_wait_for_cancel_suppressed
COTERIE_CASE(WaitFor, ValueThatAnswersTheCancelIsTheResult) {
  run([]() -> Task<void> {
    auto stubborn = []() -> Co<int> {
      (void)co_await outcome(sleep(10s));
      co_return 42;
    };
    int value = co_await wait_for(100ms, stubborn());
    EXPECT_EQ(value, 42);
    auto task = spawn(stubborn);
    co_await ticks(1);
    value = co_await wait_for(0s, task);
    EXPECT_EQ(value, 42);
    EXPECT_EQ(task.result(), 42);  // it was not moved out of the caller's handle
  });
}

// 89. WaitForShieldTests.test_zero_timeout, test_none_timeout, test_shielded_timeout
COTERIE_CASE(WaitFor, ShieldedTaskRunsOn) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::give_later, 1s, 5);
    auto shielded = [](JoinHandle<int> t) -> Co<int> { co_return co_await shield(t); };
    for (const Duration limit : {Duration(0), Duration(100ms)}) {
      std::string end = co_await end_of(wait_for(limit, shielded(task)));
      EXPECT_EQ(end, "timeout");
    }
    EXPECT_EQ(task.cancelling(), 0U);
    auto block = [&](Timeout&) -> Co<int> { return shielded(task); };  // no limit
    int value = co_await timeout_at(std::nullopt, block);
    EXPECT_EQ(value, 5);
    EXPECT_DOUBLE_EQ(seconds(), 1);
    EXPECT_FALSE(task.cancelled());
  });
}

// 90. ConditionTests.test_timeout_in_block
COTERIE_CASE(WaitFor, ConditionHoldsItsLockAgainAfterTheTimeout) {
  run([]() -> Task<void> {
    Condition condition;
    auto subject = [](Condition& c) -> Co<void> {
      LockGuard guard = co_await c.scoped();
      auto waits = [](Condition& inner) -> Co<void> { co_await inner.wait(); };
      std::string end = co_await end_of(wait_for(500ms, waits(c)));
      EXPECT_EQ(end, "timeout");
      EXPECT_TRUE(c.locked());
    };
    co_await subject(condition);
    EXPECT_FALSE(condition.locked());
    EXPECT_DOUBLE_EQ(seconds(), 0.5);
  });
}

// 91. Derived: the timeout has fired and the inner cleans up when a cancel comes from outside: that one wins.
COTERIE_CASE(WaitFor, CancelDuringTheCleanupOfATimeoutWins) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<void> {
      auto inner = []() -> Co<void> {
        Outcome<void> end = co_await outcome(sleep(1s));
        (void)co_await outcome(sleep(50ms));
        end.get();
      };
      co_await wait_for(10ms, inner());
    });
    co_await sleep(20ms);
    task.cancel("ext");
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled()) << text(end);
    EXPECT_EQ(task.cancelling(), 1U);
  });
  run([]() -> Task<void> {  // the same where the cleanup lets the second cancel out
    auto task = spawn([]() -> Co<void> {
      auto inner = []() -> Co<void> {
        Outcome<void> end = co_await outcome(sleep(1s));
        co_await sleep(50ms);
        end.get();
      };
      co_await wait_for(10ms, inner());
    });
    co_await sleep(20ms);
    task.cancel("ext");
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: ext");
    EXPECT_EQ(task.cancelling(), 1U);
  });
}

// Results that cannot be copied pass too.
COTERIE_CASE(WaitFor, MoveOnlyResults) {
  run([]() -> Task<void> {
    auto make = []() -> Co<std::unique_ptr<int>> {
      co_await yield();
      co_return std::make_unique<int>(3);
    };
    auto direct = co_await wait_for(1s, make());
    EXPECT_EQ(*direct, 3);
    auto task = spawn(make);
    auto joined = co_await wait_for(1s, std::move(task));
    EXPECT_EQ(*joined, 3);
  });
}
}  // namespace
}  // namespace coterie

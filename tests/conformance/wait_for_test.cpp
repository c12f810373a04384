// wait_for() (list E). Line numbers and names are those of CPython 3.14.7's test_waitfor.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

/// Awaits `inner` for at most `limit`, and has no more to say about it.
template <class Co, class Inner>
Co at_most(Duration limit, Inner inner) {
  co_await wait_for(limit, std::move(inner));
}

// 78. AsyncioWaitForTest.test_asyncio_wait_for_cancelled
COTERIE_CASE(WaitFor, CancellingItWaitsForTheInnerToLeave) {
  run([]() -> Task<void> {
    bool left = false;
    auto waiter =
        spawn([](bool& flag) -> Co<void> { co_await wait_for(5s, Subjects::slow_to_leave(200ms, flag)); },
              std::ref(left));
    co_await sleep(100ms);
    waiter.cancel();
    Outcome<void> end = co_await outcome(waiter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 0.3);
  });
}

// 79. AsyncioWaitForTest.test_asyncio_wait_for_timeout
COTERIE_CASE(WaitFor, TimeoutWaitsForTheInnerToLeave) {
  run([]() -> Task<void> {
    bool left = false;
    std::string end = co_await end_of(at_most<Co<>>(100ms, Subjects::slow_to_leave(200ms, left)));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 0.3);
  });
}

// 80. AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_future_done
COTERIE_CASE(WaitFor, TaskThatHasEndedGivesItsValueWithoutTime) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::give, 7);
    co_await ticks(2);
    for (const Duration limit : {Duration(0), Duration(-1s)}) {
      int value = co_await wait_for(limit, task);
      EXPECT_EQ(value, 7);
    }
    EXPECT_EQ(task.result(), 7);

    Future<int> future;  // the same for a future, which is awaited in a block
    future.set_value(8);
    auto block = [&future](Timeout&) -> Co<int> { co_return co_await future; };
    int value = co_await timeout(0s, block);
    EXPECT_EQ(value, 8);
  });
}

// 81. AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started
COTERIE_CASE(WaitFor, CoroutineIsNeverStartedWithoutTime) {
  for (const Duration limit : {Duration(0), Duration(-1s)}) {
    run([limit]() -> Task<void> {
      bool started = false;
      auto body = [](bool& flag) -> Co<void> {
        flag = true;
        co_return;
      };
      std::string end = co_await end_of(wait_for(limit, body(started)));
      EXPECT_EQ(end, "timeout");
      EXPECT_FALSE(started);
      EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
    });
  }
}

// 82. AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0
COTERIE_CASE(WaitFor, RunningTaskIsCancelledAndUnwoundWithoutTime) {
  for (const Duration limit : {Duration(0), Duration(-1s)}) {
    run([limit]() -> Task<void> {
      bool left = false;
      auto task = spawn(Subjects::slow_to_leave, 200ms, std::ref(left));
      co_await ticks(2);
      std::string end = co_await end_of(wait_for(limit, task));
      EXPECT_EQ(end, "timeout");
      EXPECT_TRUE(task.done());
      EXPECT_TRUE(task.cancelled());
      EXPECT_TRUE(left);
    });
  }
}

// 83. AsyncioWaitForTest.test_wait_for
COTERIE_CASE(WaitFor, TaskIsCancelledAtTheLimitAndUnwinds) {
  run([]() -> Task<void> {
    int alive = 0;
    auto task = spawn([](Probe) -> Co<void> { co_await sleep(10s); }, Probe(alive));
    co_await ticks(1);
    EXPECT_EQ(alive, 1);
    std::string end = co_await end_of(wait_for(100ms, task));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(alive, 0);
    EXPECT_DOUBLE_EQ(seconds(), 0.1);
    int value = co_await wait_for(100ms, Subjects::give_later(50ms, 3));
    EXPECT_EQ(value, 3);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

// 84. AsyncioWaitForTest.test_wait_for_race_condition
COTERIE_CASE(WaitFor, ValueThatACallbackSets) {
  run([]() -> Task<void> {
    Future<int> future;
    EventLoop::current().call_soon([&] { future.set_value(1); });
    int value = co_await wait_for(200ms, Subjects::await_future(future));
    EXPECT_EQ(value, 1);
  });
}

// 85. AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation, …_w_timeout_0
COTERIE_CASE(WaitFor, CleanupOfATaskIsOverBeforeTheTimeoutWhichTheCancelCaused) {
  for (const Duration limit : {Duration(100ms), Duration(0)}) {
    run([limit]() -> Task<void> {
      bool left = false;
      auto task = spawn(Subjects::slow_to_leave, 200ms, std::ref(left));
      co_await ticks(1);
      try {
        co_await wait_for(limit, task);
        ADD_FAILURE();
      } catch (const TimeoutError& timeout) {
        EXPECT_THROW(std::rethrow_if_nested(timeout), Cancelled);
      }
      EXPECT_TRUE(left);
      EXPECT_TRUE(task.cancelled());
    });
  }
}

// 86. AsyncioWaitForTest.test_wait_for_reraises_exception_during_cancellation
COTERIE_CASE(WaitFor, ErrorOfTheCleanupComesOut) {
  run([]() -> Task<void> {
    std::string end = co_await end_of(wait_for(100ms, Subjects::crash_on_cancel(10s, "foo")));
    EXPECT_EQ(end, "foo");
    auto task = spawn(Subjects::crash_on_cancel, 10s, "bar");
    co_await ticks(1);
    end = co_await end_of(wait_for(0s, task));
    EXPECT_EQ(end, "bar");
  });
}

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

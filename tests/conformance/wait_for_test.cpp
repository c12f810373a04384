// wait_for() (list E). Line numbers and names are those of CPython 3.14.7's test_waitfor.
#include <gmock/gmock.h>

#include "conformance/at_most.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

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
}  // namespace
}  // namespace coterie

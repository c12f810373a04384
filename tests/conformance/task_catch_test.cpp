// Task: a cancel that is caught, that it asked for itself, or that comes late (list C). Line numbers and
// names are those of CPython 3.14.7.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 50. test_tasks::BaseTaskTests.test_cancel_task_catching
COTERIE_CASE(TaskCancel, CaughtCancelIsNoCancelledTask) {
  run([]() -> Task<void> {
    Future<void> first;
    Future<void> second;
    auto task = spawn(
        [](Future<void> a, Future<void> b) -> Co<int> {
          co_await a;
          Outcome<void> end = co_await outcome(Subjects::await_future(b));
          EXPECT_TRUE(end.cancelled());
          co_return 42;
        },
        first, second);
    co_await yield();
    first.set_value();
    co_await yield();
    task.cancel();
    EXPECT_TRUE(second.cancelled());  // synchronously
    int result = co_await task;
    EXPECT_EQ(result, 42);
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 1U);
  });
}

// 51. test_tasks::BaseTaskTests.test_cancel_task_ignoring
TEST(TaskCancel, SwallowedCancelLeavesLaterAwaitsAlone) {
  run([]() -> Task<void> {
    Future<void> first;
    Future<void> second;
    Future<int> third;
    auto task = spawn(
        [](Future<void> a, Future<void> b, Future<int> c) -> Task<int> {
          co_await a;
          try {
            co_await b;
          } catch (const Cancelled&) {
          }
          co_return co_await c;
        },
        first, second, third);
    co_await yield();
    first.set_value();
    co_await yield();
    task.cancel();
    EXPECT_TRUE(second.cancelled());
    co_await ticks(3);
    EXPECT_FALSE(task.done());
    EXPECT_FALSE(third.cancelled());
    third.set_value(42);
    int result = co_await task;
    EXPECT_EQ(result, 42);
    EXPECT_FALSE(task.cancelled());
    EXPECT_FALSE(third.cancelled());
  });
}

// 52. test_tasks::BaseTaskTests.test_cancel_current_task
COTERIE_CASE(TaskCancel, TaskThatCancelsItselfThrowsAtItsNextAwait) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<int> {
      EventLoop::require_task().cancel(nullptr);
      co_await sleep(100s);
      ADD_FAILURE() << "went on";
      co_return 12;
    });
    Outcome<int> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(seconds(), 0);
    // Without another await it is cancelled all the same, and its value dropped.
    auto last = spawn([]() -> Co<int> {
      EventLoop::require_task().cancel(nullptr);
      co_return 12;
    });
    end = co_await outcome(last);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(last.cancelled());
  });
}

// 53. test_tasks::BaseTaskTests.test_cancel_awaited_task
COTERIE_CASE(TaskCancel, TaskThatCancelledItselfCancelsWhatItThenAwaits) {
  run([]() -> Task<void> {
    Future<void> future;
    auto nested = spawn(Subjects::template await_future<void>, future);
    auto task = spawn(
        [](JoinHandle<void> inner) -> Co<void> {
          EventLoop::require_task().cancel(nullptr);
          co_await inner;
        },
        nested);
    co_await yield();  // nested is blocked before the other one runs
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(nested.cancelled());
    EXPECT_TRUE(future.cancelled());
  });
}

// Beyond the list: a cancel after the awaited end and before the task ran replaces the result.
COTERIE_CASE(TaskCancel, CancelAfterTheFutureWasSetLosesItsValue) {
  run([]() -> Task<void> {
    Future<int> future;
    auto task = spawn(Subjects::template await_future<int>, future);
    co_await yield();
    future.set_value(1);
    EXPECT_TRUE(task.cancel("late"));
    Outcome<int> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: late");
    EXPECT_EQ(future.result(), 1);
  });
}

}  // namespace
}  // namespace coterie

// wait() (list G, first part). Line numbers and names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 109. BaseTaskTests.test_wait
COTERIE_CASE(Wait, ReturnsWhenAllHaveEnded) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 100ms);
    auto b = spawn(Subjects::give_later, 150ms, 2);
    for (int round = 0; round < 2; ++round) {
      auto [done, pending] = co_await wait(a, b);
      EXPECT_THAT(done, ElementsAre(TaskRef(a), TaskRef(b)));
      EXPECT_TRUE(pending.empty());
      EXPECT_DOUBLE_EQ(seconds(), 0.15);
    }
  });
}

// 110. BaseTaskTests.test_wait_first_completed
COTERIE_CASE(Wait, FirstCompletedLeavesTheOthersRunning) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 10s);
    auto b = spawn(Subjects::sleeper, 100ms);
    auto [done, pending] = co_await wait(ReturnWhen::first_completed, a, b);
    EXPECT_THAT(done, ElementsAre(b));
    EXPECT_THAT(pending, ElementsAre(a));
    EXPECT_FALSE(a.done());
    EXPECT_DOUBLE_EQ(seconds(), 0.1);
    auto [rest, none] = co_await wait(pending);
    EXPECT_THAT(rest, ElementsAre(a));
    EXPECT_TRUE(none.empty());
  });
}

// What had ended by the time the waiter runs is done, though one was enough to wake it.
COTERIE_CASE(Wait, FirstCompletedTellsOfAllThatHaveEnded) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::nop);
    auto b = spawn(Subjects::fail, "b");
    auto [done, pending] = co_await wait(ReturnWhen::first_completed, a, b);
    EXPECT_THAT(done, ElementsAre(a, b));
    EXPECT_NE(b.exception(), nullptr);
  });
}

// 111. BaseTaskTests.test_wait_first_exception, test_wait_first_exception_in_wait
COTERIE_CASE(Wait, FirstExceptionReturnsAtTheFirstError) {
  for (const Duration delay : {Duration(0), Duration(100ms)}) {
    run([delay]() -> Task<void> {
      auto a = spawn(Subjects::sleeper, 10s);
      auto b = spawn(Subjects::fail_later, delay, "err");
      auto cancelled = spawn(Subjects::sleeper, 10s);
      cancelled.cancel();  // which is no error
      auto [done, pending] = co_await wait(ReturnWhen::first_exception, a, b, cancelled);
      EXPECT_THAT(done, ElementsAre(b, cancelled));
      EXPECT_THAT(pending, ElementsAre(a));
      EXPECT_EQ(text(b.exception()), "err");
      EXPECT_EQ(EventLoop::current().now().time_since_epoch(), delay);
    });
  }
}

// 112. BaseTaskTests.test_wait_with_exception
COTERIE_CASE(Wait, AllCompletedCollectsErrorsWithoutThrowing) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 100ms);
    auto b = spawn(Subjects::fail_later, 150ms, "err");
    auto [done, pending] = co_await wait(a, b);
    EXPECT_EQ(done.size(), 2U);
    EXPECT_TRUE(pending.empty());
    EXPECT_EQ(text(b.exception()), "err");
    EXPECT_DOUBLE_EQ(seconds(), 0.15);
  });
}

// 113. BaseTaskTests.test_wait_with_timeout, test_wait_concurrent_complete
COTERIE_CASE(Wait, TimeoutIsNoErrorAndCancelsNothing) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 100ms);
    auto b = spawn(Subjects::sleeper, 150ms);
    WaitOptions limit;
    limit.timeout(110ms);
    auto [done, pending] = co_await wait(limit, a, b);
    EXPECT_THAT(done, ElementsAre(a));
    EXPECT_THAT(pending, ElementsAre(b));
    EXPECT_DOUBLE_EQ(seconds(), 0.11);
    EXPECT_EQ(b.cancelling(), 0U);
    auto [rest, none] = co_await wait(limit, pending);
    EXPECT_THAT(rest, ElementsAre(b));
    EXPECT_DOUBLE_EQ(seconds(), 0.15);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);

    auto same = spawn(Subjects::sleeper, 1s);  // ends in the tick of the deadline
    limit.timeout(1s);
    auto [last, still] = co_await wait(limit, same);
    EXPECT_EQ(last.size() + still.size(), 1U);
    EXPECT_EQ(same.cancelling(), 0U);
  });
}

// 114. BaseTaskTests.test_wait_errors, test_wait_invalid_args, test_wait_duplicate_coroutines
COTERIE_CASE(Wait, MisuseIsAnErrorAndDuplicatesMerge) {
  run([]() -> Task<void> {
    EXPECT_THROW((void)wait(std::vector<JoinHandle<int>>()), std::invalid_argument);
    auto task = spawn(Subjects::give, 1);
    EXPECT_THROW((void)wait(static_cast<ReturnWhen>(200), task), std::invalid_argument);
    auto [done, pending] = co_await wait(task, task, task);
    EXPECT_THAT(done, ElementsAre(task));
    EXPECT_TRUE(pending.empty());
    auto myself = spawn([]() -> Co<void> {
      TaskRef self = current_task();
      co_await wait(self);
    });
    std::string end = co_await end_of(std::move(myself));
    EXPECT_THAT(end, ::testing::HasSubstr("itself"));
  });
}

// 115. BaseTaskTests.test_yield_wait_does_not_shield_cancel
COTERIE_CASE(Wait, CancelOfTheWaiterLeavesTheTasksRunning) {
  run([]() -> Task<void> {
    auto inner = spawn(Subjects::give_later, 1s, 7);
    auto outer = spawn(
        [](JoinHandle<int> task) -> Co<void> {
          WaitOptions limit;
          limit.timeout(10s);
          co_await wait(limit, task);
        },
        inner);
    co_await ticks(2);
    outer.cancel("why");
    std::string end = co_await end_of(outer);
    EXPECT_EQ(end, "cancelled: why");
    EXPECT_EQ(EventLoop::current().timer_count(), 1U);  // the sleeper's
    EXPECT_EQ(inner.cancelling(), 0U);
    int value = co_await inner;
    EXPECT_EQ(value, 7);
  });
}

// Beyond the list: it suspends also when all have ended, for callbacks of what has ended are queued; and a
// cancel that comes when it was woken wins.
COTERIE_CASE(Wait, AlwaysSuspends) {
  run([]() -> Task<void> {
    TickCounter fresh;
    co_await wait(spawn(Subjects::nop));
    EXPECT_EQ(fresh.count(), 3);
    auto ended = spawn(Subjects::nop);
    co_await ended;
    TickCounter counter;
    co_await wait(ended);
    EXPECT_EQ(counter.count(), 2);
    auto waiter = spawn([](JoinHandle<void> task) -> Co<void> { co_await wait(task); }, ended);
    co_await ticks(2);
    waiter.cancel();
    std::string end = co_await end_of(waiter);
    EXPECT_EQ(end, "cancelled");
  });
}

// Errors stay with their tasks: wait() does not retrieve them.
COTERIE_CASE(Wait, ErrorThatNobodyRetrievedIsReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto task = spawn(Subjects::fail, "unseen");
    co_await wait(task);
  }());
  EXPECT_THAT(reports.messages(), ElementsAre("Task exception was never retrieved"));
}

}  // namespace
}  // namespace coterie

// wait(): its limit, and a waiter that is cancelled (list G). Names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

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

}  // namespace
}  // namespace coterie

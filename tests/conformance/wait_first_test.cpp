// wait() for the first that ends or fails (list G). Names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

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

}  // namespace
}  // namespace coterie

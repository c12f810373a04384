// timeout() (list F). Line numbers and names are those of CPython 3.14.7's test_timeouts::TimeoutTests.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 92. test_timeout_basic, test_timeout_at_basic
COTERIE_CASE(TimeoutBlock, ExpiresAtItsDeadline) {
  run([]() -> Task<void> {
    const TimePoint deadline = EventLoop::current().now() + 10ms;
    bool expired = false;
    auto block = [&](Timeout& scope) -> Co<void> {
      EXPECT_EQ(scope.when(), deadline);
      Outcome<void> end = co_await outcome(sleep(10s));
      expired = scope.expired();
      end.get();
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(expired);
    EXPECT_DOUBLE_EQ(seconds(), 0.01);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
    const TimePoint past = EventLoop::current().now() - 1s;
    end = co_await end_of(timeout_at(past, [past](Timeout& scope) -> Co<void> {
      EXPECT_EQ(scope.when(), past);
      co_await sleep(10s);
    }));
    EXPECT_EQ(end, "timeout");
    EXPECT_DOUBLE_EQ(seconds(), 0.01);
  });
}

// 95. test_waiter_cancelled
TEST(TimeoutBlock, BodySeesTheCancelAndTheTimeoutComesOutside) {
  run([]() -> Task<void> {
    bool seen = false;
    auto block = [&](Timeout&) -> Task<void> {
      try {
        co_await sleep(10s);
      } catch (const Cancelled&) {
        seen = true;
        throw;
      }
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(seen);
  });
}

// 96. test_timeout_not_called, test_timeout_disabled, test_timeout_at_disabled
COTERIE_CASE(TimeoutBlock, NoExpiry) {
  run([]() -> Task<void> {
    auto quick = [](Timeout& scope) -> Co<bool> {
      co_await sleep(10ms);
      co_return scope.expired();
    };
    bool expired = co_await timeout(10s, quick);
    EXPECT_FALSE(expired);
    expired = co_await timeout_at(std::nullopt, [&](Timeout& scope) -> Co<bool> {
      EXPECT_EQ(scope.when(), std::nullopt);
      return quick(scope);
    });
    EXPECT_FALSE(expired);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

// 97. test_foreign_exception_passed
COTERIE_CASE(TimeoutBlock, ErrorOfTheBodyPasses) {
  run([]() -> Task<void> {
    bool expired = true;
    auto block = [&](Timeout& scope) -> Co<void> {
      expired = scope.expired();
      return Subjects::fail("key");
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "key");
    EXPECT_FALSE(expired);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

// 98. test_foreign_exception_on_timeout
COTERIE_CASE(TimeoutBlock, ErrorOfTheCleanupComesOutInsteadOfTheTimeout) {
  run([]() -> Task<void> {
    std::string end = co_await end_of(
        timeout(10ms, [](Timeout&) -> Co<void> { return Subjects::crash_on_cancel(1s, "zero"); }));
    EXPECT_EQ(end, "zero");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 99. test_foreign_cancel_doesnt_timeout_if_not_expired
COTERIE_CASE(TimeoutBlock, ForeignCancelIsNoTimeout) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<void> {
      bool expired = true;
      auto block = [&](Timeout& scope) -> Co<void> {
        EventLoop::require_task().cancel(nullptr);
        Outcome<void> end = co_await outcome(sleep(1s));
        expired = scope.expired();
        end.get();
      };
      Outcome<void> end = co_await outcome(timeout(10s, block));
      EXPECT_FALSE(expired);
      end.get();
    });
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled");
  });
}

// 100. test_outer_task_is_not_cancelled
COTERIE_CASE(TimeoutBlock, TaskThatHandlesTheTimeoutIsNotCancelled) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<int> {
      std::string end = co_await end_of(timeout(1ms, [](Timeout&) -> Co<void> { co_await sleep(10s); }));
      EXPECT_EQ(end, "timeout");
      co_return 1;
    });
    int value = co_await task;
    EXPECT_EQ(value, 1);
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0U);
  });
}

}  // namespace
}  // namespace coterie

// timeout() inside of timeout() (list F). Names are those of CPython 3.14.7's test_timeouts::TimeoutTests.
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 93. test_nested_timeouts
COTERIE_CASE(TimeoutBlock, NestedWithOneDeadlineOnlyTheOuterTimesOut) {
  run([]() -> Task<void> {
    const TimePoint deadline = EventLoop::current().now() + 10ms;
    bool cancelled_between = false;
    bool both_expired = false;
    auto outer_block = [&](Timeout& outer) -> Co<void> {
      bool inner_expired = false;
      auto inner_block = [&](Timeout& inner) -> Co<void> {
        Outcome<void> end = co_await outcome(sleep(10s));
        inner_expired = inner.expired();
        end.get();
      };
      Outcome<void> end = co_await outcome(timeout_at(deadline, inner_block));
      cancelled_between = end.cancelled();
      both_expired = inner_expired && outer.expired();
      end.get();
    };
    std::string end = co_await end_of(timeout_at(deadline, outer_block));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(cancelled_between);
    EXPECT_TRUE(both_expired);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 94. test_nested_timeouts_concurrent
COTERIE_CASE(TimeoutBlock, OnlyTheOuterIsDueAfterTheThreadWasBlocked) {
  testing::VirtualLoop loop;
  loop.run([](testing::VirtualLoop& virtual_loop) -> Task<void> {
    bool cancelled_inside = false;
    auto outer_block = [&](Timeout&) -> Co<void> {
      auto inner_block = [&](Timeout& inner) -> Co<void> {
        virtual_loop.block_for(10ms);
        Outcome<void> end = co_await outcome(sleep(1s));
        cancelled_inside = end.cancelled() && !inner.expired();
        end.get();
      };
      Outcome<void> end = co_await outcome(timeout(100ms, inner_block));
      EXPECT_TRUE(end.cancelled());
      end.get();
    };
    std::string end = co_await end_of(timeout(2ms, outer_block));
    EXPECT_EQ(end, "timeout");
    EXPECT_TRUE(cancelled_inside);
  }(loop));
}

// 102. test_nested_timeout_in_finally
COTERIE_CASE(TimeoutBlock, WorksInTheCleanupOfABlockThatTimedOut) {
  run([]() -> Task<void> {
    auto block = [](Timeout&) -> Co<void> {
      Outcome<void> end = co_await outcome(sleep(1s));
      std::string inner = co_await end_of(timeout(10ms, [](Timeout&) -> Co<void> { co_await sleep(10s); }));
      EXPECT_EQ(inner, "timeout");
      end.get();
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
  });
}

// 103. test_cancel_in_timeout_after_cancellation
COTERIE_CASE(TimeoutBlock, NewCancelInTheCleanupOfACancelledTaskWins) {
  for (const int variant : {0, 1, 2, 3}) {
    const bool again = variant % 2 == 1;
    const Duration limit = variant < 2 ? Duration(0) : Duration(1ms);
    run([limit, again]() -> Task<void> {
      auto task = spawn(
          [](Duration time, bool cancel_again) -> Co<std::string> {
            (void)co_await outcome(sleep(10s));  // cancelled, and that stays counted
            EXPECT_EQ(EventLoop::require_task().cancelling(), 1U);
            bool expired = false;
            auto block = [&](Timeout& scope) -> Co<void> {
              if (cancel_again) EventLoop::require_task().cancel(nullptr);
              Outcome<void> slept = co_await outcome(sleep(10s));
              expired = scope.expired();
              slept.get();
            };
            std::string end = co_await end_of(timeout(time, block));
            // Without time the deadline passes between the cancel and its delivery.
            EXPECT_EQ(expired, !cancel_again || time == Duration::zero());
            co_return end;
          },
          limit, again);
      co_await ticks(1);
      task.cancel();
      std::string end = co_await task;
      EXPECT_EQ(end, again ? "cancelled" : "timeout");
      EXPECT_EQ(task.cancelling(), again ? 2U : 1U);
    });
  }
}

}  // namespace
}  // namespace coterie

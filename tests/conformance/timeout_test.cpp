// timeout() (list F). Line numbers and names are those of CPython 3.14.7's test_timeouts::TimeoutTests.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

// 92. test_timeout_basic, test_timeout_at_basic
TEST(TimeoutBlock, ExpiresAtItsDeadline) {
  run([]() -> Task<void> {
    const TimePoint deadline = EventLoop::current().now() + 10ms;
    bool expired = false;
    auto block = [&](Timeout& scope) -> Task<void> {
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
    end = co_await end_of(
        timeout_at(EventLoop::current().now() - 1s, [](Timeout&) -> Task<void> { co_await sleep(10s); }));
    EXPECT_EQ(end, "timeout");
    EXPECT_DOUBLE_EQ(seconds(), 0.01);
  });
}

// 93. test_nested_timeouts
TEST(TimeoutBlock, NestedWithOneDeadlineOnlyTheOuterTimesOut) {
  run([]() -> Task<void> {
    const TimePoint deadline = EventLoop::current().now() + 10ms;
    bool cancelled_between = false;
    bool both_expired = false;
    auto outer_block = [&](Timeout& outer) -> Task<void> {
      Timeout* inner_scope = nullptr;
      bool inner_expired = false;
      auto inner_block = [&](Timeout& inner) -> Task<void> {
        inner_scope = &inner;
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
TEST(TimeoutBlock, OnlyTheOuterIsDueAfterTheThreadWasBlocked) {
  testing::VirtualLoop loop;
  loop.run([](testing::VirtualLoop& virtual_loop) -> Task<void> {
    bool cancelled_inside = false;
    auto outer_block = [&](Timeout&) -> Task<void> {
      auto inner_block = [&](Timeout& inner) -> Task<void> {
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

// 95. test_waiter_cancelled; 100. test_outer_task_is_not_cancelled
TEST(TimeoutBlock, BodySeesTheCancelAndTheTaskGoesOn) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<int> {
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
      co_return 1;
    });
    int value = co_await task;
    EXPECT_EQ(value, 1);
    EXPECT_FALSE(task.cancelled());
  });
}

// 96. test_timeout_not_called, test_timeout_disabled, test_timeout_at_disabled
TEST(TimeoutBlock, NoExpiry) {
  run([]() -> Task<void> {
    auto quick = [](Timeout& scope) -> Task<bool> {
      co_await sleep(10ms);
      co_return scope.expired();
    };
    bool expired = co_await timeout(10s, quick);
    EXPECT_FALSE(expired);
    expired = co_await timeout_at(std::nullopt, [&](Timeout& scope) -> Task<bool> {
      EXPECT_EQ(scope.when(), std::nullopt);
      return quick(scope);
    });
    EXPECT_FALSE(expired);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

// 97. test_foreign_exception_passed; 98. test_foreign_exception_on_timeout
TEST(TimeoutBlock, ErrorsOfTheBodyPass) {
  run([]() -> Task<void> {
    std::string end = co_await end_of(timeout(10ms, [](Timeout&) -> Task<void> { return fail("key"); }));
    EXPECT_EQ(end, "key");
    end = co_await end_of(timeout(10ms, [](Timeout&) -> Task<void> { return crash_on_cancel(1s, "zero"); }));
    EXPECT_EQ(end, "zero");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 99. test_foreign_cancel_doesnt_timeout_if_not_expired
TEST(TimeoutBlock, ForeignCancelIsNoTimeout) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<void> {
      bool expired = true;
      auto block = [&](Timeout& scope) -> Task<void> {
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

// 101. test_reschedule
TEST(TimeoutBlock, RescheduledLaterAndToNeverByAnotherTask) {
  run([]() -> Task<void> {
    Timeout* scope = nullptr;
    auto task = spawn(
        [](Timeout*& out) -> Task<void> {
          co_await timeout(100ms, [&](Timeout& mine) -> Task<void> {
            out = &mine;
            Outcome<void> end = co_await outcome(sleep(1h));
            EXPECT_FALSE(mine.expired());
            end.get();
          });
        },
        std::ref(scope));
    co_await ticks(2);
    scope->reschedule_after(10s);
    co_await sleep(1s);
    EXPECT_FALSE(task.done());
    scope->reschedule(std::nullopt);
    co_await sleep(1min);
    EXPECT_FALSE(task.done());
    task.cancel();
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled");
  });
}

// 102. test_nested_timeout_in_finally; 103. test_cancel_in_timeout_after_cancellation
TEST(TimeoutBlock, WorksInTheCleanupOfACancelledTaskAndANewCancelWins) {
  run([]() -> Task<void> {
    auto block = [](Timeout&) -> Task<void> {
      Outcome<void> end = co_await outcome(sleep(1s));
      std::string inner = co_await end_of(timeout(10ms, [](Timeout&) -> Task<void> { co_await sleep(10s); }));
      EXPECT_EQ(inner, "timeout");
      end.get();
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
  });
  for (const bool again : {false, true}) {
    run([again]() -> Task<void> {
      auto task = spawn(
          [](bool cancel_again) -> Task<std::string> {
            (void)co_await outcome(sleep(10s));  // cancelled, and that stays counted
            EXPECT_EQ(EventLoop::require_task().cancelling(), 1U);
            auto block = [&](Timeout&) -> Task<void> {
              if (cancel_again) EventLoop::require_task().cancel(nullptr);
              co_await sleep(10s);
            };
            std::string end = co_await end_of(timeout(1ms, block));
            co_return end;
          },
          again);
      co_await ticks(1);
      task.cancel();
      std::string end = co_await task;
      EXPECT_EQ(end, again ? "cancelled" : "timeout");
      EXPECT_EQ(task.cancelling(), again ? 2U : 1U);
    });
  }
}

// 104. test_timeout_finished, _expired, _expiring, _without_task
TEST(TimeoutBlock, MisuseSaysInWhichStateItIs) {
  run([]() -> Task<void> {
    std::string expiring;
    auto block = [&](Timeout& scope) -> Task<void> {
      Outcome<void> end = co_await outcome(sleep(1s));
      try {
        scope.reschedule(std::nullopt);
      } catch (const InvalidState& error) {
        expiring = error.what();
      }
      end.get();
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
    EXPECT_THAT(expiring, HasSubstr("expiring"));

    Timeout ended(EventLoop::require_task(), std::nullopt);
    EXPECT_FALSE(ended.exit(false));
    EXPECT_THROW(ended.reschedule(std::nullopt), InvalidState);
    bool refused = false;
    EventLoop::current().call_soon([&] {
      try {
        (void)EventLoop::require_task();
      } catch (const std::logic_error&) {
        refused = true;
      }
    });
    co_await ticks(1);
    EXPECT_TRUE(refused);
  });
}

// 105. test_timeout_taskgroup
TEST(TimeoutBlock, ErrorsOfAGroupInsideComeOutInsteadOfTheTimeout) {
  run([]() -> Task<void> {
    auto block = [](Timeout&) -> Task<void> {
      return task_group([](TaskGroup& group) -> Task<void> {
        group.spawn(crash_on_cancel, 10s, "zero");
        Outcome<void> end = co_await outcome(fail("value"));
        co_await sleep(1s);
        end.get();
      });
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "group(zero)");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 106. The body blocks past the deadline without awaiting. 107. It swallows the cancel.
TEST(TimeoutBlock, BlockedOrSwallowedIsNoError) {
  testing::VirtualLoop loop;
  loop.run([](testing::VirtualLoop& virtual_loop) -> Task<void> {
    bool expired = co_await timeout(10ms, [&](Timeout& scope) -> Task<bool> {
      virtual_loop.block_for(1s);
      co_return scope.expired();
    });
    EXPECT_FALSE(expired);
    expired = co_await timeout(10ms, [&](Timeout& scope) -> Task<bool> {
      (void)co_await outcome(sleep(1s));
      co_return scope.expired();
    });
    EXPECT_TRUE(expired);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  }(loop));
}

// 108. A cancel that is pending and undelivered at the entry of timeout(0) stays a cancel (gh-134471).
TEST(TimeoutBlock, PendingCancelAtEntryIsNotTakenForTheTimeout) {
  for (const Duration limit : {Duration(0), Duration(1ms)}) {
    run([limit]() -> Task<void> {
      auto task = spawn(
          [](Duration time) -> Task<void> {
            EventLoop::require_task().cancel(std::make_shared<const std::string>("pending"));
            co_await timeout(time, [](Timeout&) -> Task<void> { co_await sleep(10s); });
          },
          limit);
      std::string end = co_await end_of(std::move(task));
      EXPECT_EQ(end, "cancelled: pending");
    });
  }
}

// 7. semantics: cancel from outside and timeout in one tick, in both orders.
TEST(TimeoutBlock, CancelAndTimeoutInOneTickIsACancel) {
  for (const bool cancel_first : {true, false}) {
    run([cancel_first]() -> Task<void> {
      JoinHandle<void> task;
      CallbackHandle handle;
      auto arm = [&] { handle = EventLoop::current().call_later(10ms, [&] { task.cancel("ext"); }); };
      if (cancel_first) arm();
      task = spawn([]() -> Task<void> {
        co_await timeout(10ms, [](Timeout&) -> Task<void> { co_await sleep(10s); });
      });
      co_await ticks(1);
      if (!cancel_first) arm();
      Outcome<void> end = co_await outcome(task);
      EXPECT_EQ(text(end), cancel_first ? "cancelled: ext" : "cancelled");
      EXPECT_EQ(task.cancelling(), 1U);
    });
  }
}

}  // namespace
}  // namespace coterie

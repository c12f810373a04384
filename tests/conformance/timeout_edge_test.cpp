// timeout() at its edges (list E). Line numbers and names are those of CPython 3.14.7's test_timeouts.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 106. Derived: the body blocks past the deadline without awaiting: no error.
COTERIE_CASE(TimeoutBlock, BodyThatBlocksPastTheDeadlineIsNoTimeout) {
  testing::VirtualLoop loop;
  loop.run([](testing::VirtualLoop& virtual_loop) -> Task<void> {
    bool expired = co_await timeout(10ms, [&](Timeout& scope) -> Co<bool> {
      virtual_loop.block_for(1s);
      co_return scope.expired();
    });
    EXPECT_FALSE(expired);
    EXPECT_DOUBLE_EQ(seconds(), 1);
    co_await ticks(3);  // nothing comes later
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  }(loop));
}

// 107. Derived: the body swallows the cancel: no error, and expired() tells.
COTERIE_CASE(TimeoutBlock, SwallowedCancelIsNoTimeout) {
  run([]() -> Task<void> {
    bool expired = co_await timeout(10ms, [&](Timeout& scope) -> Co<bool> {
      (void)co_await outcome(sleep(1s));
      co_return scope.expired();
    });
    EXPECT_TRUE(expired);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 108. A cancel that is pending and undelivered at the entry of timeout(0) stays a cancel (gh-134471).
COTERIE_CASE(TimeoutBlock, PendingCancelAtEntryIsNotTakenForTheTimeout) {
  for (const Duration limit : {Duration(0), Duration(1ms)}) {
    run([limit]() -> Task<void> {
      auto task = spawn(
          [](Duration time) -> Co<void> {
            EventLoop::require_task().cancel(std::make_shared<const std::string>("pending"));
            co_await timeout(time, [](Timeout&) -> Co<void> { co_await sleep(10s); });
          },
          limit);
      std::string end = co_await end_of(std::move(task));
      EXPECT_EQ(end, "cancelled: pending");
    });
  }
}

// Beyond the list: cancel from outside and timeout in one tick, in both orders.
COTERIE_CASE(TimeoutBlock, CancelAndTimeoutInOneTickIsACancel) {
  for (const bool cancel_first : {true, false}) {
    run([cancel_first]() -> Task<void> {
      JoinHandle<void> task;
      CallbackHandle handle;
      auto arm = [&] { handle = EventLoop::current().call_later(10ms, [&] { task.cancel("ext"); }); };
      if (cancel_first) arm();
      task = spawn(
          []() -> Co<void> { co_await timeout(10ms, [](Timeout&) -> Co<void> { co_await sleep(10s); }); });
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

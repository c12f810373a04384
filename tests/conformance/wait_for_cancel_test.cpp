// wait_for() that is cancelled, or whose cancel is answered (list F).
#include <gtest/gtest.h>

#include "conformance/at_most.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

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

}  // namespace
}  // namespace coterie

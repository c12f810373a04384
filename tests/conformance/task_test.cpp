// Task: basics, ends (list C, A). Line numbers and names are those of CPython 3.14.7.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 18. test_tasks::BaseTaskTests.test_stop_while_run_in_complete
COTERIE_CASE(TaskBasics, StopWhileATaskRunsToItsEndIsAnErrorAndLeavesTheTask) {
  testing::VirtualLoop loop;
  JoinHandle<void> inner;
  int steps = 0;
  const auto main = [](JoinHandle<void>& out, int& count) -> Co<void> {
    out = spawn(
        [](int& n) -> Co<void> {
          for (;;) {
            ++n;
            co_await sleep(100ms);
            if (n == 3) EventLoop::current().stop();
          }
        },
        std::ref(count));
    co_await out;
  };
  try {
    loop.run(main(inner, steps));
    ADD_FAILURE();
  } catch (const std::logic_error& stopped) {
    EXPECT_STREQ(stopped.what(), "Event loop stopped before Future completed.");
  }
  EXPECT_EQ(steps, 4);  // the step that stopped the loop went on to its next await
  EXPECT_FALSE(inner.done());
  inner.cancel();
  loop.run(ticks(3));
  EXPECT_TRUE(inner.cancelled());
}

// 26. test_tasks::SleepTests.test_sleep_zero. A sleep has no result of its own: its coroutine returns one.
COTERIE_CASE(TaskBasics, SleepZeroLetsTheOthersRunOnce) {
  run([]() -> Task<void> {
    int count = 0;
    auto subject = [](int& ran) -> Co<int> {
      EventLoop::current().call_soon([&] { ++ran; });
      co_await sleep(0s);
      EXPECT_EQ(ran, 1);
      co_return 10;
    };
    int result = co_await subject(count);
    EXPECT_EQ(result, 10);
  });
}

// 59. test_tasks::BaseTaskTests.test_cancel_with_message_before_starting_task
COTERIE_CASE(TaskBasics, MessageBeforeTheFirstStepAndTheBodyNeverRuns) {
  run([]() -> Task<void> {
    bool ran = false;
    auto task = spawn(
        [](bool& flag) -> Co<void> {
          flag = true;
          co_await sleep(1s);
        },
        std::ref(ran));
    task.cancel("my message");
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: my message");
    EXPECT_FALSE(ran);
  });
}

// 61. test_tasks::BaseTaskTests.test_task_cancel_sleeping_task
COTERIE_CASE(TaskBasics, AwaiterCatchesTheCancelOfAChild) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<std::string> {
      auto child = spawn(Subjects::sleeper, 10s);
      EventLoop::current().call_later(100ms, [child] { child.cancel(); });
      Outcome<void> end = co_await outcome(child);
      co_return text(end);
    });
    std::string end = co_await task;
    EXPECT_EQ(end, "cancelled");
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0U);
  });
}

// 62. test_tasks::BaseTaskTests.test_yield_future_passes_cancel
TEST(TaskBasics, CancelComesUpThroughInnerThenOuter) {
  run([]() -> Task<void> {
    std::vector<std::string> order;
    Future<void> future;
    auto inner = [](Future<void> f, std::vector<std::string>& out) -> Task<void> {
      try {
        co_await f;
      } catch (const Cancelled&) {
        out.push_back("inner");
        throw;
      }
    };
    auto task = spawn(
        [](auto fn, Future<void> f, std::vector<std::string>& out) -> Task<void> {
          try {
            co_await fn(f, out);
          } catch (const Cancelled&) {
            out.push_back("outer");
            throw;
          }
        },
        inner, future, std::ref(order));
    co_await yield();
    task.cancel();
    EXPECT_TRUE(future.cancelled());
    co_await ticks(1);
    EXPECT_TRUE(task.cancelled());
    EXPECT_THAT(order, ElementsAre("inner", "outer"));
  });
}

// 65. test_tasks::BaseTaskTests.test_log_destroyed_pending_task
COTERIE_CASE(TaskBasics, TaskThatALoopsEndDestroysIsReported) {
  for (const bool debug : {false, true}) {
    std::vector<ErrorContext> told;
    testing::VirtualLoop loop;
    loop.loop().set_debug(debug);
    loop.loop().set_exception_handler([&](const ErrorContext& context) { told.push_back(context); });
    loop.run([]() -> Task<void> {
      spawn(named("stubborn"), []() -> Co<void> {
        for (;;) (void)co_await outcome(Subjects::await_future(Future<void>()));
      });
      co_await ticks(1);
    }());
    loop.loop().cancel_all_and_run(1s);
    EXPECT_TRUE(told.empty());
    loop.loop().close();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].message, "Task was destroyed but it is pending!");
    EXPECT_EQ(told[0].task, "stubborn");
    EXPECT_EQ(told[0].created.empty(), !debug) << "where it was made is known in debug mode";
  }
}

// 69. Derived: a task that throws Cancelled of its own: cancelled, though nobody asked for it.
COTERIE_CASE(TaskBasics, CancelledThrownSpontaneously) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<void> {
      co_await yield();
      throw Cancelled("own");
    });
    auto awaiter = spawn([](JoinHandle<void> inner) -> Co<void> { co_await inner; }, task);
    std::string end = co_await end_of(awaiter);
    EXPECT_EQ(end, "cancelled: own");
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0U);
    EXPECT_TRUE(awaiter.cancelled());
    EXPECT_EQ(awaiter.cancelling(), 0U);
  });
}

}  // namespace
}  // namespace coterie

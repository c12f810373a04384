// Task: cancel, double cancel (list C). Line numbers and names are those of CPython 3.14.7.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 46. test_tasks::BaseTaskTests.test_cancel
COTERIE_CASE(TaskCancel, SleepingTaskIsCancelledByACallback) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::sleeper, 10s);
    EventLoop::current().call_soon([&] { task.cancel(); });
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(task.cancel());
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
    EXPECT_EQ(seconds(), 0);
  });
}

// 47. test_tasks::BaseTaskTests.test_cancel_yield
COTERIE_CASE(TaskCancel, YieldingTaskEndsAtItsNextStep) {
  run([]() -> Task<void> {
    int steps = 0;
    auto task = spawn(
        [](int& count) -> Co<void> {
          ++count;
          co_await yield();
          ++count;
          co_await yield();
        },
        std::ref(steps));
    co_await yield();
    task.cancel();
    EXPECT_FALSE(task.done());
    co_await yield();
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(steps, 1);
  });
}

// 48. test_tasks::BaseTaskTests.test_cancel_inner_future
COTERIE_CASE(TaskCancel, CancellingTheAwaitedFutureEndsTheTask) {
  run([]() -> Task<void> {
    Future<void> future;
    auto task = spawn(Subjects::template await_future<void>, future);
    co_await yield();
    future.cancel();
    co_await ticks(1);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(task.cancelling(), 0U);
  });
}

template <class How>
Task<void, How> count_deliveries(Future<void> first, Future<void> second, std::vector<std::string>& seen) {
  Outcome<void> end = co_await outcome(await_future(first));
  seen.push_back(text(end));
  end = co_await outcome(await_future(second));
  seen.push_back(text(end));
}

// 49. test_tasks::BaseTaskTests.test_cancel_both_task_and_inner_future
COTERIE_CASE(TaskCancel, FutureAndTaskCancelledInOneTickAreOneDelivery) {
  for (bool future_first : {true, false}) {
    run([=]() -> Task<void> {
      std::vector<std::string> seen;
      Future<void> first;
      Future<void> second;
      auto task = spawn(count_deliveries<How>, first, second, std::ref(seen));
      co_await ticks(2);
      if (future_first) first.cancel();
      EXPECT_TRUE(task.cancel());
      EXPECT_FALSE(first.cancel());
      co_await ticks(2);
      EXPECT_THAT(seen, ElementsAre("cancelled"));
      EXPECT_FALSE(task.done());
      second.set_value();
      co_await task;
      EXPECT_THAT(seen, ElementsAre("cancelled", "value"));
    });
  }
  run([]() -> Task<void> {  // and when it is not caught, the task is cancelled
    Future<void> future;
    auto task = spawn(Subjects::template await_future<void>, future);
    co_await yield();
    future.cancel();
    task.cancel();
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(task.cancelled());
  });
}

// 68. Derived: two requests before the task ran are one delivery, with the first message; a third is another.
COTERIE_CASE(TaskCancel, DoubleCancelBeforeTheTaskRanIsOneDelivery) {
  run([]() -> Task<void> {
    std::vector<std::string> seen;
    Future<void> first;
    Future<void> second;
    auto task = spawn(count_deliveries<How>, first, second, std::ref(seen));
    co_await ticks(2);
    EXPECT_TRUE(task.cancel("m1"));
    EXPECT_TRUE(task.cancel("m2"));
    EXPECT_EQ(task.cancelling(), 2U);
    co_await ticks(3);
    EXPECT_THAT(seen, ElementsAre("cancelled: m1"));
    EXPECT_EQ(task.cancelling(), 2U);
    EXPECT_TRUE(task.cancel("m3"));
    co_await task;
    EXPECT_THAT(seen, ElementsAre("cancelled: m1", "cancelled: m3"));
    EXPECT_EQ(task.cancelling(), 3U);
    EXPECT_FALSE(task.cancelled());
  });
}

COTERIE_CASE(TaskCancel, DoubleCancelOfASleepIsOneDeliveryToo) {
  run([]() -> Task<void> {
    std::vector<std::string> seen;
    auto task = spawn(
        [](std::vector<std::string>& out) -> Co<void> {
          for (int i = 0; i < 2; ++i) {
            Outcome<void> end = co_await outcome(sleep(10s));
            out.push_back(text(end));
          }
        },
        std::ref(seen));
    co_await yield();
    task.cancel("m1");
    task.cancel("m2");
    co_await ticks(3);
    EXPECT_THAT(seen, ElementsAre("cancelled: m1"));
    task.cancel("m3");
    co_await task;
    EXPECT_THAT(seen, ElementsAre("cancelled: m1", "cancelled: m3"));
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
  });
}

}  // namespace
}  // namespace coterie

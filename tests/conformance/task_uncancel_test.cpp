// uncancel() (list C). Names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "coterie/debug/stack.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
// 54. test_tasks::BaseTaskTests.test_cancelling
COTERIE_CASE(TaskCancel, EveryRequestCountsAndOneDeliveryEndsIt) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::sleeper, 10s);
    co_await yield();
    EXPECT_EQ(task.cancelling(), 0U);
    EXPECT_TRUE(task.cancel());
    EXPECT_TRUE(task.cancel());
    EXPECT_EQ(task.cancelling(), 2U);
    EXPECT_EQ(debug::snapshot(task.state()).state, debug::TaskState::cancelling);
    co_await yield();
    EXPECT_TRUE(task.cancelled());
  });
}

// 55. test_tasks::BaseTaskTests.test_uncancel_basic
COTERIE_CASE(TaskCancel, UncancelTakesTheRequestBack) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<void> {
      Outcome<void> end = co_await outcome(sleep(10s));
      EXPECT_TRUE(end.cancelled());
      TaskRec& self = EventLoop::require_task();
      EXPECT_EQ(self.uncancel(), 0U);
      co_await sleep(10s);
    });
    co_await yield();
    EXPECT_EQ(task.cancelling(), 0U);
    EXPECT_TRUE(task.cancel());
    EXPECT_EQ(task.cancelling(), 1U);
    EXPECT_TRUE(task.cancel());
    EXPECT_EQ(task.cancelling(), 2U);
    EXPECT_EQ(task.uncancel(), 1U);
    co_await yield();
    EXPECT_FALSE(task.done());
    EXPECT_EQ(task.cancelling(), 0U);
    EXPECT_TRUE(task.cancel());
    EXPECT_EQ(task.cancelling(), 1U);
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(task.cancelling(), 1U);
    EXPECT_EQ(task.uncancel(), 0U);
    EXPECT_EQ(task.cancelling(), 0U);
    EXPECT_TRUE(task.cancelled());
  });
}

// Beyond the list: at zero a cancel that was not delivered yet is withdrawn (gh-117407).
COTERIE_CASE(TaskCancel, UncancelBeforeTheDeliveryWithdrawsIt) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<int> {
      co_await yield();
      co_return 1;
    });
    co_await yield();
    task.cancel();
    EXPECT_EQ(task.uncancel(), 0U);
    int result = co_await task;
    EXPECT_EQ(result, 1);
  });
}

/// timeout() as a user would write it with call_later, cancel and uncancel.
template <class How>
Task<bool, How> structured_block(Duration limit, Task<void, How> body) {
  TaskRec& self = EventLoop::require_task();
  bool fired = false;
  auto handle = EventLoop::current().call_later(limit, [&] {
    fired = true;
    self.cancel(nullptr);
  });
  Outcome<void> end = co_await outcome(std::move(body));
  handle.cancel();
  if (fired && self.uncancel() == 0 && end.cancelled()) co_return true;
  end.get();
  co_return false;
}

// 56. test_tasks::BaseTaskTests.test_uncancel_structured_blocks
COTERIE_CASE(TaskCancel, UncancelInAStructuredBlock) {
  for (const bool times_out : {true, false}) {
    run([=]() -> Task<void> {
      auto task = spawn(
          [](bool slow) -> Co<double> {
            const bool timed_out = co_await structured_block(100ms, Subjects::sleeper(slow ? 10s : 10ms));
            EXPECT_EQ(timed_out, slow);
            EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
            co_await sleep(1s);  // the run goes on
            co_return seconds();
          },
          times_out);
      double end = co_await task;
      EXPECT_DOUBLE_EQ(end, times_out ? 1.1 : 1.01);
      EXPECT_EQ(task.cancelling(), 0U);
      EXPECT_FALSE(task.cancelled());
    });
  }
  run([]() -> Task<void> {  // a cancel from outside is no timeout
    auto task = spawn(structured_block<How>, Duration(1s), Subjects::sleeper(10s));
    co_await yield();
    task.cancel("outside");
    Outcome<bool> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: outside");
    EXPECT_EQ(task.cancelling(), 1U);
  });
}
}  // namespace
}  // namespace coterie

// wait_for() of what is shielded, holds a lock, or gives what cannot be copied (list F).
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 89. WaitForShieldTests.test_zero_timeout, test_none_timeout, test_shielded_timeout
COTERIE_CASE(WaitFor, ShieldedTaskRunsOn) {
  run([]() -> Task<void> {
    auto task = spawn(Subjects::give_later, 1s, 5);
    auto shielded = [](JoinHandle<int> t) -> Co<int> { co_return co_await shield(t); };
    for (const Duration limit : {Duration(0), Duration(100ms)}) {
      std::string end = co_await end_of(wait_for(limit, shielded(task)));
      EXPECT_EQ(end, "timeout");
    }
    EXPECT_EQ(task.cancelling(), 0U);
    auto block = [&](Timeout&) -> Co<int> { return shielded(task); };  // no limit
    int value = co_await timeout_at(std::nullopt, block);
    EXPECT_EQ(value, 5);
    EXPECT_DOUBLE_EQ(seconds(), 1);
    EXPECT_FALSE(task.cancelled());
  });
}

// 90. ConditionTests.test_timeout_in_block
COTERIE_CASE(WaitFor, ConditionHoldsItsLockAgainAfterTheTimeout) {
  run([]() -> Task<void> {
    Condition condition;
    auto subject = [](Condition& c) -> Co<void> {
      LockGuard guard = co_await c.scoped();
      auto waits = [](Condition& inner) -> Co<void> { co_await inner.wait(); };
      std::string end = co_await end_of(wait_for(500ms, waits(c)));
      EXPECT_EQ(end, "timeout");
      EXPECT_TRUE(c.locked());
    };
    co_await subject(condition);
    EXPECT_FALSE(condition.locked());
    EXPECT_DOUBLE_EQ(seconds(), 0.5);
  });
}

// Results that cannot be copied pass too.
COTERIE_CASE(WaitFor, MoveOnlyResults) {
  run([]() -> Task<void> {
    auto make = []() -> Co<std::unique_ptr<int>> {
      co_await yield();
      co_return std::make_unique<int>(3);
    };
    auto direct = co_await wait_for(1s, make());
    EXPECT_EQ(*direct, 3);
    auto task = spawn(make);
    auto joined = co_await wait_for(1s, std::move(task));
    EXPECT_EQ(*joined, 3);
  });
}

}  // namespace
}  // namespace coterie

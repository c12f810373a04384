// wait() (list G, first part). Line numbers and names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 109. BaseTaskTests.test_wait
COTERIE_CASE(Wait, ReturnsWhenAllHaveEnded) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 100ms);
    auto b = spawn(Subjects::give_later, 150ms, 2);
    for (int round = 0; round < 2; ++round) {
      auto [done, pending] = co_await wait(a, b);
      EXPECT_THAT(done, ElementsAre(TaskRef(a), TaskRef(b)));
      EXPECT_TRUE(pending.empty());
      EXPECT_DOUBLE_EQ(seconds(), 0.15);
    }
  });
}

// 112. BaseTaskTests.test_wait_with_exception
COTERIE_CASE(Wait, AllCompletedCollectsErrorsWithoutThrowing) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 100ms);
    auto b = spawn(Subjects::fail_later, 150ms, "err");
    auto [done, pending] = co_await wait(a, b);
    EXPECT_EQ(done.size(), 2U);
    EXPECT_TRUE(pending.empty());
    EXPECT_EQ(text(b.exception()), "err");
    EXPECT_DOUBLE_EQ(seconds(), 0.15);
  });
}

// Errors stay with their tasks: wait() does not retrieve them.
COTERIE_CASE(Wait, ErrorThatNobodyRetrievedIsReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto task = spawn(Subjects::fail, "unseen");
    co_await wait(task);
  }());
  EXPECT_THAT(reports.messages(), ElementsAre("Task exception was never retrieved"));
}

}  // namespace
}  // namespace coterie

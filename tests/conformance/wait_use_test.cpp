// wait(): what it refuses, and what it does with duplicates and with what has ended (list G). Names are those
// of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 114. BaseTaskTests.test_wait_errors, test_wait_invalid_args, test_wait_duplicate_coroutines
COTERIE_CASE(Wait, MisuseIsAnErrorAndDuplicatesMerge) {
  run([]() -> Task<void> {
    EXPECT_THROW((void)wait(std::vector<JoinHandle<int>>()), std::invalid_argument);
    auto task = spawn(Subjects::give, 1);
    EXPECT_THROW((void)wait(static_cast<ReturnWhen>(200), task), std::invalid_argument);
    auto [done, pending] = co_await wait(task, task, task);
    EXPECT_THAT(done, ElementsAre(task));
    EXPECT_TRUE(pending.empty());
    auto myself = spawn([]() -> Co<void> {
      TaskRef self = current_task();
      co_await wait(self);
    });
    std::string end = co_await end_of(std::move(myself));
    EXPECT_THAT(end, ::testing::HasSubstr("itself"));
  });
}

// Beyond the list: it suspends also when all have ended, for callbacks of what has ended are queued; and a
// cancel that comes when it was woken wins.
COTERIE_CASE(Wait, AlwaysSuspends) {
  run([]() -> Task<void> {
    TickCounter fresh;
    co_await wait(spawn(Subjects::nop));
    EXPECT_EQ(fresh.count(), 3);
    auto ended = spawn(Subjects::nop);
    co_await ended;
    TickCounter counter;
    co_await wait(ended);
    EXPECT_EQ(counter.count(), 2);
    auto waiter = spawn([](JoinHandle<void> task) -> Co<void> { co_await wait(task); }, ended);
    co_await ticks(2);
    waiter.cancel();
    std::string end = co_await end_of(waiter);
    EXPECT_EQ(end, "cancelled");
  });
}

}  // namespace
}  // namespace coterie

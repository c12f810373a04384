// gather() of nothing, of one task thrice, and of tasks of two loops (list G, second part). Names are those
// of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 125. FutureGatherTests.test_constructor_empty_sequence_use_running_loop
COTERIE_CASE(Gather, NothingIsDoneAtOnce) {
  run([]() -> Task<void> {
    TickCounter counter;
    std::vector<int> values = co_await gather(std::vector<Co<int>>());
    EXPECT_TRUE(values.empty());
    co_await gather();
    EXPECT_EQ(counter.count(), 0);
  });
}

// 126. FutureGatherTests.test_constructor_heterogenous_futures
COTERIE_CASE(Gather, TasksOfTwoLoopsAreAnError) {
  testing::VirtualLoop other;
  JoinHandle<void> foreign;
  other.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn(Subjects::sleeper, 1h);
    co_return;
  }(foreign));
  run([&foreign]() -> Task<void> {
    auto own = spawn(Subjects::sleeper, 1h);
    auto gathering = [](JoinHandle<void> a, JoinHandle<void> b) -> Co<void> { co_await gather(a, b); };
    std::string end = co_await end_of(gathering(own, foreign));
    EXPECT_THAT(end, HasSubstr("different loop"));
    EXPECT_FALSE(own.done());
    EXPECT_EQ(own.cancelling(), 0U);
  });
}

// 127. CoroutineGatherTests.test_duplicate_coroutines
COTERIE_CASE(Gather, OneTaskGivenThriceRunsOnce) {
  run([]() -> Task<void> {
    int runs = 0;
    auto task = spawn(
        [](int& count) -> Co<int> {
          co_await yield();
          co_return ++count;
        },
        std::ref(runs));
    auto [a, b, c] = co_await gather(task, task, task);
    EXPECT_THAT((std::vector{a, b, c}), ElementsAre(1, 1, 1));
    EXPECT_EQ(runs, 1);
  });
}

}  // namespace
}  // namespace coterie

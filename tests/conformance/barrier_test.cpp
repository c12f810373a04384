// Barrier: filling (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "conformance/barrier_users.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::UnorderedElementsAre;

// 197. BarrierTests.test_filling_tasks_check_return_value
COTERIE_CASE(BarrierFilling, IndicesOfARoundAreAPermutation) {
  run([]() -> Task<void> {
    Barrier barrier(5);
    EXPECT_THROW(Barrier(0), std::invalid_argument);
    std::vector<std::size_t> indices;
    auto three_rounds = [](Barrier& b, std::vector<std::size_t>& out) -> Co<void> {
      for (int round = 0; round < 3; ++round) {
        std::size_t index = co_await b.wait();
        out.push_back(index);
      }
    };
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 5; ++i) group.spawn(three_rounds, std::ref(barrier), std::ref(indices));
      co_return;
    });
    EXPECT_EQ(indices.size(), 15U);
    for (auto round = indices.begin(); round != indices.end(); round += 5)
      EXPECT_THAT(std::vector(round, round + 5), UnorderedElementsAre(0U, 1U, 2U, 3U, 4U));
    EXPECT_EQ(barrier.waiting(), 0U);
    EXPECT_FALSE(barrier.broken());
  });
}

// 198. BarrierTests.test_filling_tasks_cancel_one
COTERIE_CASE(BarrierFilling, CancelledTaskDoesNotCount) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    auto t1 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t2 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await yield();
    EXPECT_EQ(barrier.waiting(), 2U);
    t1.cancel();
    Outcome<void> end = co_await outcome(t1);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(barrier.waiting(), 1U);
    auto t3 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t4 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await t2;
    co_await t3;
    co_await t4;
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U, 2U));
    EXPECT_EQ(barrier.waiting(), 0U);
  });
}

// 204. gh-155233: A and B wait, A is cancelled, C and D come
COTERIE_CASE(BarrierFilling, IndicesHaveNoGapAfterACancel) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    auto a = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto b = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await yield();
    a.cancel();
    co_await yield();
    auto c = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto d = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await b;
    co_await c;
    co_await d;
    EXPECT_TRUE(a.cancelled());
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U, 2U));
  });
}

}  // namespace
}  // namespace coterie

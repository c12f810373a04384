// gather() (list G, second part). Names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class Co>
Co give_at(Duration delay, int value, std::vector<int>& seen) {
  co_await sleep(delay);
  seen.push_back(value);
  co_return value;
}

// 121. FutureGatherTests.test_success, test_result_exception_success
COTERIE_CASE(Gather, ValuesComeInTheOrderOfTheArguments) {
  run([]() -> Task<void> {
    std::vector<int> seen;
    auto [a, b, c] = co_await gather(give_at<Co<int>>(3s, 1, seen), give_at<Co<int>>(1s, 2, seen),
                                     give_at<Co<int>>(2s, 3, seen));
    EXPECT_THAT((std::vector{a, b, c}), ElementsAre(1, 2, 3));
    EXPECT_THAT(seen, ElementsAre(2, 3, 1));
    std::vector<Co<int>> tasks;
    tasks.reserve(5);
    for (int i = 0; i < 5; ++i) tasks.push_back(Subjects::give_later(std::chrono::seconds(5 - i), i));
    std::vector<int> values = co_await gather(std::move(tasks));
    EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4));
    auto [nothing, one] = co_await gather_outcomes(Subjects::nop(), Subjects::give(1));
    EXPECT_TRUE(nothing.has_value());
    EXPECT_EQ(one.get(), 1);
    int ends = 0;
    auto outer = spawn([]() -> Co<void> { co_await gather(Subjects::nop(), Subjects::sleeper(1s)); });
    outer.add_done_callback([&ends](const JoinHandle<void>&) { ++ends; });
    co_await outer;
    co_await ticks(2);
    EXPECT_EQ(ends, 1);
  });
}

}  // namespace
}  // namespace coterie

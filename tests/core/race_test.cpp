// race(): the first that ends decides, the losers are cancelled and joined.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

COTERIE_CASE(Race, FirstEndWinsAndTheLosersAreCancelled) {
  run([]() -> Task<void> {
    auto end = co_await race(Subjects::sleeper(10s), Subjects::give_later(1s, 7), Subjects::sleeper(20s));
    EXPECT_EQ(end.index(), 1U);
    EXPECT_EQ(std::get<1>(end), 7);
    EXPECT_DOUBLE_EQ(seconds(), 1);
    EXPECT_EQ(EventLoop::current().task_count(), 1U);

    std::vector<Co<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(Subjects::give_later(std::chrono::seconds(3 - i), i));
    auto winner = co_await race(std::move(tasks));
    EXPECT_EQ(winner.index, 2U);
    EXPECT_EQ(winner.value, 2);
    EXPECT_DOUBLE_EQ(seconds(), 2);
  });
}

COTERIE_CASE(Race, FirstErrorIsThrown) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto end = co_await outcome(
        race(Subjects::fail_later(1s, "first"), Subjects::fail_later(1s, "second"), Subjects::sleeper(10s)));
    EXPECT_EQ(text(end), "first");
    EXPECT_DOUBLE_EQ(seconds(), 1);
  }());
  EXPECT_EQ(reports.count(), 0U);
}

COTERIE_CASE(Race, TwoThatEndInOneTickHaveOneWinner) {
  run([]() -> Task<void> {
    auto end = co_await race(Subjects::give(1), Subjects::give(2));
    EXPECT_EQ(end.index(), 0U);
  });
}

TEST(Race, MoveOnlyResultsAndNoRacers) {
  run([]() -> Task<void> {
    auto make = [](int value) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(value); };
    auto end = co_await race(make(1), sleeper(1s));
    EXPECT_EQ(*std::get<0>(end), 1);
    EXPECT_THROW((void)race(std::vector<Task<int>>()), std::invalid_argument);
    EXPECT_THROW((void)staggered_race(1s, std::vector<Task<int>>()), std::invalid_argument);
  });
}

}  // namespace
}  // namespace coterie

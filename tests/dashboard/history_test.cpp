// What the charts show: rates out of counts, ranges with steps, and what is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/dashboard/history.hpp"

namespace coterie::dashboard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<queue::QueueInfo> counts(std::uint64_t ready, std::uint64_t done) {
  queue::QueueInfo info;
  info.name = "default";
  info.counts[queue::JobState::ready] = ready;
  info.counts[queue::JobState::done] = done;
  return {info};
}

TEST(History, ARateIsTheDifferenceOfTwoLooks) {
  History history;
  history.add(counts(5, 100), 1'000'000);
  history.add(counts(4, 130), 1'002'000);
  EXPECT_EQ(history.newest().done, 15);
  EXPECT_EQ(history.newest().ready, 4U);
}

TEST(History, WhatIsForgottenIsNoWork) {
  History history;
  history.add(counts(0, 100), 1'000'000);
  history.add(counts(0, 40), 1'001'000);
  EXPECT_EQ(history.newest().done, 0);
}

TEST(History, EachRangeHasItsStepAndNoMorePointsThanItSays) {
  History history;
  for (int second = 0; second < 3600; ++second)
    history.add(counts(7, second * 3), 1'000'000'000 + second * 1000);
  for (std::size_t range = 0; range < History::ranges.size(); ++range) {
    const std::string text = history.save(range);
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    const std::size_t steps = 3'600'000 / static_cast<std::size_t>(History::ranges[range].step_ms);
    EXPECT_LE(lines, History::ranges[range].points);
    EXPECT_NEAR(static_cast<double>(lines),
                static_cast<double>(std::min(steps, History::ranges[range].points)), 2);
    EXPECT_THAT(text, HasSubstr(",7,0,0,0,3,0\n"));
  }
  EXPECT_TRUE(history.json("1h"));
  EXPECT_FALSE(history.json("1y"));
}

TEST(History, WhatIsKeptComesBackAndFitsIntoANote) {
  History history;
  constexpr std::int64_t step = 300'000;
  for (int i = 0; i < 9000; ++i)
    history.add(counts(1'000'000'000 + i, i * 1'000'000LL), 1'790'000'000'000 + i * step);
  for (const std::size_t range : {std::size_t{2}, std::size_t{3}}) {
    const std::string kept = history.save(range);
    EXPECT_LT(kept.size(), 65'536U);
    History again;
    again.load(range, kept);
    EXPECT_EQ(again.save(range), kept);
  }
}

TEST(History, ANoteOfSomebodyElseIsNotBelieved) {
  History history;
  history.load(
      2, "1,2,3\nx\n-1,0,0,0,0,0,0\n5,1,1,1,1,1,1\n4,1,1,1,1,1,1\nnan,0,0,0,0,0,0\n6,1e300,0,0,0,0,0\n");
  EXPECT_EQ(history.save(2), "5,1,1,1,1,1,1\n");
}

}  // namespace
}  // namespace coterie::dashboard

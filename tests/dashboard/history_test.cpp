// What the charts show: rates out of counts, ranges with steps, and what is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/dashboard/history.hpp"

namespace coterie::dashboard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Look seen(std::uint64_t ready, std::uint64_t done, queue::UnixMillis at) {
  queue::QueueInfo info;
  info.name = "default";
  info.counts[queue::JobState::ready] = ready;
  info.counts[queue::JobState::done] = done;
  Look look;
  look.at = at;
  look.queues.push_back(info);
  return look;
}

queue::JobInfo ended(queue::UnixMillis run_at, std::int64_t waited, std::int64_t ran) {
  queue::JobInfo job;
  job.run_at = run_at;
  job.started_at = run_at + waited;
  job.finished_at = job.started_at + ran;
  return job;
}

TEST(History, ARateIsTheDifferenceOfTwoLooks) {
  History history;
  history.add(seen(5, 100, 1'000'000));
  history.add(seen(4, 130, 1'002'000));
  EXPECT_EQ(history.newest().done, 15);
  EXPECT_EQ(history.newest().ready, 4U);
}

TEST(History, WhatIsForgottenIsNoWork) {
  History history;
  history.add(seen(0, 100, 1'000'000));
  history.add(seen(0, 40, 1'001'000));
  EXPECT_EQ(history.newest().done, 0);
}

TEST(History, TheDeadAreCountedAndAPointOfBeforeThatHasNone) {
  History history;
  const auto at = [](queue::UnixMillis when) {
    Look look = seen(1, 0, when);
    look.queues[0].counts[queue::JobState::dead] = 6;
    return look;
  };
  history.add(at(1'000'000));
  history.add(at(1'002'000));
  EXPECT_THAT(history.json("5m").value(), HasSubstr(",null,6]"));
  EXPECT_THAT(history.json("5m").value(), HasSubstr(R"("run_p99_ms","dead"])"));
  History other;
  other.load(0, "900000,1,2,3,4,5,6,-1,-1,-1,-1,-1,-1\n" + history.save(0));
  EXPECT_THAT(other.json("5m").value(), HasSubstr("[900000,1,2,3,4,5,6,null,null,null,null,null,null,0],"));
  EXPECT_THAT(other.json("5m").value(), HasSubstr(",null,6]"));
}

TEST(History, EachRangeHasItsStepAndNoMorePointsThanItSays) {
  History history;
  for (int second = 0; second < 3600; ++second)
    history.add(seen(7, second * 3, 1'000'000'000 + second * 1000));
  for (std::size_t range = 0; range < History::ranges.size(); ++range) {
    const std::string text = history.save(range);
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    const std::size_t steps = 3'600'000 / static_cast<std::size_t>(History::ranges[range].step_ms);
    EXPECT_LE(lines, History::ranges[range].points);
    EXPECT_NEAR(static_cast<double>(lines),
                static_cast<double>(std::min(steps, History::ranges[range].points)), 2);
    EXPECT_THAT(text, HasSubstr(",7,0,0,0,3,0,-1,-1,-1,-1,-1,-1,0\n"));
  }
  EXPECT_TRUE(history.json("1h"));
  EXPECT_FALSE(history.json("1y"));
}

TEST(History, PercentilesAreOfWhatEndedAndRightWithinATenth) {
  History history;
  history.add(seen(0, 0, 1'000'000));
  Look look = seen(0, 100, 1'001'000);
  for (int i = 1; i <= 100; ++i) look.ended.push_back(ended(900'000, i * 10, i * 1000));
  history.add(look);
  ASSERT_TRUE(history.newest().wait);
  const auto near = [](std::int64_t found, double wanted) {
    EXPECT_NEAR(static_cast<double>(found), wanted, wanted / 10);
  };
  near((*history.newest().wait)[0], 500);
  near((*history.newest().wait)[1], 950);
  near((*history.newest().wait)[2], 990);
  near((*history.newest().run)[0], 50'000);
  near((*history.newest().run)[2], 99'000);
  history.add(seen(0, 100, 1'002'000));
  EXPECT_FALSE(history.newest().wait) << "nothing ended in that second";
  EXPECT_THAT(*history.json("5m"), HasSubstr(",null,null,null,null,null,null]"));
}

// 900 jobs of 10 ms ended in one second, of which ten were seen; ten of 1 s in the others, all of them seen.
TEST(History, ABusySecondCountsForMoreThanAQuietOne) {
  History history;
  history.add(seen(0, 0, 16'000));
  history.add(seen(0, 0, 17'000));  // the first point of the hour
  Look busy = seen(0, 900, 18'000);
  for (int i = 0; i < 10; ++i) busy.ended.push_back(ended(10'000, 0, 10));
  history.add(busy);
  Look quiet = seen(0, 910, 31'000);
  for (int i = 0; i < 10; ++i) quiet.ended.push_back(ended(10'000, 0, 1000));
  history.add(quiet);  // ends its second one
  EXPECT_THAT(history.save(1), testing::EndsWith(",0,0,0,10,10,939,0\n")) << "of 910, nearly all took 10 ms";
}

TEST(History, WhatIsKeptComesBackAndFitsIntoANote) {
  History history;
  constexpr std::int64_t step = 300'000;
  for (int i = 0; i < 9000; ++i) {
    Look look = seen(1'000'000'000 + i, i * 1'000'000LL, 1'790'000'000'000 + i * step);
    look.ended.push_back(ended(look.at - 9'000'000, 1'234'567 + i, 7'654'321));
    history.add(look);
  }
  for (const std::size_t range : {std::size_t{2}, std::size_t{3}}) {
    const std::string kept = history.save(range);
    EXPECT_LE(kept.size(), History::kept_bytes);
    EXPECT_GE(std::count(kept.begin(), kept.end(), '\n'), 288);
    History again;
    again.load(range, kept);
    EXPECT_EQ(again.save(range), kept);
  }
}

TEST(History, ANoteOfSomebodyElseIsNotBelieved) {
  History history;
  history.load(2,
               "1,2,3\nx\n-1,0,0,0,0,0,0,0,0,0,0,0,0\n5,1,1,1,1,1,1,-1,-1,-1,2,3,4\n"
               "4,1,1,1,1,1,1,1,1,1,1,1,1\nnan,0,0,0,0,0,0,0,0,0,0,0,0\n6,1e300,0,0,0,0,0,0,0,0,0,0,0\n");
  EXPECT_EQ(history.save(2), "5,1,1,1,1,1,1,-1,-1,-1,2,3,4,0\n");
}

}  // namespace
}  // namespace coterie::dashboard

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
  EXPECT_THAT(history.json("5m", 1'002'000).value(), HasSubstr(",null,6]"));
  EXPECT_THAT(history.json("5m", 1'002'000).value(), HasSubstr(R"("run_p99_ms","dead"])"));
  History other;
  other.load(0, "900000,1,2,3,4,5,6,-1,-1,-1,-1,-1,-1\n" + history.save(0));  // as older versions wrote it
  EXPECT_THAT(other.json("5m", 1'002'000).value(),
              HasSubstr("[900000,1,2,3,4,5,6,null,null,null,null,null,null,0],"));
  EXPECT_THAT(other.json("5m", 1'002'000).value(), HasSubstr(",null,6]"));
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
    EXPECT_THAT(text, HasSubstr(",7,0,0,0,3,0,,,,,,,0\n"));
  }
  EXPECT_TRUE(history.json("1h", 0));
  EXPECT_FALSE(history.json("1y", 0));
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
  EXPECT_THAT(*history.json("5m", 1'002'000), HasSubstr(",null,null,null,null,null,null,0]"));
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

// A point of each step, with as many digits as a busy queue has, for longer than a range lasts.
TEST(History, AllPointsOfARangeFitIntoANoteAndComeBack) {
  for (const std::size_t range : {std::size_t{2}, std::size_t{3}}) {
    const auto [name, step_ms, most] = History::ranges[range];
    History history;
    for (std::size_t i = 0; i < most + 10; ++i) {
      const auto more = static_cast<std::int64_t>(i);
      Look look = seen(123'456'789 + i, i * 44'444'444'444, 1'790'000'000'000 + more * step_ms);
      queue::QueueInfo& info = look.queues[0];
      info.oldest_ready_at = look.at - 987'654'321;
      for (const queue::JobState state : {queue::JobState::scheduled, queue::JobState::leased})
        info.counts[state] = 98'765'432 + i;
      info.counts[queue::JobState::dead] = i * 44'444'444;
      for (const std::int64_t times : {1, 3, 9})
        look.ended.push_back(ended(look.at - 2'000'000'000, 1'234'567 * times + more, 7'654'321 * times));
      history.add(look);
    }
    const std::string kept = history.save(range);
    EXPECT_LE(kept.size(), History::kept_bytes) << name;
    EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), static_cast<std::ptrdiff_t>(most)) << name;
    History again;
    again.load(range, kept);
    EXPECT_EQ(again.save(range), kept) << name;
    EXPECT_EQ(again.last(range), history.last(range) / step_ms * step_ms) << name;
    EXPECT_THAT(kept, testing::ContainsRegex("\n\\+1,123e6,988e5,988e5,988e6,"));
    EXPECT_THAT(again.json(name, again.last(range)).value(),
                HasSubstr(",123000000,98800000,98800000,988000000,"));
  }
}

TEST(History, WhatIsOlderThanItsRangeIsNotShown) {
  for (std::size_t range = 0; range < History::ranges.size(); ++range) {
    const auto [name, step_ms, most] = History::ranges[range];
    const std::int64_t length = step_ms * static_cast<std::int64_t>(most);
    const queue::UnixMillis old = length;
    const queue::UnixMillis young = 3 * length;
    History history;
    history.add(seen(1, 0, old - 1000));
    history.add(seen(1, 0, old));
    const auto shows = [&](queue::UnixMillis point, queue::UnixMillis now) {
      return history.json(name, now)->find("[" + std::to_string(point) + ",") != std::string::npos;
    };
    EXPECT_TRUE(shows(old, old + length)) << name;
    EXPECT_FALSE(shows(old, old + length + 1)) << name << ": also where no look came since";
    history.add(seen(1, 0, young));
    EXPECT_FALSE(shows(old, young)) << name;
    EXPECT_TRUE(shows(young, young)) << name;
    History again;
    again.load(range, history.save(range));
    EXPECT_EQ(again.json(name, young), history.json(name, young)) << name;
  }
}

TEST(History, WhatIsKeptHasGapsWhereThereWereSome) {
  const std::string kept =
      "600000,1,2,3,4,0.25,0,,,,,,,7\n+1,999,1e3,3,4,12.5,0,5,6,7,8,9,10,0\n+12,1,2,3,4,5,6,,,,,,,0\n";
  History history;
  history.load(2, kept);
  EXPECT_THAT(history.json("24h", 4'500'000).value(),
              HasSubstr(R"("points":[[600000,1,2,3,4,0.25,0,null,null,null,null,null,null,7],)"
                        "[900000,999,1000,3,4,12.5,0,5,6,7,8,9,10,0],[4500000,1,2,3,4,5,6,"));
  EXPECT_EQ(
      history.save(2),
      "600000,1,2,3,4,0.25,0,,,,,,,7\n+1,999,100e1,3,4,12.5,0,5,6,7,8,9,10,0\n+12,1,2,3,4,5,6,,,,,,,0\n");
}

TEST(History, ANoteOfSomebodyElseIsNotBelieved) {
  History history;
  history.load(
      2,
      "1,2,3\nx\n-1,0,0,0,0,0,0,0,0,0,0,0,0\n900000,1,1,1,1,1,1,-1,-1,-1,2,3,4\n+\n+0,1,1,1,1,1,1,,,,,,,0\n"
      "4,1,1,1,1,1,1,1,1,1,1,1,1\nnan,0,0,0,0,0,0,0,0,0,0,0,0\n900006,1e300,0,0,0,0,0,0,0,0,0,0,0\n");
  EXPECT_EQ(history.save(2), "900000,1,1,1,1,1,1,,,,2,3,4,0\n");
}

}  // namespace
}  // namespace coterie::dashboard

// How much a process asks of a server in one go. Times are told to it, none is measured.
#include "src/brokers/redis/pace.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace coterie::brokers::redis {
namespace {

using namespace std::chrono_literals;

/// A server that takes 10 µs for a job, and `queued` before it begins.
void answer(Pace& pace, Duration queued = 0ns) {
  const std::size_t jobs = pace.takes() * pace.jobs();
  pace.note(10us * static_cast<std::int64_t>(jobs) + queued, jobs, true);
}

TEST(RedisPace, BeginsWithOneScript) {
  const Pace pace;
  EXPECT_EQ(pace.takes(), 1U);
  EXPECT_EQ(pace.jobs(), Pace::jobs_most);
  EXPECT_EQ(pace.pause(), Duration::zero());
}

TEST(RedisPace, AsksForMoreAndMoreWhereItIsAloneAndThereIsMore) {
  Pace pace;
  for (const std::size_t expected : {2U, 4U, 8U, 16U, 16U}) {
    answer(pace);
    EXPECT_EQ(pace.takes(), expected);
  }
  EXPECT_EQ(pace.jobs(), Pace::jobs_most);
  EXPECT_EQ(pace.pause(), Duration::zero());
}

TEST(RedisPace, GoesBackToOneScriptWhereThereWasLessThanItAskedFor) {
  Pace pace;
  answer(pace);
  answer(pace);
  pace.note(1ms, 100, false);
  EXPECT_EQ(pace.takes(), 1U);
  answer(pace);
  pace.note(100us, 3, false);
  EXPECT_EQ(pace.takes(), 1U);
}

TEST(RedisPace, AsksForLessAndWaitsWhereOthersKeepTheServerBusy) {
  Pace pace;
  for (int i = 0; i < 5; ++i) answer(pace);
  for (int i = 0; i < 20; ++i) answer(pace, 20ms);
  EXPECT_EQ(pace.takes(), 1U);
  EXPECT_EQ(pace.jobs(), Pace::jobs_least);
  EXPECT_GT(pace.pause(), 10ms);
  EXPECT_LE(pace.pause(), 50ms);
}

TEST(RedisPace, IsAsQuickAsBeforeOnceTheyAreGone) {
  Pace pace;
  answer(pace);
  for (int i = 0; i < 20; ++i) answer(pace, 20ms);
  for (int i = 0; i < 50; ++i) answer(pace);
  EXPECT_EQ(pace.takes(), Pace::takes_most);
  EXPECT_EQ(pace.jobs(), Pace::jobs_most);
  EXPECT_EQ(pace.pause(), Duration::zero());
}

TEST(RedisPace, FollowsAServerThatBecomesSlower) {
  Pace pace;
  for (int i = 0; i < 10; ++i) answer(pace);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t jobs = pace.takes() * pace.jobs();
    pace.note(100us * static_cast<std::int64_t>(jobs), jobs, true);
  }
  EXPECT_EQ(pace.pause(), Duration::zero());
  EXPECT_EQ(pace.takes(), Pace::takes_most);
}

TEST(RedisPace, ALoneSmallCallIsNotHeldBackByWhatWasBefore) {
  Pace pace;
  answer(pace);
  for (int i = 0; i < 20; ++i) answer(pace, 20ms);
  pace.note(30ms, 1, false);
  EXPECT_EQ(pace.pause(), Duration::zero());
}

}  // namespace
}  // namespace coterie::brokers::redis

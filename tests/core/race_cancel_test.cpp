// race(): the cleanup of the losers, and a cancel of the race.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(Race, WaitsForTheCleanupOfTheLosers) {
  run([]() -> Task<void> {
    bool left = false;
    auto slow = [](bool& flag) -> Task<int> {
      (void)co_await outcome(sleep(10s));
      (void)co_await outcome(sleep(2s));
      flag = true;
      co_return 99;  // a value that comes too late
    };
    auto end = co_await race(slow(left), give_later(1s, 1));
    EXPECT_EQ(end.index(), 1U);
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 3);
  });
}

COTERIE_CASE(Race, CancelCancelsAllAndComesOutWhenTheyHaveEnded) {
  run([]() -> Task<void> {
    auto racer = spawn([]() -> Co<void> { co_await race(Subjects::sleeper(10s), Subjects::sleeper(20s)); });
    co_await ticks(3);
    racer.cancel("over");
    std::string end = co_await end_of(racer);
    EXPECT_EQ(end, "cancelled: over");
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
}

// A cancel that comes while the losers are being joined is not lost, though there is a winner.
TEST(Race, CancelAfterTheDecisionStillComesOut) {
  run([]() -> Task<void> {
    auto slow = []() -> Task<void> {
      (void)co_await outcome(sleep(10s));
      (void)co_await outcome(sleep(2s));
    };
    auto racer = spawn([&slow]() -> Task<void> { co_await race(slow(), give_later(1s, 1)); });
    co_await sleep(1500ms);
    racer.cancel();
    std::string end = co_await end_of(racer);
    EXPECT_EQ(end, "cancelled");
    EXPECT_DOUBLE_EQ(seconds(), 1.5);
  });
}

}  // namespace
}  // namespace coterie

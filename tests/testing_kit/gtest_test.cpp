// Tests whose body is a coroutine. Those that must fail are disabled, and run by this program in a process of
// its own.
#include "coterie/testing/gtest.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>

#include "support/runtime.hpp"

using namespace coterie;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

COTERIE_TEST(CoroutineTest, RunsOnAVirtualLoop) {
  co_await sleep(1h);
  EXPECT_EQ(virtual_loop.seconds(), 3600.0);
  COTERIE_ASSERT(EXPECT_EQ(test::seconds(), 3600.0));
  auto left = spawn(test::sleeper, 1h);
}

COTERIE_TEST(CoroutineTest, DISABLED_AssertLeaves) {
  co_await yield();
  COTERIE_ASSERT(EXPECT_EQ(1, 2) << "and why");
  ADD_FAILURE() << "not left";
}
COTERIE_TEST(CoroutineTest, DISABLED_Throws) {
  co_await yield();
  throw test::Boom("out of the body");
}
COTERIE_TEST(CoroutineTest, DISABLED_Deadlocks) {
  Event never;
  co_await never.wait();
}
COTERIE_TEST(CoroutineTest, DISABLED_EndsCancelled) {
  EventLoop::require_task().cancel(nullptr);
  co_await yield();
}

static int histories = 0;
COTERIE_SEEDED_TEST(SeededTest, RunsOnceForEachSeed, 20) {
  ++histories;
  auto nap = seeded.subject(spawn(test::sleeper, 1s));
  co_await nap.wait();
  EXPECT_EQ(nap.cancelled(), seeded.cancels() > 0);
}
TEST(SeededTest, RanOnceForEachSeed) {
  EXPECT_EQ(histories % 20, 0);
}
COTERIE_SEEDED_TEST(SeededTest, DISABLED_FailsUnderSeedFour, 20) {
  co_await yield();
  EXPECT_LT(seeded.seed(), 4U);
}

COTERIE_CANCEL_TEST(CancelTest, ReleasesTheLockWhereverItIsCancelled) {
  Lock lock;
  auto hold = [](Lock& mutex) -> Task<void> {
    LockGuard guard = co_await mutex.scoped();
    co_await sleep(1s);
  };
  auto first = seeded.subject(spawn(hold, std::ref(lock)));
  auto second = seeded.subject(spawn(hold, std::ref(lock)));
  co_await first.wait();
  co_await second.wait();
  EXPECT_FALSE(lock.locked());
}
COTERIE_CANCEL_TEST(CancelTest, DISABLED_FailsAtTheSecondAwait) {
  auto nap = seeded.subject(spawn(test::sleeper, 1s));
  co_await nap.wait();
  EXPECT_FALSE(seeded.cancels() > 0 && seeded.awaits() == 2);
}

namespace {

std::string output_of_disabled(const std::string& test, const std::string& environment = {}) {
  std::array<char, 4096> self{};
  EXPECT_GT(::readlink("/proc/self/exe", self.data(), self.size() - 1), 0);
  const std::string command = environment + " '" + self.data() +
                              "' --gtest_also_run_disabled_tests --gtest_filter='" + test + "' 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string output;
  std::array<char, 4096> chunk;
  while (const std::size_t bytes = std::fread(chunk.data(), 1, chunk.size(), pipe.get()))
    output.append(chunk.data(), bytes);
  EXPECT_THAT(output, HasSubstr("1 FAILED TEST"));
  return output;
}

TEST(CoroutineTestReports, AssertLeavesTheBody) {
  const std::string output = output_of_disabled("CoroutineTest.DISABLED_AssertLeaves");
  EXPECT_THAT(output, AllOf(HasSubstr("and why"), Not(HasSubstr("not left"))));
}
TEST(CoroutineTestReports, WhatTheBodyThrows) {
  EXPECT_THAT(output_of_disabled("CoroutineTest.DISABLED_Throws"), HasSubstr("out of the body"));
  EXPECT_THAT(output_of_disabled("CoroutineTest.DISABLED_EndsCancelled"), HasSubstr("was cancelled"));
}
TEST(CoroutineTestReports, ADeadlock) {
  EXPECT_THAT(output_of_disabled("CoroutineTest.DISABLED_Deadlocks"),
              HasSubstr("'main' waits for an event (#1) at "));
}
TEST(SeededTestReports, TheSeedAndHowToReplayIt) {
  const std::string test = "SeededTest.DISABLED_FailsUnderSeedFour";
  EXPECT_THAT(output_of_disabled(test),
              AllOf(HasSubstr("seed 4: a check failed"), HasSubstr("COTERIE_SEED=4 /"),
                    HasSubstr("testing_kit_tests --gtest_filter=" + test), Not(HasSubstr("seed 5"))));
  EXPECT_THAT(output_of_disabled(test, "COTERIE_SEED=17"), HasSubstr("seed 17: a check failed"));
}
TEST(CancelTestReports, TheHistoryAndHowToReplayIt) {
  const std::string test = "CancelTest.DISABLED_FailsAtTheSecondAwait";
  EXPECT_THAT(output_of_disabled(test), HasSubstr("seed 3: a check failed"));
  EXPECT_THAT(output_of_disabled(test, "COTERIE_SEED=4"), HasSubstr("seed 4: a check failed"));
}

}  // namespace

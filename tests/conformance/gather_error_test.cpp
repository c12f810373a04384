// gather() of what fails or is cancelled (list G, second part). Names are those of CPython 3.14.7's
// test_tasks.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 122. FutureGatherTests.test_one_exception
COTERIE_CASE(Gather, FirstErrorOfHandlesComesAtOnceAndTheOthersAreIgnored) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    std::vector<JoinHandle<int>> tasks;
    tasks.push_back(spawn(Subjects::give_later, 1s, 1));
    tasks.push_back(spawn([]() -> Co<int> {
      co_await sleep(2s);
      throw Boom("first");
    }));
    tasks.push_back(spawn([]() -> Co<int> {
      co_await sleep(3s);
      throw Boom("second");
    }));
    tasks.push_back(spawn(Subjects::give_later, 4s, 4));
    tasks.push_back(spawn(Subjects::give_later, 5s, 5));
    auto gathering = gather(tasks);
    auto end = co_await outcome(gathering);
    EXPECT_EQ(text(end), "first");
    EXPECT_DOUBLE_EQ(seconds(), 2);
    EXPECT_FALSE(tasks[3].done());
    tasks[4].cancel();
    co_await sleep(10s);
    EXPECT_TRUE(tasks[2].done());
    EXPECT_EQ(tasks[3].result(), 4);
    EXPECT_TRUE(tasks[4].cancelled());
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 123. FutureGatherTests.test_return_exceptions
COTERIE_CASE(Gather, OutcomesWaitForAllAndHoldTheErrors) {
  run([]() -> Task<void> {
    auto failing = spawn(Subjects::fail_later, 2s, "bad");
    auto good = spawn(Subjects::give_later, 3s, 3);
    auto worse = spawn(Subjects::fail_later, 1s, "worse");
    auto [a, b, c] = co_await gather_outcomes(failing, good, worse);
    EXPECT_EQ(text(a), "bad");
    EXPECT_EQ(b.get(), 3);
    EXPECT_EQ(text(c), "worse");
    EXPECT_DOUBLE_EQ(seconds(), 3);
    auto [settled] = co_await all_settled(Subjects::fail("at once"));
    EXPECT_EQ(text(settled), "at once");
  });
}

// 124. FutureGatherTests.test_result_exception_one_cancellation
COTERIE_CASE(Gather, OutcomeOfACancelledChildIsACancel) {
  run([]() -> Task<void> {
    auto slow = spawn(Subjects::sleeper, 10s);
    EventLoop::current().call_later(1s, [slow] { slow.cancel(); });
    auto failing = spawn(Subjects::fail_later, 2s, "bad");
    auto good = spawn(Subjects::give_later, 3s, 3);
    auto [a, b, c] = co_await gather_outcomes(slow, failing, good);
    EXPECT_TRUE(a.cancelled());
    EXPECT_EQ(text(b), "bad");
    EXPECT_EQ(c.get(), 3);
    EXPECT_DOUBLE_EQ(seconds(), 3);
  });
}

// 128. CoroutineGatherTests.test_exception_marking
COTERIE_CASE(Gather, OnlyTheFirstOfTwoErrorsComesOutAndNoneIsReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto end = co_await outcome(gather(spawn(Subjects::fail, "one"), spawn(Subjects::fail, "two")));
    EXPECT_EQ(text(end), "one");
    end = co_await outcome(gather(Subjects::fail("three"), Subjects::fail("four")));
    EXPECT_EQ(text(end), "three");
    co_await ticks(5);
  }());
  EXPECT_EQ(reports.count(), 0U);
}

}  // namespace
}  // namespace coterie

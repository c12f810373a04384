// gather() (list G, second part). Names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
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

// 125. FutureGatherTests.test_constructor_empty_sequence_use_running_loop
COTERIE_CASE(Gather, NothingIsDoneAtOnce) {
  run([]() -> Task<void> {
    TickCounter counter;
    std::vector<int> values = co_await gather(std::vector<Co<int>>());
    EXPECT_TRUE(values.empty());
    co_await gather();
    EXPECT_EQ(counter.count(), 0);
  });
}

// 126. FutureGatherTests.test_constructor_heterogenous_futures
COTERIE_CASE(Gather, TasksOfTwoLoopsAreAnError) {
  testing::VirtualLoop other;
  JoinHandle<void> foreign;
  other.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn(Subjects::sleeper, 1h);
    co_return;
  }(foreign));
  run([&foreign]() -> Task<void> {
    auto own = spawn(Subjects::sleeper, 1h);
    auto gathering = [](JoinHandle<void> a, JoinHandle<void> b) -> Co<void> { co_await gather(a, b); };
    std::string end = co_await end_of(gathering(own, foreign));
    EXPECT_THAT(end, HasSubstr("different loop"));
    EXPECT_FALSE(own.done());
    EXPECT_EQ(own.cancelling(), 0U);
  });
}

// 127. CoroutineGatherTests.test_duplicate_coroutines
COTERIE_CASE(Gather, OneTaskGivenThriceRunsOnce) {
  run([]() -> Task<void> {
    int runs = 0;
    auto task = spawn(
        [](int& count) -> Co<int> {
          co_await yield();
          co_return ++count;
        },
        std::ref(runs));
    auto [a, b, c] = co_await gather(task, task, task);
    EXPECT_THAT((std::vector{a, b, c}), ElementsAre(1, 1, 1));
    EXPECT_EQ(runs, 1);
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

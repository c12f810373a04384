// shield() and gather() (lists D and G). Line numbers and names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class T>
Task<T> shielded(JoinHandle<T> inner) {
  co_return co_await shield(inner);
}

// 71. BaseTaskTests.test_shield_result, _exception, _shortcut
TEST(Shield, ValueAndErrorPass) {
  run([]() -> Task<void> {
    auto inner = spawn(give, 42);
    int value = co_await shield(inner);
    EXPECT_EQ(value, 42);
    value = co_await shield(inner);  // it has ended: the same at once
    EXPECT_EQ(value, 42);
    auto failing = spawn([]() -> Task<int> {
      co_await yield();
      throw Boom("inner");
    });
    std::string end = co_await end_of(shielded(failing));
    EXPECT_EQ(end, "inner");
  });
}

// 72. BaseTaskTests.test_shield_cancel_inner
TEST(Shield, CancelOfTheInnerComesOut) {
  run([]() -> Task<void> {
    auto inner = spawn(give_later, 1s, 1);
    auto outer = spawn(shielded<int>, inner);
    co_await ticks(2);
    inner.cancel();
    Outcome<int> end = co_await outcome(outer);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(outer.cancelling(), 0U);
  });
}

// 73. BaseTaskTests.test_shield_effect; 74. test_shield_cancel_outer_result
TEST(Shield, CancelOfTheAwaiterLeavesTheInnerAlone) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto inner = spawn(give_later, 1s, 1);
    auto outer = spawn(shielded<int>, inner);
    co_await ticks(2);
    outer.cancel();
    co_await ticks(1);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_FALSE(inner.done());
    int value = co_await inner;
    EXPECT_EQ(value, 1);
    EXPECT_EQ(inner.cancelling(), 0U);
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 75. BaseTaskTests.test_shield_duplicate_log_once, and gh-156321: no report when somebody retrieved it
TEST(Shield, ErrorAfterTheShieldsWereCancelledIsReportedOnceUnlessRetrieved) {
  for (const bool retrieved : {false, true}) {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](bool look) -> Task<void> {
      auto inner = spawn([]() -> Task<int> {
        co_await sleep(1s);
        throw Boom("late");
      });
      auto first = spawn(shielded<int>, inner);
      auto second = spawn(shielded<int>, inner);
      co_await ticks(2);
      first.cancel();
      second.cancel();
      co_await sleep(2s);
      if (look) (void)inner.exception();
    }(retrieved));
    EXPECT_EQ(reports.count(), retrieved ? 0U : 1U);
  }
}

Task<int> give_at(Duration delay, int value, std::vector<int>& seen) {
  co_await sleep(delay);
  seen.push_back(value);
  co_return value;
}

// 76. BaseTaskTests.test_shield_gather
TEST(Shield, GatherInsideRunsOn) {
  run([]() -> Task<void> {
    auto both = spawn([]() -> Task<int> {
      auto [a, b] = co_await gather(give_later(1s, 1), give_later(2s, 2));
      co_return a * 10 + b;
    });
    auto outer = spawn(shielded<int>, both);
    co_await ticks(2);
    outer.cancel();
    co_await ticks(1);
    EXPECT_TRUE(outer.cancelled());
    int value = co_await both;
    EXPECT_EQ(value, 12);
  });
}

// 77. BaseTaskTests.test_gather_shield
TEST(Shield, GatherOfShieldsIsCancelledAndTheInnersAreNot) {
  run([]() -> Task<void> {
    auto a = spawn(give_later, 1s, 1);
    auto b = spawn(give_later, 1s, 2);
    auto both = spawn(
        [](JoinHandle<int> x, JoinHandle<int> y) -> Task<void> { co_await gather(shielded(x), shielded(y)); },
        a, b);
    co_await ticks(3);
    both.cancel();
    Outcome<void> end = co_await outcome(both);
    EXPECT_TRUE(end.cancelled());
    int first = co_await a;
    int second = co_await b;
    EXPECT_EQ(first + second, 3);
  });
}

// A section that is not interrupted: the cancel is kept until the body has ended.
TEST(Shield, SectionKeepsTheCancelForItsEnd) {
  run([]() -> Task<void> {
    std::vector<int> seen;
    auto task = spawn(
        [](std::vector<int>& out) -> Task<void> {
          int local = 7;
          auto section = [&]() -> Task<void> {
            co_await sleep(1s);
            out.push_back(local);
          };
          co_await shield(section());
          out.push_back(0);
        },
        std::ref(seen));
    co_await sleep(100ms);
    task.cancel("first");
    co_await sleep(100ms);
    task.cancel("second");
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_THAT(seen, ElementsAre(7));
    EXPECT_DOUBLE_EQ(seconds(), 1);
  });
}

// 121. FutureGatherTests.test_success, test_result_exception_success
TEST(Gather, ValuesComeInTheOrderOfTheArguments) {
  run([]() -> Task<void> {
    std::vector<int> seen;
    auto [a, b, c] = co_await gather(give_at(3s, 1, seen), give_at(1s, 2, seen), give_at(2s, 3, seen));
    EXPECT_THAT((std::vector{a, b, c}), ElementsAre(1, 2, 3));
    EXPECT_THAT(seen, ElementsAre(2, 3, 1));
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(give_later(std::chrono::seconds(5 - i), i));
    std::vector<int> values = co_await gather(std::move(tasks));
    EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4));
    auto [nothing, one] = co_await gather_outcomes(nop(), give(1));
    EXPECT_TRUE(nothing.has_value());
    EXPECT_EQ(one.get(), 1);
  });
}

// 122. FutureGatherTests.test_one_exception
TEST(Gather, FirstErrorOfHandlesComesAtOnceAndTheOthersAreIgnored) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    std::vector<JoinHandle<int>> tasks;
    tasks.push_back(spawn(give_later, 1s, 1));
    tasks.push_back(spawn([]() -> Task<int> {
      co_await sleep(2s);
      throw Boom("first");
    }));
    tasks.push_back(spawn([]() -> Task<int> {
      co_await sleep(3s);
      throw Boom("second");
    }));
    tasks.push_back(spawn(give_later, 4s, 4));
    tasks.push_back(spawn(give_later, 5s, 5));
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

// 123. FutureGatherTests.test_return_exceptions; 124. test_result_exception_one_cancellation
TEST(Gather, OutcomesHoldErrorsAndCancels) {
  run([]() -> Task<void> {
    auto slow = spawn(sleeper, 10s);
    EventLoop::current().call_later(1s, [slow] { slow.cancel(); });
    auto failing = spawn(fail_later, 2s, "bad");
    auto good = spawn(give_later, 3s, 3);
    auto [a, b, c] = co_await gather_outcomes(slow, failing, good);
    EXPECT_TRUE(a.cancelled());
    EXPECT_EQ(text(b), "bad");
    EXPECT_EQ(c.get(), 3);
    EXPECT_DOUBLE_EQ(seconds(), 3);
  });
}

// 125. FutureGatherTests.test_constructor_empty_sequence_use_running_loop
TEST(Gather, NothingIsDoneAtOnce) {
  run([]() -> Task<void> {
    TickCounter counter;
    std::vector<int> values = co_await gather(std::vector<Task<int>>());
    EXPECT_TRUE(values.empty());
    co_await gather();
    EXPECT_EQ(counter.count(), 0);
  });
}

// 127. CoroutineGatherTests.test_duplicate_coroutines
TEST(Gather, OneTaskGivenThriceRunsOnce) {
  run([]() -> Task<void> {
    int runs = 0;
    auto task = spawn(
        [](int& count) -> Task<int> {
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
TEST(Gather, OnlyTheFirstOfTwoErrorsComesOutAndNoneIsReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto end = co_await outcome(gather(spawn(fail, "one"), spawn(fail, "two")));
    EXPECT_EQ(text(end), "one");
    end = co_await outcome(gather(fail("three"), fail("four")));
    EXPECT_EQ(text(end), "three");
    co_await ticks(5);
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 129. CoroutineGatherTests.test_cancel_gather_2
TEST(Gather, CancelIsNotSwallowedIntoTheOutcomes) {
  run([]() -> Task<void> {
    int rounds = 0;
    auto main = spawn(
        [](int& count) -> Task<void> {
          for (; count < 100; ++count) co_await gather_outcomes(sleeper(50ms), sleeper(80ms));
        },
        std::ref(rounds));
    co_await sleep(1s);
    EXPECT_GT(rounds, 5);
    main.cancel("my message");
    Outcome<void> end = co_await outcome(main);
    EXPECT_EQ(text(end), "cancelled: my message");
    EXPECT_TRUE(main.cancelled());
  });
}

// 130. Every child answers the cancel with a value: the gather throws Cancelled all the same.
TEST(Gather, CancelledThoughEveryChildSuppressesIt) {
  run([]() -> Task<void> {
    auto stubborn = []() -> Task<int> {
      (void)co_await outcome(sleep(10s));
      co_return 1;
    };
    std::string end;
    auto task = spawn(
        [](auto child, std::string& out) -> Task<void> {
          auto gathering = gather(child(), child());
          auto result = co_await outcome(gathering);
          out = text(result);
        },
        stubborn, std::ref(end));
    co_await ticks(3);
    task.cancel();
    co_await task;
    EXPECT_EQ(end, "cancelled");
    EXPECT_FALSE(task.cancelled());
  });
}

// Our own: bare Tasks are structured; the first error cancels the others and comes out when all have ended.
TEST(Gather, BareTasksAreCancelledAndJoined) {
  run([]() -> Task<void> {
    bool left = false;
    auto slow = [](bool& flag) -> Task<void> {
      Outcome<void> end = co_await outcome(sleep(10s));
      co_await sleep(1s);
      flag = true;
      end.get();
    };
    auto gathering = gather(fail_later(1s, "first"), slow(left));
    auto end = co_await outcome(gathering);
    EXPECT_EQ(text(end), "first");
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 2);
  });
}

}  // namespace
}  // namespace coterie

// shield() (list D). Line numbers and names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class Co, class Handle>
Co shielded(Handle inner) {
  co_return co_await shield(inner);
}

// 71. BaseTaskTests.test_shield_result, _exception, _shortcut
COTERIE_CASE(Shield, ValueAndErrorPass) {
  run([]() -> Task<void> {
    auto inner = spawn(Subjects::give, 42);
    int value = co_await shield(inner);
    EXPECT_EQ(value, 42);
    TickCounter counter;
    value = co_await shield(inner);  // it has ended: the same at once
    EXPECT_EQ(value, 42);
    EXPECT_EQ(counter.count(), 0);
    auto failing = spawn([]() -> Co<int> {
      co_await yield();
      throw Boom("inner");
    });
    std::string end = co_await end_of(shielded<Co<int>>(failing));
    EXPECT_EQ(end, "inner");
    Outcome<int> both = co_await outcome(shielded<Co<int>>(failing));
    EXPECT_EQ(both.error(), failing.exception());  // the same exception object
  });
}

// 72. BaseTaskTests.test_shield_cancel_inner
COTERIE_CASE(Shield, CancelOfTheInnerComesOut) {
  run([]() -> Task<void> {
    auto inner = spawn(Subjects::give_later, 1s, 1);
    auto outer = spawn(shielded<Co<int>, JoinHandle<int>>, inner);
    co_await ticks(2);
    inner.cancel();
    Outcome<int> end = co_await outcome(outer);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(outer.cancelling(), 0U);
  });
}

// 73. BaseTaskTests.test_shield_effect
COTERIE_CASE(Shield, CancelOfTheAwaiterLeavesTheInnerAlone) {
  run([]() -> Task<void> {
    bool ran = false;
    auto inner = spawn(
        [](bool& flag) -> Co<void> {
          co_await sleep(1s);
          flag = true;
        },
        std::ref(ran));
    auto outer = spawn(shielded<Co<void>, JoinHandle<void>>, inner);
    co_await ticks(2);
    outer.cancel();
    std::string end = co_await end_of(outer);
    EXPECT_EQ(end, "cancelled");
    EXPECT_FALSE(inner.done());
    EXPECT_EQ(inner.cancelling(), 0U);
    co_await sleep(2s);
    EXPECT_TRUE(ran);
  });
}

// 74. BaseTaskTests.test_shield_cancel_outer_result
COTERIE_CASE(Shield, InnerThatReturnsAfterTheCancelIsNotReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto inner = spawn(Subjects::give_later, 1s, 1);
    auto outer = spawn(shielded<Co<int>, JoinHandle<int>>, inner);
    co_await ticks(2);
    outer.cancel();
    co_await ticks(1);
    EXPECT_TRUE(outer.cancelled());
    int value = co_await inner;
    EXPECT_EQ(value, 1);
  }());
  EXPECT_EQ(reports.count(), 0U);
}

// 75. BaseTaskTests.test_shield_duplicate_log_once, and gh-156321: no report when somebody retrieved it
COTERIE_CASE(Shield, ErrorAfterTheShieldsWereCancelledIsReportedOnceUnlessRetrieved) {
  for (const bool retrieved : {false, true}) {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](bool look) -> Task<void> {
      auto inner = spawn([]() -> Co<int> {
        co_await sleep(1s);
        throw Boom("late");
      });
      auto first = spawn(shielded<Co<int>, JoinHandle<int>>, inner);
      auto second = spawn(shielded<Co<int>, JoinHandle<int>>, inner);
      co_await ticks(2);
      first.cancel();
      second.cancel();
      co_await sleep(2s);
      if (look) (void)inner.exception();
    }(retrieved));
    EXPECT_EQ(reports.count(), retrieved ? 0U : 1U);
  }
}

// 76. BaseTaskTests.test_shield_gather
COTERIE_CASE(Shield, GatherInsideRunsOn) {
  run([]() -> Task<void> {
    auto both = spawn([]() -> Co<int> {
      auto [a, b] = co_await gather(Subjects::give_later(1s, 1), Subjects::give_later(2s, 2));
      co_return a * 10 + b;
    });
    auto outer = spawn(shielded<Co<int>, JoinHandle<int>>, both);
    co_await ticks(2);
    outer.cancel();
    co_await ticks(1);
    EXPECT_TRUE(outer.cancelled());
    int value = co_await both;
    EXPECT_EQ(value, 12);
  });
}

// 77. BaseTaskTests.test_gather_shield
COTERIE_CASE(Shield, GatherOfShieldsIsCancelledAndTheInnersAreNot) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::give_later, 1s, 1);
    auto b = spawn(Subjects::give_later, 1s, 2);
    auto both = spawn(
        [](JoinHandle<int> x, JoinHandle<int> y) -> Co<void> {
          co_await gather(shielded<Co<int>>(x), shielded<Co<int>>(y));
        },
        a, b);
    co_await ticks(3);
    both.cancel();
    Outcome<void> end = co_await outcome(both);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(a.cancelling() + b.cancelling(), 0U);
    int first = co_await a;
    int second = co_await b;
    EXPECT_EQ(first + second, 3);
  });
}

// A section that is not interrupted: the cancel is kept until the body has ended.
COTERIE_CASE(Shield, SectionKeepsTheCancelForItsEnd) {
  run([]() -> Task<void> {
    std::vector<int> seen;
    auto task = spawn(
        [](std::vector<int>& out) -> Co<void> {
          int local = 7;
          auto section = [&]() -> Co<void> {
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

}  // namespace
}  // namespace coterie

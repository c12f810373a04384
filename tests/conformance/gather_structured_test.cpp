// gather() beyond asyncio's tests: cancels, bare tasks, cycles (list G).
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;
// 129. CoroutineGatherTests.test_cancel_gather_2
COTERIE_CASE(Gather, CancelIsNotSwallowedIntoTheOutcomes) {
  run([]() -> Task<void> {
    int rounds = 0;
    auto main = spawn(
        [](int& count) -> Co<void> {
          for (; count < 100; ++count)
            co_await gather_outcomes(Subjects::sleeper(50ms), Subjects::sleeper(80ms));
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

// 130. Derived: every child answers the cancel with a value: the gather throws Cancelled all the same.
COTERIE_CASE(Gather, CancelledThoughEveryChildSuppressesIt) {
  run([]() -> Task<void> {
    auto stubborn = []() -> Co<int> {
      (void)co_await outcome(sleep(10s));
      co_return 1;
    };
    std::string end;
    auto task = spawn(
        [](auto child, std::string& out) -> Co<void> {
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
COTERIE_CASE(Gather, BareTasksAreCancelledAndJoined) {
  run([]() -> Task<void> {
    bool left = false;
    auto slow = [](bool& flag) -> Co<void> {
      Outcome<void> end = co_await outcome(sleep(10s));
      co_await sleep(1s);
      flag = true;
      end.get();
    };
    auto gathering = gather(Subjects::fail_later(1s, "first"), slow(left));
    auto end = co_await outcome(gathering);
    EXPECT_EQ(text(end), "first");
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 2);
  });
}

// Our own: a cancelled child has failed, also where nobody else was cancelled.
COTERIE_CASE(Gather, ChildThatIsCancelledByHandCancelsTheGather) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::sleeper, 10s);
    auto b = spawn(Subjects::give_later, 20s, 1);
    auto both = spawn([](auto x, auto y) -> Co<void> { co_await gather(x, y); }, a, b);
    co_await ticks(2);
    a.cancel("by hand");
    std::string end = co_await end_of(both);
    EXPECT_EQ(end, "cancelled: by hand");
    EXPECT_EQ(both.cancelling(), 0U);
    EXPECT_FALSE(b.done());
    EXPECT_DOUBLE_EQ(seconds(), 0);
  });
}

// Our own (asyncio: RecursionError): a task that waits for itself, at once or by way of another one.
COTERIE_CASE(Gather, ItsOwnTaskIsRefusedAndACycleIsReleasedByACancel) {
  run([]() -> Task<void> {
    JoinHandle<void> self;
    self = spawn([&self]() -> Co<void> { co_await gather(self, spawn(Subjects::nop)); });
    std::string end = co_await end_of(self);
    EXPECT_THAT(end, HasSubstr("await on itself"));

    JoinHandle<void> one;
    JoinHandle<void> two;
    auto wait_for_other = [](JoinHandle<void>& other) -> Co<void> {
      co_await gather(other, spawn(Subjects::sleeper, 1s));
    };
    one = spawn(wait_for_other, std::ref(two));
    two = spawn(wait_for_other, std::ref(one));
    co_await sleep(2s);
    one.cancel("enough");
    end = co_await end_of(one);
    EXPECT_EQ(end, "cancelled: enough");
    end = co_await end_of(two);
    EXPECT_EQ(end, "cancelled: enough");
  });
}

// Our own: a Task is given away; a gather that was awaited has none left.
COTERIE_CASE(Gather, AwaitingItTwiceIsAnError) {
  run([]() -> Task<void> {
    auto twice = []() -> Co<void> {
      auto gathering = gather(Subjects::give(1), Subjects::give(2));
      co_await gathering;
      co_await gathering;
    };
    std::string end = co_await end_of(twice());
    EXPECT_THAT(end, HasSubstr("awaited before"));
  });
}
}  // namespace
}  // namespace coterie

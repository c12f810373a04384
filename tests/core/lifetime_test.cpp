// Who owns what, and for how long: what outlives its caller owns its arguments; what is joined may borrow.
#include <gmock/gmock.h>

#include <string_view>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

Task<int> read_later(Probe probe) {
  co_await sleep(1s);
  co_return probe.value();
}
Task<int> read_reference(const Probe& probe) {
  co_await sleep(1s);
  co_return probe.value();
}

TEST(Ownership, ArgumentsOfATaskCancelledBeforeItsFirstStepAreReleased) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    auto by_value = spawn(read_later, Probe(alive));
    auto by_reference = spawn(read_reference, Probe(alive));
    EXPECT_EQ(alive, 2);
    by_value.cancel();
    by_reference.cancel();
    co_await ticks(1);
    EXPECT_TRUE(by_value.cancelled());
    EXPECT_TRUE(by_reference.cancelled());
    EXPECT_EQ(alive, 0);
  });
}

TEST(Ownership, FrameGoesWithTheEndOfTheBodyThoughTheHandleStays) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    auto task = spawn(read_later, Probe(alive, 4));
    int value = co_await task;
    EXPECT_EQ(value, 4);
    EXPECT_EQ(alive, 0);
    EXPECT_TRUE(task.done());
  });
}

TEST(Ownership, UnawaitedTaskReleasesItsArguments) {
  int alive = 0;
  {
    Task<int> never = read_later(Probe(alive));
    EXPECT_EQ(alive, 1);
    Task<int> moved = std::move(never);
    EXPECT_FALSE(never.valid());  // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_TRUE(moved.valid());
  }
  EXPECT_EQ(alive, 0);
}

TEST(Ownership, LambdaWithCapturesIsOwnedByTheTask) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    JoinHandle<int> task;
    {
      auto closure = [probe = Probe(alive, 6)]() -> Task<int> {
        co_await sleep(1s);
        co_return probe.value();
      };
      task = spawn(closure);
      auto gone = std::move(closure);
      EXPECT_EQ(alive, 2);
    }
    EXPECT_EQ(alive, 1);
    int value = co_await task;
    EXPECT_EQ(value, 6);
    EXPECT_EQ(alive, 0);
  });
}

TEST(Ownership, TemporaryOfAnotherTypeThanTheParameterIsOwnedToo) {
  run([]() -> Task<void> {
    auto view = [](std::string_view text) -> Task<std::string> {
      co_await sleep(1s);
      co_return std::string(text);
    };
    auto task = spawn(view, std::string("long enough not to fit into the string itself"));
    std::string value = co_await task;
    EXPECT_EQ(value, "long enough not to fit into the string itself");
  });
}

/// Starts a child with what stands in its own frame, and is cancelled while the child still uses it.
template <class Start>
Task<void> cancel_the_caller(Start start) {
  int result = 0;
  auto caller = spawn(start, std::ref(result));
  co_await ticks(3);
  caller.cancel();
  Outcome<void> end = co_await outcome(caller);
  EXPECT_TRUE(end.cancelled());
  EXPECT_EQ(result, 0);
  co_await sleep(10s);  // the child goes on, or has ended with its caller
}

Task<void> note(const Probe& probe, int& result) {
  co_await sleep(1s);
  result = probe.value();
}

TEST(Ownership, ChildOfSpawnOutlivesItsCancelledCaller) {
  int alive = 0;
  int seen = 0;
  run([&]() -> Task<void> {
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 3);
      spawn(note, local, std::ref(seen));
      co_await sleep(1h);
    });
  });
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(alive, 0);
}

TEST(Ownership, ChildOfShieldOutlivesItsCancelledCaller) {
  int alive = 0;
  int seen = 0;
  run([&]() -> Task<void> {
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 4);
      co_await shield(spawn(note, local, std::ref(seen)));
    });
  });
  EXPECT_EQ(seen, 4);
  EXPECT_EQ(alive, 0);
}

TEST(Ownership, ChildrenOfAFailedGatherOutliveTheCaller) {
  int alive = 0;
  int seen = 0;
  run([&]() -> Task<void> {
    auto caller = [&]() -> Task<void> {
      Probe local(alive, 5);
      co_await gather(spawn(note, local, std::ref(seen)), spawn(fail, "at once"));
    };
    std::string end = co_await end_of(caller());
    EXPECT_EQ(end, "at once");
    EXPECT_EQ(alive, 1);
    co_await sleep(10s);
  });
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(alive, 0);
}

/// Uses `probe` also while it is being cancelled.
Task<void> use_to_the_end(const Probe& probe, std::vector<int>& seen) {
  Outcome<void> end = co_await outcome(sleep(10s));
  (void)co_await outcome(sleep(1s));
  seen.push_back(probe.value());
  end.get();
}

TEST(Ownership, StructuredChildrenAreJoinedBeforeTheFrameUnwinds) {
  int alive = 0;
  std::vector<int> seen;
  run([&]() -> Task<void> {
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 1);
      co_await gather(use_to_the_end(local, seen), use_to_the_end(local, seen));
    });
    EXPECT_THAT(seen, ElementsAre(1, 1));
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 2);
      co_await shield(use_to_the_end(local, seen));
    });
    EXPECT_THAT(seen, ElementsAre(1, 1, 2));
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 3);
      co_await task_group([&](TaskGroup& group) -> Task<void> {
        group.spawn(use_to_the_end, std::ref(local), std::ref(seen));
        co_return;
      });
    });
    EXPECT_THAT(seen, ElementsAre(1, 1, 2, 3));
    co_await cancel_the_caller([&](int&) -> Task<void> {
      Probe local(alive, 4);
      co_await wait_for(1h, use_to_the_end(local, seen));
    });
    EXPECT_THAT(seen, ElementsAre(1, 1, 2, 3, 4));
  });
  EXPECT_EQ(alive, 0);
}

TEST(Ownership, CleanupRunsHoweverTheBodyEnds) {
  run([]() -> Task<void> {
    std::vector<std::string> order;
    auto cleanup = [&]() -> Task<void> {
      co_await sleep(1s);
      order.push_back("cleaned");
    };
    int value = co_await with_cleanup(give_later(1s, 3), cleanup);
    EXPECT_EQ(value, 3);
    std::string end = co_await end_of(with_cleanup(fail("bad"), cleanup));
    EXPECT_EQ(end, "bad");
    auto task = spawn([&]() -> Task<void> { co_await with_cleanup(sleeper(1h), cleanup); });
    co_await ticks(2);
    task.cancel("stop");
    end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: stop");
    EXPECT_EQ(order.size(), 3U);
  });
}

}  // namespace
}  // namespace coterie

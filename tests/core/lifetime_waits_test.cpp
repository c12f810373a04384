// The caller is cancelled while a child still uses a local of its: for each way to wait for several tasks.
// What is structured has joined its children before the local goes; what is not was given copies.
#include <gmock/gmock.h>

#include <memory>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// Uses `probe` at every step, also while it is being cancelled.
Task<int> use_to_the_end(const Probe& probe, std::vector<int>& seen) {
  Outcome<void> end = co_await outcome(sleep(10s));
  (void)co_await outcome(sleep(1s));
  seen.push_back(probe.value());
  end.get();
  co_return probe.value();
}
/// The same for a task, which was given a copy.
Task<int> use_own(Probe probe, std::vector<int>& seen) {
  co_await sleep(10s);
  seen.push_back(probe.value());
  co_return probe.value();
}

/// Runs `caller(seen)` as a task, cancels it in its wait, and lets what it left behind end.
template <class Caller>
std::vector<int> cancel_in_its_wait(Caller caller) {
  std::vector<int> seen;
  run([&]() -> Task<void> {
    auto task = spawn([&caller, &seen]() -> Task<void> { return caller(seen); });
    co_await ticks(4);
    EXPECT_FALSE(task.done());
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");
    co_await sleep(1min);
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
  return seen;
}

TEST(Borrowed, GatherJoins) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 1);
    co_await gather(use_to_the_end(local, out), use_to_the_end(local, out));
  });
  EXPECT_THAT(seen, ElementsAre(1, 1));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 2);
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(use_to_the_end(local, out));
    co_await gather_outcomes(std::move(tasks));
  });
  EXPECT_THAT(seen, ElementsAre(2, 2, 2));
  EXPECT_EQ(alive, 0);
}

TEST(Borrowed, RacesJoin) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 1);
    co_await race(use_to_the_end(local, out), use_to_the_end(local, out));
  });
  EXPECT_THAT(seen, ElementsAre(1, 1));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 2);
    std::vector<Task<int>> attempts;
    for (int i = 0; i < 3; ++i) attempts.push_back(use_to_the_end(local, out));
    co_await staggered_race(1h, std::move(attempts));
  });
  EXPECT_THAT(seen, ElementsAre(2));  // the others had not started
  EXPECT_EQ(alive, 0);
}

TEST(Borrowed, BlocksJoin) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 1);
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      group.spawn(use_to_the_end, std::ref(local), std::ref(out));
      co_await use_to_the_end(local, out);
    });
  });
  EXPECT_THAT(seen, ElementsAre(1, 1));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 2);
    co_await timeout(1h, [&](Timeout&) -> Task<void> { (void)co_await use_to_the_end(local, out); });
  });
  EXPECT_THAT(seen, ElementsAre(2));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 3);
    co_await wait_for(1h, use_to_the_end(local, out));
  });
  EXPECT_THAT(seen, ElementsAre(3));
  EXPECT_EQ(alive, 0);
}

TEST(Borrowed, ShieldedSectionJoins) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 1);
    co_await shield(use_to_the_end(local, out));
  });
  EXPECT_THAT(seen, ElementsAre(1));
  EXPECT_EQ(alive, 0);
}

TEST(Owned, TasksThatAWaitLeavesRunningHaveTheirOwn) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 1);
    co_await wait(spawn(use_own, local, std::ref(out)), spawn(use_own, local, std::ref(out)));
  });
  EXPECT_THAT(seen, ElementsAre(1, 1));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 2);
    auto completed = as_completed(spawn(use_own, local, std::ref(out)));
    co_await completed.next();
  });
  EXPECT_THAT(seen, ElementsAre(2));
  seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 3);
    co_await shield(spawn(use_own, local, std::ref(out)));
  });
  EXPECT_THAT(seen, ElementsAre(3));
  EXPECT_EQ(alive, 0);
}

/// Reads its probe while it is being cancelled.
Task<int> leave_slowly(Probe probe, std::vector<int>& seen) {
  Outcome<void> end = co_await outcome(sleep(10s));
  (void)co_await outcome(sleep(1s));
  seen.push_back(probe.value());
  end.get();
  co_return 0;
}

TEST(Owned, GatherOfHandlesGoesAtTheFirstCancelAndTheOthersUnwindWithTheirOwn) {
  int alive = 0;
  auto seen = cancel_in_its_wait([&alive](std::vector<int>& out) -> Task<void> {
    Probe local(alive, 4);
    co_await gather(spawn(use_own, local, std::ref(out)), spawn(leave_slowly, local, std::ref(out)));
  });
  EXPECT_THAT(seen, ElementsAre(4));  // the first was cancelled, the second still left by itself
  EXPECT_EQ(alive, 0);
}

TEST(Owned, SequenceOfCompletionsOutlivesItsTasksAndItsLoop) {
  std::unique_ptr<AsCompleted<JoinHandle<int>>> kept;
  int alive = 0;
  {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](auto& out, int& count) -> Task<void> {
      WaitOptions limit;
      limit.timeout(1h);
      std::vector<int> unused;
      auto task = spawn(
          [](Probe probe) -> Task<int> {
            co_await sleep(10s);
            co_return probe.value();
          },
          Probe(count));
      out = std::make_unique<AsCompleted<JoinHandle<int>>>(as_completed(limit, task));
      co_await ticks(1);
    }(kept, alive));
  }
  EXPECT_EQ(alive, 0);
  kept.reset();
}

// Frames that are destroyed while they wait, by a loop that closes over them.
COTERIE_CASE(Borrowed, LoopThatClosesOverEveryKindOfWait) {
  int alive = 0;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](int& count) -> Task<void> {
    spawn(
        [](Probe local) -> Co<void> {
          auto use = [](const Probe& probe) -> Co<int> {
            const Probe copy(probe);
            co_await sleep(1h);
            co_return copy.value();
          };
          co_await gather(use(local), use(local));
        },
        Probe(count));
    spawn(
        [](Probe local) -> Co<void> {
          auto use = [](const Probe& probe) -> Co<int> {
            const Probe copy(probe);
            co_await sleep(1h);
            co_return copy.value();
          };
          co_await race(use(local), use(local));
        },
        Probe(count));
    auto task = spawn(Subjects::sleeper, 1h);
    spawn(
        [](Probe, JoinHandle<void> other) -> Co<void> {
          WaitOptions limit;
          limit.timeout(1h);
          co_await wait(limit, other);
        },
        Probe(count), task);
    spawn(
        [](Probe, JoinHandle<void> other) -> Co<void> {
          auto completed = as_completed(other);
          co_await completed.next();
        },
        Probe(count), task);
    spawn(
        [](Probe) -> Co<void> {
          Future<int> never;
          co_await never;
        },
        Probe(count));
    spawn(
        [](Probe) -> Co<void> {
          TaskScope scope;
          scope.spawn(Subjects::sleeper, 1h);
          co_await scope.join();
        },
        Probe(count));
    co_await ticks(4);
  }(alive));
  loop.loop().close();
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace coterie

// What a cancelled wait leaves running owns what it uses.
#include <gmock/gmock.h>

#include <memory>

#include "core/cancel_in_its_wait.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
/// The same for a task, which was given a copy.
Task<int> use_own(Probe probe, std::vector<int>& seen) {
  co_await sleep(10s);
  seen.push_back(probe.value());
  co_return probe.value();
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
}  // namespace
}  // namespace coterie

// The caller is cancelled while a child still uses a local of its: for each way to wait for several tasks.
// What is structured has joined its children before the local goes; what is not was given copies.
#include <gmock/gmock.h>

#include "core/cancel_in_its_wait.hpp"
#include "support/runtime.hpp"

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

}  // namespace
}  // namespace coterie

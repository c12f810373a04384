#pragma once
// What the simulations share: a few tasks use one primitive as the seed decides, the seed cancels them at any
// await, and at the end everyone has ended, nothing is held and nobody was cancelled whom the seed did not
// cancel. A deadlock, which is what a lost wakeup becomes, is reported by the loop.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/testing/gtest.hpp"

namespace coterie::simulation {

using namespace std::chrono_literals;
using coterie::testing::Random;
using coterie::testing::SeededLoop;

/// Histories per simulation; COTERIE_SEEDS overrides it.
inline constexpr std::uint64_t seeds = 10'000;

using Tasks = std::vector<JoinHandle<void>>;

inline std::uint32_t cancels_of_this_task(SeededLoop& seeded) {
  return seeded.cancels_of(EventLoop::require_task().id());
}

/// Lets others run: not at all, a tick or two, or a few milliseconds.
inline Task<void> linger(Random& random) {
  for (std::uint64_t left = random.below(3); left > 0; --left) co_await yield();
  if (random.one_in(4)) co_await sleep(std::chrono::milliseconds(1 + random.below(3)));
}

/// Runs `round<How>()` a few times; the price of a cancel there is drawn. A cancel ends the task, or, half of
/// the time, only the round: then it comes back to the primitive as a task that was cancelled before.
template <class Round>
Task<void> rounds(SeededLoop& seeded, Round round) {
  for (std::uint64_t left = 1 + seeded.random().below(3); left > 0; --left) {
    Outcome<void> end;
    if (seeded.random().one_in(2))
      end = co_await outcome(round.template operator()<catching>());
    else
      end = co_await outcome(round.template operator()<no_catch>());
    if (!end.cancelled() || seeded.random().one_in(2)) std::move(end).get();
  }
}

/// Runs `round<catching>()` as a task that is destroyed wherever it stands when this is left, as those are
/// that may refer to a frame that goes.
template <class Round>
Task<void> dropped(SeededLoop& seeded, Round round) {
  const JoinHandle<void> task = detail::spawn_borrowing(round.template operator()<catching>());
  const detail::Structured goes_with_this(task.state());
  co_await linger(seeded.random());
}

/// Waits for all of them and checks how each ended.
inline Task<void> all_end(SeededLoop& seeded, Tasks& tasks) {
  for (JoinHandle<void>& task : tasks) {
    co_await task.wait();
    const std::uint32_t cancels = seeded.cancels_of(task);
    EXPECT_EQ(task.cancelling(), cancels) << task.name() << ": requests are left over, or taken back";
    if (task.cancelled()) {
      EXPECT_GT(cancels, 0U) << task.name() << " was cancelled by nobody";
    } else if (const std::exception_ptr error = task.exception()) {
      ADD_FAILURE() << task.name() << " failed: " << testing::detail::describe(error);
    }
  }
}

/// Counts those inside of something for the length of a scope.
class Inside {
 public:
  explicit Inside(int& count) noexcept : count_(count) { ++count_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { --count_; }

 private:
  int& count_;
};

}  // namespace coterie::simulation

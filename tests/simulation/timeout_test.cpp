#include "coterie/timeout.hpp"

#include "coterie/sync/event.hpp"
#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

std::chrono::milliseconds some_time(Random& random) {
  return std::chrono::milliseconds(random.below(4));
}

/// Something to wait for that may come at the same moment as the deadline.
template <class How>
Task<void, How> something(SeededLoop& seeded, Event& bell) {
  if (seeded.random().one_in(2))
    co_await sleep(some_time(seeded.random()));
  else
    co_await bell.wait();
}

constexpr int nested = 2;
Task<void> limited(SeededLoop& seeded, Event& bell, int depth);

template <class How>
Task<void, How> block(SeededLoop& seeded, Event& bell, int depth, Timeout& scope, bool& expired) {
  struct Look {
    Timeout& scope;
    bool& expired;
    ~Look() { expired = scope.expired(); }
  };
  const Look look{scope, expired};
  if (seeded.random().one_in(4)) scope.reschedule_after(some_time(seeded.random()));
  if (depth > 0 && seeded.random().one_in(2))
    co_await limited(seeded, bell, depth - 1);
  else
    co_await something<How>(seeded, bell);
}

/// One timeout() block. What it must be: TimeoutError only past its deadline and only if the seed cancelled
/// nothing in it, for a cancel from outside wins; Cancelled only if the seed did; and no request stays.
Task<void> limited(SeededLoop& seeded, Event& bell, int depth) {
  const std::uint32_t cancels_before = cancels_of_this_task(seeded);
  TaskRec& self = EventLoop::require_task();
  const bool pending_before = self.must_cancel();
  bool expired = false;
  auto catches = [&](Timeout& scope) { return block<catching>(seeded, bell, depth, scope, expired); };
  auto dies = [&](Timeout& scope) { return block<no_catch>(seeded, bell, depth, scope, expired); };
  const auto time = some_time(seeded.random());
  Outcome<void> end;
  if (seeded.random().one_in(2))
    end = co_await outcome(timeout(time, catches));
  else
    end = co_await outcome(timeout(time, dies));
  const bool disturbed = pending_before || cancels_of_this_task(seeded) > cancels_before;
  // In an inner block the request of an outer deadline may be there, and its cancel pass through.
  const bool outermost = depth == nested;
  if (outermost) {
    EXPECT_EQ(self.cancelling(), cancels_of_this_task(seeded)) << "a request stays, or one too many went";
  }
  if (end.has_value()) co_return;
  if (end.cancelled()) {
    EXPECT_TRUE(disturbed || !outermost) << "cancelled by nobody";
    std::move(end).get();
  }
  EXPECT_FALSE(disturbed) << "the deadline took a cancel from outside for its own";
  EXPECT_TRUE(expired || depth > 0) << "before the deadline";
  if (!outermost) std::move(end).get();
  try {
    std::move(end).get();
  } catch (const TimeoutError&) {
  }
}

Task<void> work(SeededLoop& seeded, Event& bell) {
  co_await rounds(seeded, [&]<class How>() -> Task<void, How> {
    co_await limited(seeded, bell, nested);
    co_await yield();
  });
}

Task<void> ring(SeededLoop& seeded, Event& bell, bool& over) {
  while (!over) {
    co_await sleep(1ms);
    if (seeded.random().one_in(2)) {
      bell.set();
      bell.clear();
    }
  }
}

COTERIE_SEEDED_TEST(TimeoutSimulation, DeadlinesAndCancelsAreToldApart, seeds) {
  Event bell;
  bool over = false;
  auto ringer = spawn(ring, std::ref(seeded), std::ref(bell), std::ref(over));
  Tasks tasks;
  for (std::uint64_t left = 1 + seeded.random().below(3); left > 0; --left)
    tasks.push_back(seeded.subject(spawn(work, std::ref(seeded), std::ref(bell))));
  co_await all_end(seeded, tasks);
  over = true;
  co_await ringer;
  EXPECT_EQ(seeded.loop().timer_count(), 0U) << "a timer is left";
}

}  // namespace
}  // namespace coterie::simulation

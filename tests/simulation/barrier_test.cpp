#include "coterie/sync/barrier.hpp"

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

template <class How>
Task<void, How> meet(SeededLoop& seeded, Barrier& barrier) {
  co_await linger(seeded.random());
  const std::size_t index = co_await barrier.wait();
  EXPECT_LT(index, barrier.parties());
}

Task<void> come(SeededLoop& seeded, Barrier& barrier) {
  try {
    co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return meet<How>(seeded, barrier); });
  } catch (const BrokenBarrier&) {
  }
}

COTERIE_SEEDED_TEST(BarrierSimulation, NobodyIsLeftBehindWhenEnoughHaveCome, seeds) {
  Barrier barrier(1 + seeded.random().below(3));
  Tasks tasks;
  for (std::uint64_t left = 2 + seeded.random().below(5); left > 0; --left)
    tasks.push_back(seeded.subject(spawn(come, std::ref(seeded), std::ref(barrier))));
  if (seeded.random().one_in(4)) {
    co_await linger(seeded.random());
    barrier.reset();
  }
  // When that is over, nobody can go on any more, and no cancel is under way.
  for (int i = 0; i < 10; ++i) co_await sleep(1h);
  std::size_t left = 0;
  for (auto& task : tasks) left += task.done() ? 0 : 1;
  EXPECT_EQ(barrier.waiting(), left) << "somebody waits outside of a barrier that is not full";
  EXPECT_LT(left, barrier.parties());
  EXPECT_FALSE(barrier.draining());
  barrier.abort();
  co_await all_end(seeded, tasks);
}

}  // namespace
}  // namespace coterie::simulation

#include "coterie/sync/semaphore.hpp"

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Room {
  explicit Room(std::size_t places) : semaphore(places), limit(static_cast<int>(places)) {}
  Semaphore semaphore;
  const int limit;
  int inside = 0;
};

template <class How>
Task<void, How> stay(SeededLoop& seeded, Room& room) {
  Permit permit = co_await room.semaphore.scoped();
  const Inside here(room.inside);
  EXPECT_LE(room.inside, room.limit) << "more than there are permits";
  co_await linger(seeded.random());
}

Task<void> visit(SeededLoop& seeded, Room& room) {
  co_await linger(seeded.random());
  auto round = [&]<class How>() -> Task<void, How> { return stay<How>(seeded, room); };
  if (seeded.random().one_in(4)) co_await dropped(seeded, round);
  co_await rounds(seeded, round);
}

/// A permit that lies unused while somebody waits is on its way to one, and there within a tick or two.
Task<void> watch(Room& room, bool& over) {
  while (!over) {
    int idle = 0;
    while (room.semaphore.value() > 0 && room.semaphore.waiting() > 0 && ++idle < 5) co_await yield();
    EXPECT_LT(idle, 5) << "permits lie unused";
    co_await sleep(1ms);
  }
}

COTERIE_SEEDED_TEST(SemaphoreSimulation, PermitsAreConserved, seeds) {
  const std::size_t permits = 1 + seeded.random().below(3);
  Room room(permits);
  Tasks tasks;
  for (std::uint64_t left = 3 + seeded.random().below(4); left > 0; --left)
    tasks.push_back(seeded.subject(spawn(visit, std::ref(seeded), std::ref(room))));
  bool over = false;
  auto watcher = spawn(watch, std::ref(room), std::ref(over));
  co_await all_end(seeded, tasks);
  over = true;
  co_await watcher;
  EXPECT_EQ(room.semaphore.value(), permits);
  EXPECT_EQ(room.semaphore.waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation

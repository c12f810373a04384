#include <map>

#include "coterie/sync/lock.hpp"
#include "coterie/timeout.hpp"
#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Room {
  struct Turn {
    TaskRec* task;
    std::uint32_t cancels;
  };
  Lock lock;
  int inside = 0;
  std::uint64_t next_ticket = 0;
  std::map<std::uint64_t, Turn> line;  // who waits, in the order of coming

  /// Nobody came in before one who waits for longer and was not asked to go.
  void check_order(std::uint64_t ticket) const {
    const auto& [first, turn] = *line.begin();
    if (first != ticket && turn.task->cancelling() == turn.cancels)
      ADD_FAILURE() << "overtaken: " << turn.task->name();
  }
};

template <class How>
Task<void, How> stay(SeededLoop& seeded, Room& room) {
  const std::uint64_t ticket = room.next_ticket++;
  TaskRec& self = EventLoop::require_task();
  room.line.insert({ticket, Room::Turn{&self, self.cancelling()}});
  struct Leave {
    Room& room;
    std::uint64_t ticket;
    ~Leave() { room.line.erase(ticket); }
  };
  {
    Leave leave{room, ticket};
    co_await room.lock.acquire();
    room.check_order(ticket);
  }
  LockGuard guard(room.lock);
  EXPECT_EQ(room.inside, 0) << "two at once";
  EXPECT_TRUE(room.lock.locked());
  const Inside here(room.inside);
  co_await linger(seeded.random());
}

Task<void> visit(SeededLoop& seeded, Room& room) {
  co_await linger(seeded.random());
  auto round = [&]<class How>() -> Task<void, How> { return stay<How>(seeded, room); };
  if (seeded.random().one_in(4)) co_await dropped(seeded, round);
  co_await rounds(seeded, round);
}

Task<void> visit_impatiently(SeededLoop& seeded, Room& room) {
  Outcome<void> end = co_await outcome(
      wait_for(std::chrono::milliseconds(1 + seeded.random().below(3)), stay<no_catch>(seeded, room)));
  try {
    std::move(end).get();
  } catch (const TimeoutError&) {
  }
}

COTERIE_SEEDED_TEST(LockSimulation, OneAtATimeInTheOrderOfComing, seeds) {
  Room room;
  Tasks tasks;
  for (std::uint64_t left = 3 + seeded.random().below(3); left > 0; --left) {
    if (seeded.random().one_in(4))
      tasks.push_back(seeded.subject(spawn(visit_impatiently, std::ref(seeded), std::ref(room))));
    else
      tasks.push_back(seeded.subject(spawn(visit, std::ref(seeded), std::ref(room))));
  }
  co_await all_end(seeded, tasks);
  EXPECT_FALSE(room.lock.locked());
  EXPECT_EQ(room.lock.waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation

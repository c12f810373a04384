#include "coterie/sync/event.hpp"

#include <set>

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Gate {
  Event event;
  std::set<std::uint64_t> waiting;  // by task id
  std::uint64_t passed = 0;
};

template <class How>
Task<void, How> pass(SeededLoop& seeded, Gate& gate) {
  co_await linger(seeded.random());
  const std::uint64_t id = EventLoop::require_task().id();
  struct Entry {
    Gate& gate;
    std::uint64_t id;
    ~Entry() { gate.waiting.erase(id); }
  };
  gate.waiting.insert(id);
  Entry entry{gate, id};
  co_await gate.event.wait();
  ++gate.passed;
}

COTERIE_SEEDED_TEST(EventSimulation, SetWakesAllWhoWaitEvenIfClearFollows, seeds) {
  Gate gate;
  Tasks tasks;
  for (std::uint64_t left = 2 + seeded.random().below(4); left > 0; --left)
    if (seeded.random().one_in(2))
      tasks.push_back(seeded.subject(spawn(pass<catching>, std::ref(seeded), std::ref(gate))));
    else
      tasks.push_back(seeded.subject(spawn(pass<no_catch>, std::ref(seeded), std::ref(gate))));
  for (int openings = 0; openings < 3; ++openings) {
    co_await linger(seeded.random());
    const std::set<std::uint64_t> waited = gate.waiting;
    gate.event.set();
    gate.event.clear();
    co_await yield();
    co_await yield();
    for (std::uint64_t id : waited) EXPECT_EQ(gate.waiting.count(id), 0U) << "not woken: task " << id;
  }
  gate.event.set();
  co_await all_end(seeded, tasks);
  EXPECT_EQ(gate.event.waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation

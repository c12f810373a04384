#include "coterie/sync/condition.hpp"

#include "coterie/sync/event.hpp"
#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

struct Larder {
  Condition condition;
  int inside = 0;  // under the lock
  int stock = 0;
  bool closed = false;
  Event emptied;
};

/// The end of a section under the lock: whatever ended it, the lock is held.
struct StillHeld {
  explicit StillHeld(Larder& of) noexcept : larder(of) {}
  StillHeld(const StillHeld&) = delete;
  StillHeld& operator=(const StillHeld&) = delete;
  ~StillHeld() { EXPECT_TRUE(larder.condition.locked()) << "wait() came back without the lock"; }
  Larder& larder;
};

template <class How>
Task<void, How> wait_for_stock(SeededLoop& seeded, Larder& larder) {
  const StillHeld check(larder);
  const std::uint32_t cancels = cancels_of_this_task(seeded);
  co_await larder.condition.wait_for([&] { return larder.stock > 0 || larder.closed; });
  EXPECT_EQ(cancels_of_this_task(seeded), cancels) << "a cancel is lost";
}

template <class How>
Task<void, How> eat(SeededLoop& seeded, Larder& larder) {
  LockGuard guard = co_await larder.condition.scoped();
  co_await wait_for_stock<How>(seeded, larder);
  EXPECT_EQ(larder.inside, 0) << "two at once";
  const Inside here(larder.inside);
  if (larder.stock == 0) co_return;
  if (--larder.stock == 0) larder.emptied.set();
  if (seeded.random().one_in(4)) co_await yield();
}
Task<void> guest(SeededLoop& seeded, Larder& larder) {
  co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return eat<How>(seeded, larder); });
}
/// The seed leaves this one alone: whatever is stocked is eaten, unless a notify is lost.
Task<void> host(SeededLoop& seeded, Larder& larder) {
  while (!larder.closed) co_await eat<catching>(seeded, larder);
}

template <class How>
Task<void, How> stock_up(SeededLoop& seeded, Larder& larder) {
  co_await linger(seeded.random());
  LockGuard guard = co_await larder.condition.scoped();
  EXPECT_EQ(larder.inside, 0) << "two at once";
  const Inside here(larder.inside);
  larder.emptied.clear();
  const auto several = static_cast<int>(1 + seeded.random().below(2));
  larder.stock += several;
  larder.condition.notify(static_cast<std::size_t>(several));
}
Task<void> supplier(SeededLoop& seeded, Larder& larder) {
  co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return stock_up<How>(seeded, larder); });
}

COTERIE_SEEDED_TEST(ConditionSimulation, NoNotifyIsLost, seeds) {
  Larder larder;
  larder.emptied.set();
  Tasks suppliers;
  Tasks guests;
  for (std::uint64_t left = 1 + seeded.random().below(3); left > 0; --left)
    guests.push_back(seeded.subject(spawn(guest, std::ref(seeded), std::ref(larder))));
  auto last = spawn(host, std::ref(seeded), std::ref(larder));
  for (std::uint64_t left = 1 + seeded.random().below(2); left > 0; --left)
    suppliers.push_back(seeded.subject(spawn(supplier, std::ref(seeded), std::ref(larder))));
  co_await all_end(seeded, suppliers);
  co_await larder.emptied.wait();
  LockGuard guard = co_await larder.condition.scoped();
  larder.closed = true;
  larder.condition.notify_all();
  guard.unlock();
  co_await last;
  co_await all_end(seeded, guests);
  EXPECT_EQ(larder.stock, 0);
  EXPECT_FALSE(larder.condition.locked());
  EXPECT_EQ(larder.condition.waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation

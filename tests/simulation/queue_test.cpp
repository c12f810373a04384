#include "coterie/sync/queue.hpp"

#include "simulation/item.hpp"

namespace coterie::simulation {
namespace {

struct Shop {
  explicit Shop(std::size_t shelf) : queue(shelf) {}
  Account account;
  Queue<Item> queue;
};

template <class How>
Task<void, How> deliver(SeededLoop& seeded, Shop& shop) {
  const int number = shop.account.next++;
  co_await shop.queue.put(Item(number, shop.account.alive));
  shop.account.in.insert(number);
  co_await linger(seeded.random());
}
Task<void> produce(SeededLoop& seeded, Shop& shop) {
  co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return deliver<How>(seeded, shop); });
}

template <class How>
Task<void, How> buy(SeededLoop& seeded, Shop& shop) {
  Item item = co_await shop.queue.get();
  shop.account.handed_out(item);
  shop.queue.task_done();
  co_await linger(seeded.random());
}
Task<void> consume(SeededLoop& seeded, Shop& shop) {
  try {
    co_await rounds(seeded, [&]<class How>() -> Task<void, How> { return buy<How>(seeded, shop); });
  } catch (const QueueShutDown&) {
  }
}
/// The seed leaves this one alone: whatever is put is got in the end, unless a wakeup is lost.
Task<void> consume_all(SeededLoop& seeded, Shop& shop) {
  try {
    for (;;) co_await buy<catching>(seeded, shop);
  } catch (const QueueShutDown&) {
  }
}

COTERIE_SEEDED_TEST(QueueSimulation, ItemsAreConserved, seeds) {
  Shop shop(seeded.random().below(3));
  Tasks producers;
  Tasks consumers;
  for (std::uint64_t left = 1 + seeded.random().below(3); left > 0; --left)
    producers.push_back(seeded.subject(spawn(produce, std::ref(seeded), std::ref(shop))));
  for (std::uint64_t left = 1 + seeded.random().below(2); left > 0; --left)
    consumers.push_back(seeded.subject(spawn(consume, std::ref(seeded), std::ref(shop))));
  auto last = spawn(consume_all, std::ref(seeded), std::ref(shop));
  co_await all_end(seeded, producers);
  co_await shop.queue.join();
  shop.queue.shutdown();
  co_await last;
  co_await all_end(seeded, consumers);
  EXPECT_TRUE(shop.account.in.empty());
  EXPECT_EQ(shop.account.alive, 0);
  EXPECT_EQ(shop.queue.getters_waiting(), 0U);
  EXPECT_EQ(shop.queue.putters_waiting(), 0U);
}

}  // namespace
}  // namespace coterie::simulation

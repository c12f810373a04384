#include "coterie/sync/queue.hpp"

#include <memory>
#include <set>

#include "simulation/support.hpp"

namespace coterie::simulation {
namespace {

/// Move-only, so that an item is in one place; counts what is alive.
class Item {
 public:
  Item(int number, int& alive) : number_(std::make_unique<int>(number)), alive_(&alive) { ++alive; }
  Item(Item&&) noexcept = default;
  Item& operator=(Item&&) noexcept = default;
  ~Item() {
    if (number_) --*alive_;
  }
  [[nodiscard]] int number() const { return *number_; }

 private:
  std::unique_ptr<int> number_;
  int* alive_;
};

struct Shop {
  explicit Shop(std::size_t shelf) : queue(shelf) {}
  int alive = 0;
  Queue<Item> queue;
  int next_item = 0;
  std::set<int> put;  // on the shelf, as its users see it
  int bought = 0;
};

Task<void> deliver(SeededLoop& seeded, Shop& shop) {
  const int number = shop.next_item++;
  co_await shop.queue.put(Item(number, shop.alive));
  shop.put.insert(number);
  co_await linger(seeded.random());
}
Task<void> produce(SeededLoop& seeded, Shop& shop) {
  co_await rounds(seeded, [&]() -> Task<void> { return deliver(seeded, shop); });
}

Task<void> buy(SeededLoop& seeded, Shop& shop) {
  Item item = co_await shop.queue.get();
  // The shelf hands out first what came first; `put` may lag behind by items whose putter has not gone on.
  EXPECT_EQ(shop.put.count(item.number()), 1U) << "an item that was never put, or was got twice";
  shop.put.erase(item.number());
  ++shop.bought;
  shop.queue.task_done();
  co_await linger(seeded.random());
}
Task<void> consume(SeededLoop& seeded, Shop& shop) {
  try {
    co_await rounds(seeded, [&]() -> Task<void> { return buy(seeded, shop); });
  } catch (const QueueShutDown&) {
  }
}
/// The seed leaves this one alone, so that whatever is put is got in the end.
Task<void> consume_all(SeededLoop& seeded, Shop& shop) {
  try {
    for (;;) co_await buy(seeded, shop);
  } catch (const QueueShutDown&) {
  }
}

COTERIE_SEEDED_TEST(QueueSimulation, ItemsAreConserved, seeds) {
  int alive_at_the_end = 0;
  {
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
    EXPECT_TRUE(shop.put.empty());
    EXPECT_TRUE(shop.queue.empty());
    shop.queue.shutdown();
    co_await last;
    co_await all_end(seeded, consumers);
    EXPECT_EQ(shop.queue.getters_waiting(), 0U);
    EXPECT_EQ(shop.queue.putters_waiting(), 0U);
    alive_at_the_end = shop.alive;
  }
  EXPECT_EQ(alive_at_the_end, 0);
}

}  // namespace
}  // namespace coterie::simulation

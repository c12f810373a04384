// Guards and items: who holds them, in which order they go, and when they are released.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(Guards, MovedGuardReleasesOnce) {
  run([]() -> Task<void> {
    Lock lock;
    LockGuard first = co_await lock.scoped();
    LockGuard second = std::move(first);
    EXPECT_FALSE(first.holds());  // NOLINT(bugprone-use-after-move)
    first.unlock();
    EXPECT_TRUE(lock.locked());
    second.unlock();
    EXPECT_FALSE(lock.locked());
    second.unlock();
    EXPECT_FALSE(lock.locked());
  });
}

TEST(Guards, AssignmentReleasesWhatWasHeldAtOnce) {
  run([]() -> Task<void> {
    Lock a;
    Lock b;
    LockGuard guard = co_await a.scoped();
    LockGuard other = co_await b.scoped();
    guard = std::move(other);
    EXPECT_FALSE(a.locked());
    EXPECT_TRUE(b.locked());
    Semaphore semaphore(2);
    Permit permit = co_await semaphore.scoped();
    permit = co_await semaphore.scoped();
    EXPECT_EQ(semaphore.value(), 1U);
    permit.release();
    EXPECT_EQ(semaphore.value(), 2U);
  });
}

TEST(Guards, PermitBeyondTheBoundIsSwallowed) {
  run([]() -> Task<void> {
    BoundedSemaphore semaphore(1);
    {
      Permit permit = co_await semaphore.scoped();
      semaphore.release();  // somebody's mistake
    }
    EXPECT_EQ(semaphore.value(), 1U);
  });
}

TEST(PriorityQueueOrder, EqualItemsComeOutInTheOrderOfTheirComing) {
  run([]() -> Task<void> {
    using Item = std::pair<int, std::unique_ptr<int>>;
    auto by_first = [](const Item& a, const Item& b) { return a.first < b.first; };
    PriorityQueue<Item, decltype(by_first)> queue;
    for (int i = 0; i < 40; ++i) queue.put_nowait({i % 4, std::make_unique<int>(i)});
    int last = -1;
    while (!queue.empty()) {
      Item item = co_await queue.get();
      const int rank = item.first * 100 + *item.second;
      EXPECT_GT(rank, last);
      last = rank;
    }
  });
}

// The caller is cancelled while a condition's predicate still looks at its locals.
COTERIE_CASE(Lifetime, PredicateOfACancelledCallerIsNotAskedAgain) {
  run([]() -> Task<void> {
    Condition condition;
    int alive = 0;
    auto subject = [](Condition& c, int& count) -> Co<void> {
      LockGuard guard = co_await c.scoped();
      Probe local(count, 0);
      co_await c.wait_for([&local] { return local.value() != 0; });
    };
    auto task = spawn(subject, std::ref(condition), std::ref(alive));
    co_await yield();
    co_await condition.acquire();
    condition.notify();
    co_await yield();
    task.cancel();
    co_await ticks(2);
    EXPECT_EQ(alive, 1) << "it is on its way back to the lock";
    condition.release();
    (void)co_await outcome(task);
    EXPECT_EQ(alive, 0);
    EXPECT_FALSE(condition.locked());
  });
}

// An item that stands in a cancelled sender's frame is not handed out.
COTERIE_CASE(Lifetime, ItemsOfCancelledSendersAreReleased) {
  run([]() -> Task<void> {
    Channel<Probe> channel(0);
    Queue<Probe> queue(1);
    int alive = 0;
    queue.put_nowait(Probe(alive));
    auto sender = spawn([](Channel<Probe>& c, int& n) -> Co<void> { co_await c.send(Probe(n)); },
                        std::ref(channel), std::ref(alive));
    auto putter = spawn([](Queue<Probe>& q, int& n) -> Co<void> { co_await q.put(Probe(n)); },
                        std::ref(queue), std::ref(alive));
    co_await ticks(2);
    EXPECT_EQ(alive, 3);
    sender.cancel();
    putter.cancel();
    (void)co_await outcome(sender);
    (void)co_await outcome(putter);
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(channel.size(), 0U);
    EXPECT_EQ(queue.size(), 1U);
  });
}

struct Job {
  std::string name;
  std::string where;
};

TEST(Queues, MakeAnItemInPlace) {
  run([]() -> Task<void> {
    Queue<Job> queue;
    Channel<Job> channel(1);
    co_await queue.emplace("a", "b");
    Job named{"c", "d"};
    co_await channel.send(named);
    Job first = co_await queue.get();
    std::optional<Job> second = co_await channel.receive();
    EXPECT_EQ(first.where, "b");
    EXPECT_EQ(second->name, "c");
  });
}

}  // namespace
}  // namespace coterie

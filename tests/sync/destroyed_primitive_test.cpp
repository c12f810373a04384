// Primitives that go before the tasks that wait at them have run: nobody uses what has gone.
#include <gmock/gmock.h>

#include <memory>
#include <optional>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

/// The end of a task that `wait` waits in, when `wake` wakes it and the primitive goes before it has run.
template <class Primitive, class Wait, class Wake, class... Args>
Task<std::string> end_without(Wait wait, Wake wake, Args... args) {
  auto primitive = std::make_unique<Primitive>(args...);
  auto task = spawn(wait, std::ref(*primitive));
  co_await ticks(2);
  wake(*primitive);
  primitive.reset();
  std::string end = co_await end_of(task);
  co_return end;
}

COTERIE_CASE(DestroyedPrimitive, WhoWasWokenForItIsToldSo) {
  run([]() -> Task<void> {
    std::string end;
    end = co_await end_without<Lock>(
        [](Lock& lock) -> Co<void> {
          co_await lock.acquire();
          co_await lock.acquire();
        },
        [](Lock& lock) { lock.release(); });
    EXPECT_THAT(end, HasSubstr("a lock, and what gives it was destroyed"));
    end = co_await end_without<Semaphore>(
        [](Semaphore& semaphore) -> Co<void> { Permit permit = co_await semaphore.scoped(); },
        [](Semaphore& semaphore) { semaphore.release(); }, 0);
    EXPECT_THAT(end, HasSubstr("a semaphore, and what gives it was destroyed"));
    std::optional<WriteGuard> held;
    end = co_await end_without<RwLock>(
        [&held](RwLock& lock) -> Co<void> {
          held.emplace(co_await lock.write());
          ReadGuard guard = co_await lock.read();
        },
        [&held](RwLock&) { held.reset(); });
    EXPECT_THAT(end, HasSubstr("a lock to read, and what gives it was destroyed"));
    end = co_await end_without<Queue<int>>([](Queue<int>& queue) -> Co<void> { (void)co_await queue.get(); },
                                           [](Queue<int>& queue) { queue.put_nowait(1); });
    EXPECT_THAT(end, HasSubstr("an item of a queue, and what gives it was destroyed"));
    end = co_await end_without<Channel<int>>(
        [](Channel<int>& channel) -> Co<void> {
          co_await channel.send(1);
          co_await channel.send(2);
        },
        [](Channel<int>& channel) { (void)channel.try_receive(); }, 1);
    EXPECT_THAT(end, HasSubstr("room in a channel, and what gives it was destroyed"));
  });
}

COTERIE_CASE(DestroyedPrimitive, WhatIsNotUsedAgainMayGoOnceItHasWoken) {
  run([]() -> Task<void> {
    std::string end;
    end = co_await end_without<Event>([](Event& event) -> Co<void> { co_await event.wait(); },
                                      [](Event& event) { event.set(); });
    EXPECT_EQ(end, "value");
    end = co_await end_without<Queue<int>>(
        [](Queue<int>& queue) -> Co<void> {
          queue.put_nowait(1);
          co_await queue.join();
        },
        [](Queue<int>& queue) { queue.task_done(); });
    EXPECT_EQ(end, "value");
    end = co_await end_without<Channel<int>>(
        [](Channel<int>& channel) -> Co<void> {
          std::optional<int> item = co_await channel.receive();
          EXPECT_EQ(item, std::nullopt);
        },
        [](Channel<int>& channel) { channel.close(); }, 1);
    EXPECT_EQ(end, "value");
    end = co_await end_without<Barrier>([](Barrier& barrier) -> Co<void> { (void)co_await barrier.wait(); },
                                        [](Barrier& barrier) { barrier.abort(); }, 2);
    EXPECT_THAT(end, HasSubstr("the barrier was reset or aborted"));
  });
}

/// Waits at `condition` under a lock that lives on.
template <class How>
Task<void, How> wait_under(Lock& lock, Condition& condition) {
  LockGuard guard = co_await lock.scoped();
  co_await condition.wait();
}

COTERIE_CASE(DestroyedPrimitive, AConditionGoesWhileItsWaiterIsOnTheWayBackToTheLock) {
  run([]() -> Task<void> {
    for (const bool cancel : {false, true}) {
      Lock lock;
      auto condition = std::make_unique<Condition>(lock);
      auto task = spawn(wait_under<How>, std::ref(lock), std::ref(*condition));
      co_await ticks(2);
      co_await lock.acquire();
      if (cancel)
        task.cancel();
      else
        condition->notify();
      co_await ticks(3);  // now it waits for the lock
      condition.reset();
      EXPECT_FALSE(task.done());
      lock.release();
      std::string end = co_await end_of(task);
      EXPECT_THAT(end, cancel ? HasSubstr("cancelled") : HasSubstr("a condition, and what gives it"));
      EXPECT_FALSE(lock.locked()) << "taken again for the guard, which released it";
    }
  });
}

COTERIE_CASE(DestroyedPrimitive, AConditionGoesRightAfterItsWaiterWasCancelledOrNotified) {
  run([]() -> Task<void> {
    for (const bool cancel : {false, true}) {
      Lock lock;
      auto condition = std::make_unique<Condition>(lock);
      auto task = spawn(wait_under<How>, std::ref(lock), std::ref(*condition));
      co_await ticks(2);
      if (cancel) {
        task.cancel();
      } else {
        co_await lock.acquire();
        condition->notify();
        lock.release();
      }
      condition.reset();
      std::string end = co_await end_of(task);
      EXPECT_THAT(end, cancel ? HasSubstr("cancelled") : HasSubstr("a condition, and what gives it"));
      EXPECT_FALSE(lock.locked());
    }
  });
}

// Its own lock has gone with it, so there is nothing to come back to.
COTERIE_CASE(DestroyedPrimitive, AConditionGoesWithItsLock) {
  run([]() -> Task<void> {
    for (const bool cancel : {false, true}) {
      auto condition = std::make_unique<Condition>();
      auto task = spawn(
          [](Condition& own) -> Co<void> {
            co_await own.acquire();
            co_await own.wait();
            ADD_FAILURE() << "it has gone";
          },
          std::ref(*condition));
      co_await ticks(2);
      if (cancel) {
        task.cancel();
      } else {
        co_await condition->acquire();
        condition->notify();
      }
      condition.reset();
      std::string end = co_await end_of(task);
      EXPECT_THAT(end, cancel ? HasSubstr("cancelled") : HasSubstr("a condition, and what gives it"));
    }
  });
}

// A lock that another loop's tasks hold cannot be taken back here: an error, not a search without end.
TEST(ConditionOfTwoLoops, ALockThatCannotBeTakenBackIsAnError) {
  Lock lock;
  testing::VirtualLoop first;
  Reports reports(first.loop());
  auto holder = [](Lock& held) -> Task<void> {
    co_await held.acquire();
    spawn([](Lock& other) -> Task<void> { co_await other.acquire(); }, std::ref(held));
    co_await ticks(2);
  };
  first.run(holder(lock));
  Condition condition(lock);
  run([&]() -> Task<void> {
    auto waiting = spawn([](Condition& c) -> Task<void> { co_await c.wait(); }, std::ref(condition));
    co_await ticks(2);
    EXPECT_TRUE(waiting.done() || condition.waiting() == 1);
    waiting.cancel();
    std::string end = co_await end_of(waiting);
    EXPECT_THAT(end, HasSubstr("bound to a different event loop"));
  });
  first.loop().close();
}

COTERIE_CASE(Waiting, OneAwaiterMayBeAwaitedAgainAfterItHadToWait) {
  run([]() -> Task<void> {
    Semaphore semaphore(0);
    auto twice = [](Semaphore& permits) -> Co<void> {
      auto acquire = permits.acquire();
      co_await acquire;
      co_await acquire;  // at once: a permit is there
    };
    auto task = spawn(twice, std::ref(semaphore));
    co_await ticks(2);
    semaphore.release();
    semaphore.release();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "value");
    EXPECT_EQ(semaphore.value(), 0U);
  });
}

}  // namespace
}  // namespace coterie

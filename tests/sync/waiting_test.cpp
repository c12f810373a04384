// What all primitives share: one loop each, and waiters that are destroyed instead of woken.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

/// One of each, held in every way that makes the next one wait.
struct World {
  Lock lock;
  Event event;
  Condition condition;
  Semaphore semaphore{0};
  Barrier barrier{9};
  RwLock rw_lock;
  Queue<int> empty;
  Queue<int> full{1};
  Channel<int> closed_to_receivers{1};
  Channel<int> rendezvous{0};

  /// Owns the guards of a holder for as long as its frame lives.
  template <class How>
  static Task<void, How> hold(World& w) {
    LockGuard locked = co_await w.lock.scoped();
    WriteGuard written = co_await w.rw_lock.write();
    w.full.put_nowait(1);
    co_await sleep(1h);
  }
  static constexpr int waits = 12;
  template <class How>
  static Task<void, How> wait(World& w, int which, Probe) {
    switch (which) {
      case 0:
        co_await w.lock.acquire();
        break;
      case 1:
        co_await w.event.wait();
        break;
      case 2: {
        LockGuard guard = co_await w.condition.scoped();
        co_await w.condition.wait();
        break;
      }
      case 3: {
        Permit permit = co_await w.semaphore.scoped();
        break;
      }
      case 4:
        (void)co_await w.barrier.wait();
        break;
      case 5: {
        ReadGuard guard = co_await w.rw_lock.read();
        break;
      }
      case 6: {
        WriteGuard guard = co_await w.rw_lock.write();
        break;
      }
      case 7:
        (void)co_await w.empty.get();
        break;
      case 8:
        co_await w.full.put(1);
        break;
      case 9:
        co_await w.full.join();
        break;
      case 10:
        (void)co_await w.closed_to_receivers.receive();
        break;
      default:
        co_await w.rendezvous.send(1);
    }
  }
  /// Wakes whoever can be woken.
  void wake_all() {
    lock.release();
    event.set();
    semaphore.release();
    barrier.abort();
    empty.put_nowait(1);
    full.shutdown(true);
    closed_to_receivers.close();
    rendezvous.close();
  }
};

COTERIE_CASE(LoopBound, WaitingInASecondLoopIsAnErrorOfEveryPrimitive) {
  World world;
  int alive = 0;
  testing::VirtualLoop first;
  Reports reports(first.loop());
  auto wait_everywhere = [](World& w, int& count) -> Task<void> {
    co_await ticks(1);
    for (int i = 0; i < World::waits; ++i) spawn(World::wait<How>, std::ref(w), i, Probe(count));
    co_await ticks(2);
  };
  auto main = [](World& w, int& count, decltype(wait_everywhere)& everywhere) -> Task<void> {
    spawn(World::hold<How>, std::ref(w));
    co_await everywhere(w, count);
  };
  first.run(main(world, alive, wait_everywhere));
  EXPECT_EQ(alive, World::waits);
  run([&]() -> Task<void> {
    for (int i = 0; i < World::waits; ++i) {
      auto task = spawn(World::wait<How>, std::ref(world), i, Probe(alive));
      std::string end = co_await end_of(task);
      EXPECT_THAT(end, ::testing::HasSubstr("here: the object is bound to a different event loop"))
          << "wait " << i;
    }
  });
  first.loop().close();
  EXPECT_EQ(alive, 0);
}

COTERIE_CASE(ClosingByForce, WaitersLeaveEveryPrimitive) {
  for (const bool woken : {false, true}) {
    int alive = 0;
    World world;
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    auto main = [](World& w, int& count, bool wake) -> Task<void> {
      spawn(World::hold<How>, std::ref(w));
      co_await ticks(1);
      for (int i = 0; i < World::waits; ++i) spawn(World::wait<How>, std::ref(w), i, Probe(count));
      co_await ticks(2);
      if (wake) w.wake_all();
    };
    loop.run(main(world, alive, woken));
    EXPECT_EQ(alive, World::waits);
    loop.loop().close();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(world.event.waiting() + world.condition.waiting() + world.semaphore.waiting() +
                  world.rw_lock.waiting() + world.empty.getters_waiting() + world.full.putters_waiting() +
                  world.rendezvous.senders_waiting(),
              0U);
  }
}

COTERIE_CASE(ClosingByForce, PrimitivesMayGoBeforeThoseWhoWait) {
  int alive = 0;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  auto main = [](int& count) -> Task<void> {
    auto world = std::make_unique<World>();
    co_await world->lock.acquire();
    for (const int i : {0, 1, 3, 4, 10}) spawn(World::wait<How>, std::ref(*world), i, Probe(count));
    co_await ticks(2);
    world.reset();
    co_await ticks(2);
  };
  loop.run(main(alive));
  EXPECT_EQ(alive, 5);
  loop.loop().close();
  EXPECT_EQ(alive, 0);
}

// The lock that Condition::wait() has released is not released again by the guard of a frame that dies there.
COTERIE_CASE(ClosingByForce, GuardOfAConditionsWaiterReleasesNothing) {
  Condition condition;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  auto main = [](Condition& c) -> Task<void> {
    spawn(
        [](Condition& own) -> Co<void> {
          LockGuard guard = co_await own.scoped();
          co_await own.wait();
        },
        std::ref(c));
    co_await ticks(2);
  };
  loop.run(main(condition));
  EXPECT_FALSE(condition.locked());
  loop.loop().close();
  EXPECT_FALSE(condition.locked());
  EXPECT_EQ(condition.waiting(), 0U);
}

COTERIE_CASE(Waiting, OneAwaiterMayWaitAtABarrierForEveryRound) {
  run([]() -> Task<void> {
    Barrier barrier(2);
    auto three_rounds = [](Barrier& at) -> Co<void> {
      auto turn = at.wait();
      for (int round = 0; round < 3; ++round) (void)co_await turn;
    };
    auto one = spawn(three_rounds, std::ref(barrier));
    auto two = spawn(three_rounds, std::ref(barrier));
    co_await ticks(12);
    EXPECT_TRUE(one.done() && two.done());
    EXPECT_EQ(barrier.waiting(), 0U);
    one.cancel();
    two.cancel();
    (void)co_await outcome(one);
    (void)co_await outcome(two);
  });
}

}  // namespace
}  // namespace coterie

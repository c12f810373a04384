// Lock, Event, Semaphore (lists K and L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

Task<void> acquire_and_note(Lock& lock, std::vector<int>& order, int number) {
  co_await lock.acquire();
  order.push_back(number);
}
Task<void> hold(Lock& lock, Future<void> until, std::vector<std::string>& order, std::string name) {
  LockGuard guard = co_await lock.scoped();
  order.push_back(name);
  co_await until;
}

// 176. LockTests.test_acquire
TEST(LockOrder, OneWaiterRunsForEachRelease) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    EXPECT_TRUE(lock.locked());
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 3; ++i)
      waiters.push_back(spawn(acquire_and_note, std::ref(lock), std::ref(order), i));
    co_await ticks(2);
    EXPECT_TRUE(order.empty());
    EXPECT_EQ(lock.waiting(), 3U);
    for (int released = 1; released <= 3; ++released) {
      lock.release();
      EXPECT_FALSE(lock.locked());
      co_await ticks(3);
      EXPECT_EQ(order.size(), static_cast<std::size_t>(released));
      EXPECT_TRUE(lock.locked());
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
  });
}

// Who releases and asks again goes to the end.
TEST(LockOrder, ReleaserDoesNotOvertake) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto waiter = spawn(acquire_and_note, std::ref(lock), std::ref(order), 1);
    co_await ticks(2);
    lock.release();
    auto again = spawn(acquire_and_note, std::ref(lock), std::ref(order), 2);
    co_await waiter;
    EXPECT_FALSE(again.done());
    lock.release();
    co_await again;
    EXPECT_THAT(order, ElementsAre(1, 2));
  });
}

// 177. LockTests.test_acquire_cancel
TEST(LockCancel, CancelledWaiterLeavesNoEntry) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto waiter = spawn(acquire_and_note, std::ref(lock), std::ref(order), 1);
    co_await ticks(1);
    waiter.cancel();
    Outcome<void> end = co_await outcome(waiter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lock.waiting(), 0U);
    EXPECT_TRUE(lock.locked());
  });
}

// 178. LockTests.test_cancel_race
TEST(LockCancel, NextWaiterGetsTheLockWhenTheHeadIsCancelledWithTheRelease) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<std::string> order;
    Future<void> blocks_a;
    Future<void> blocks_c;
    auto a = spawn(hold, std::ref(lock), blocks_a, std::ref(order), "a");
    co_await yield();
    auto b = spawn(hold, std::ref(lock), Future<void>(), std::ref(order), "b");
    auto c = spawn(hold, std::ref(lock), blocks_c, std::ref(order), "c");
    co_await yield();
    EXPECT_EQ(lock.waiting(), 2U);
    blocks_a.set_value();
    b.cancel();
    Outcome<void> end = co_await outcome(b);
    EXPECT_TRUE(end.cancelled());
    co_await ticks(2);
    EXPECT_THAT(order, ElementsAre("a", "c"));
    EXPECT_TRUE(lock.locked());
    EXPECT_EQ(lock.waiting(), 0U);
    blocks_c.set_value();
    co_await c;
    EXPECT_FALSE(lock.locked());
  });
}

// 179. LockTests.test_finished_waiter_cancelled
TEST(LockCancel, LockReleasedBehindACancelledWaiterIsTakenByTheNextComer) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto b = spawn(acquire_and_note, std::ref(lock), std::ref(order), 2);
    co_await yield();
    EXPECT_EQ(lock.waiting(), 1U);
    auto c = spawn(acquire_and_note, std::ref(lock), std::ref(order), 3);
    b.cancel();
    lock.release();
    co_await yield();
    EXPECT_THAT(order, ElementsAre(3));
    EXPECT_TRUE(lock.locked());
    co_await ticks(2);
    EXPECT_TRUE(b.cancelled());
    EXPECT_TRUE(c.done());
    EXPECT_TRUE(lock.locked());
  });
}

// 179, bpo-27585: B was woken and is then cancelled: it wakes C.
TEST(LockCancel, WokenWaiterThatIsCancelledWakesTheNext) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto b = spawn(acquire_and_note, std::ref(lock), std::ref(order), 2);
    auto c = spawn(acquire_and_note, std::ref(lock), std::ref(order), 3);
    co_await yield();
    lock.release();
    b.cancel();
    co_await c;
    EXPECT_TRUE(b.cancelled());
    EXPECT_THAT(order, ElementsAre(3));
    EXPECT_TRUE(lock.locked());
    EXPECT_EQ(lock.waiting(), 0U);
  });
}

// 180. LockTests.test_release_not_acquired, test_context_manager
TEST(LockOrder, MisuseAndGuard) {
  run([]() -> Task<void> {
    Lock lock;
    EXPECT_THROW(lock.release(), InvalidState);
    {
      LockGuard guard = co_await lock.scoped();
      EXPECT_TRUE(lock.locked());
      LockGuard moved = std::move(guard);
      EXPECT_TRUE(lock.locked());
    }
    EXPECT_FALSE(lock.locked());
  });
}

// 181. EventTests.test_wait
TEST(EventWait, WhoStartsBeforeTheSetRunsBeforeTheWoken) {
  run([]() -> Task<void> {
    Event event;
    std::vector<int> order;
    auto waiter = [](Event& e, std::vector<int>& out, int number) -> Task<void> {
      co_await e.wait();
      out.push_back(number);
    };
    auto t1 = spawn(waiter, std::ref(event), std::ref(order), 1);
    auto t2 = spawn(waiter, std::ref(event), std::ref(order), 2);
    co_await yield();
    EXPECT_EQ(event.waiting(), 2U);
    auto t3 = spawn(waiter, std::ref(event), std::ref(order), 3);
    event.set();
    co_await yield();
    EXPECT_THAT(order, ElementsAre(3, 1, 2));
    EXPECT_TRUE(t1.done() && t2.done() && t3.done());
    TickCounter counter;
    co_await event.wait();
    EXPECT_EQ(counter.count(), 0);
  });
}

// 182. EventTests.test_wait_cancel; 11. semantics: set() wakes also when clear() follows at once
TEST(EventWait, CancelAndClear) {
  run([]() -> Task<void> {
    Event event;
    auto waiter = [](Event& e) -> Task<void> { co_await e.wait(); };
    auto cancelled = spawn(waiter, std::ref(event));
    auto woken = spawn(waiter, std::ref(event));
    co_await yield();
    cancelled.cancel();
    EXPECT_EQ(event.waiting(), 1U);
    event.set();
    event.clear();
    co_await ticks(2);
    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_TRUE(woken.done());
    EXPECT_FALSE(woken.cancelled());
    EXPECT_EQ(event.waiting(), 0U);
  });
}

Task<void> take(Semaphore& semaphore, std::vector<int>& order, int number) {
  co_await semaphore.acquire();
  order.push_back(number);
}

// 191. SemaphoreTests.test_acquire
TEST(SemaphoreOrder, PermitsAreHandedOverAtTheRelease) {
  run([]() -> Task<void> {
    Semaphore semaphore(3);
    std::vector<int> order;
    co_await semaphore.acquire();
    co_await semaphore.acquire();
    EXPECT_FALSE(semaphore.locked());
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 4; ++i) waiters.push_back(spawn(take, std::ref(semaphore), std::ref(order), i));
    co_await ticks(2);
    EXPECT_THAT(order, ElementsAre(1));
    EXPECT_TRUE(semaphore.locked());
    EXPECT_EQ(semaphore.waiting(), 3U);
    semaphore.release();
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 0U);
    co_await ticks(2);
    EXPECT_EQ(semaphore.value(), 0U);
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
    semaphore.release();
    co_await waiters[3];
    EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
  });
}

// 192. SemaphoreTests.test_acquire_hang
TEST(SemaphoreCancel, CancelledHeadIsSkipped) {
  for (const bool release_first : {false, true}) {
    run([release_first]() -> Task<void> {
      Semaphore semaphore(1);
      std::vector<int> order;
      co_await semaphore.acquire();
      auto t1 = spawn(take, std::ref(semaphore), std::ref(order), 1);
      auto t2 = spawn(take, std::ref(semaphore), std::ref(order), 2);
      co_await yield();
      if (release_first) semaphore.release();  // t1 had the permit already: it gives it on
      t1.cancel();
      if (!release_first) semaphore.release();
      co_await t2;
      EXPECT_TRUE(t1.cancelled());
      EXPECT_TRUE(semaphore.locked());
      EXPECT_THAT(order, ElementsAre(2));
      EXPECT_EQ(semaphore.value(), 0U);
    });
  }
}

// 193. SemaphoreTests.test_acquire_no_hang
TEST(SemaphoreCancel, UsableAfterTheHolderCancelledTheNext) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    JoinHandle<void> t2;
    auto first = [](Semaphore& s, JoinHandle<void>& other) -> Task<void> {
      {
        Permit permit = co_await s.scoped();
        co_await yield();
      }
      other.cancel();
    };
    auto second = [](Semaphore& s) -> Task<void> { Permit permit = co_await s.scoped(); };
    auto t1 = spawn(first, std::ref(semaphore), std::ref(t2));
    t2 = spawn(second, std::ref(semaphore));
    (void)co_await outcome(t1);
    (void)co_await outcome(t2);
    EXPECT_TRUE(t2.cancelled());
    co_await wait_for(1s, second(semaphore));
    EXPECT_EQ(semaphore.value(), 1U);
  });
}

// 194. SemaphoreTests.test_acquire_fifo_order
TEST(SemaphoreOrder, ReleaserDoesNotOvertake) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<std::string> order;
    auto worker = [](Semaphore& s, std::vector<std::string>& out, std::string name) -> Task<void> {
      for (int round = 0; round < 2; ++round) {
        co_await s.acquire();
        out.push_back(name);
        co_await yield();
        s.release();
      }
    };
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (const char* name : {"c1", "c2", "c3"})
        group.spawn(worker, std::ref(semaphore), std::ref(order), std::string(name));
      co_return;
    });
    EXPECT_THAT(order, ElementsAre("c1", "c2", "c3", "c1", "c2", "c3"));
  });
}

// 195. SemaphoreTests.test_acquire_fifo_order_2, _3
TEST(SemaphoreOrder, WhoReleasesAndAsksAgainQueuesBehindEarlierWaiters) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<int> order;
    auto c1 = [](Semaphore& s, std::vector<int>& out) -> Task<void> {
      co_await s.acquire();
      out.push_back(1);
      s.release();
      co_await s.acquire();
      out.push_back(4);
    };
    auto other = [](Semaphore& s, std::vector<int>& out, int number, bool release) -> Task<void> {
      co_await s.acquire();
      out.push_back(number);
      if (release) s.release();
    };
    co_await semaphore.acquire();
    auto t1 = spawn(c1, std::ref(semaphore), std::ref(order));
    auto t2 = spawn(other, std::ref(semaphore), std::ref(order), 2, true);
    auto t3 = spawn(other, std::ref(semaphore), std::ref(order), 3, true);
    co_await yield();
    semaphore.release();
    co_await ticks(5);
    EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
    EXPECT_TRUE(t1.done() && t2.done() && t3.done());
  });
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<int> order;
    co_await semaphore.acquire();
    auto releasing = [](Semaphore& s, std::vector<int>& out, int number) -> Task<void> {
      co_await s.acquire();
      out.push_back(number);
      s.release();
    };
    auto t1 = spawn(releasing, std::ref(semaphore), std::ref(order), 1);
    auto t2 = spawn(releasing, std::ref(semaphore), std::ref(order), 2);
    auto t3 = spawn(releasing, std::ref(semaphore), std::ref(order), 3);
    co_await yield();
    t1.cancel();
    semaphore.release();
    co_await ticks(4);
    EXPECT_THAT(order, ElementsAre(2, 3));
    EXPECT_EQ(semaphore.value(), 1U);
  });
}

}  // namespace
}  // namespace coterie

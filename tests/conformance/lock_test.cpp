// Lock and Event (list K). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class How>
Task<void, How> acquire_and_note(Lock& lock, std::vector<int>& order, int number) {
  co_await lock.acquire();
  order.push_back(number);
}
template <class How>
Task<void, How> hold(Lock& lock, Future<void> until, std::vector<std::string>& order, std::string name) {
  LockGuard guard = co_await lock.scoped();
  order.push_back(name);
  co_await until;
}
template <class How>
Task<void, How> wait_and_note(Event& event, std::vector<int>& order, int number) {
  co_await event.wait();
  order.push_back(number);
}

// 176. LockTests.test_acquire
COTERIE_CASE(LockOrder, OneWaiterRunsForEachRelease) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    EXPECT_TRUE(lock.locked());
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 3; ++i)
      waiters.push_back(spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), i));
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
COTERIE_CASE(LockOrder, ReleaserDoesNotOvertake) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto waiter = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 1);
    co_await ticks(2);
    lock.release();
    auto again = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 2);
    co_await waiter;
    EXPECT_FALSE(again.done());
    lock.release();
    co_await again;
    EXPECT_THAT(order, ElementsAre(1, 2));
  });
}

// 177. LockTests.test_acquire_cancel
COTERIE_CASE(LockCancel, CancelledWaiterLeavesNoEntry) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto waiter = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 1);
    co_await ticks(1);
    waiter.cancel();
    Outcome<void> end = co_await outcome(waiter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lock.waiting(), 0U);
    EXPECT_TRUE(lock.locked());
  });
}

// 178. LockTests.test_cancel_race
COTERIE_CASE(LockCancel, NextWaiterGetsTheLockWhenTheHeadIsCancelledWithTheRelease) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<std::string> order;
    Future<void> blocks_a;
    Future<void> blocks_c;
    auto a = spawn(hold<How>, std::ref(lock), blocks_a, std::ref(order), "a");
    co_await yield();
    auto b = spawn(hold<How>, std::ref(lock), Future<void>(), std::ref(order), "b");
    auto c = spawn(hold<How>, std::ref(lock), blocks_c, std::ref(order), "c");
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
COTERIE_CASE(LockCancel, LockReleasedBehindACancelledWaiterIsTakenByTheNextComer) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto b = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 2);
    co_await yield();
    EXPECT_EQ(lock.waiting(), 1U);
    auto c = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 3);
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

// 179, twin case, bpo-27585: B was woken and is then cancelled: it wakes C.
COTERIE_CASE(LockCancel, WokenWaiterThatIsCancelledWakesTheNext) {
  run([]() -> Task<void> {
    Lock lock;
    std::vector<int> order;
    co_await lock.acquire();
    auto b = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 2);
    auto c = spawn(acquire_and_note<How>, std::ref(lock), std::ref(order), 3);
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
COTERIE_CASE(LockGuards, ReleaseOfAFreeLockIsAnErrorAndTheGuardReleasesOnce) {
  run([]() -> Task<void> {
    Lock lock;
    EXPECT_THROW(lock.release(), InvalidState);
    auto subject = [](Lock& l) -> Co<void> {
      LockGuard guard = co_await l.scoped();
      EXPECT_TRUE(l.locked());
    };
    co_await subject(lock);
    EXPECT_FALSE(lock.locked());
    EXPECT_THROW(lock.release(), InvalidState);
  });
}

// 181. EventTests.test_wait
COTERIE_CASE(EventWait, WhoStartsBeforeTheSetRunsBeforeTheWoken) {
  run([]() -> Task<void> {
    Event event;
    std::vector<int> order;
    auto t1 = spawn(wait_and_note<How>, std::ref(event), std::ref(order), 1);
    auto t2 = spawn(wait_and_note<How>, std::ref(event), std::ref(order), 2);
    co_await yield();
    EXPECT_EQ(event.waiting(), 2U);
    auto t3 = spawn(wait_and_note<How>, std::ref(event), std::ref(order), 3);
    event.set();
    co_await yield();
    EXPECT_THAT(order, ElementsAre(3, 1, 2));
    EXPECT_TRUE(t1.done() && t2.done() && t3.done());
    TickCounter counter;
    co_await event.wait();
    EXPECT_EQ(counter.count(), 0);
  });
}

// 182. EventTests.test_wait_cancel
COTERIE_CASE(EventWait, CancelledWaiterLeavesNoEntry) {
  run([]() -> Task<void> {
    Event event;
    std::vector<int> order;
    auto waiter = spawn(wait_and_note<How>, std::ref(event), std::ref(order), 1);
    co_await yield();
    waiter.cancel();
    EXPECT_EQ(event.waiting(), 0U);
    Outcome<void> end = co_await outcome(waiter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(order.empty());
  });
}

COTERIE_CASE(EventWait, SetWakesAlsoWhenClearFollowsAtOnce) {
  run([]() -> Task<void> {
    Event event;
    std::vector<int> order;
    auto waiter = spawn(wait_and_note<How>, std::ref(event), std::ref(order), 1);
    co_await yield();
    event.set();
    event.clear();
    co_await waiter;
    EXPECT_THAT(order, ElementsAre(1));
    EXPECT_EQ(event.waiting(), 0U);
    EXPECT_FALSE(event.is_set());
  });
}

}  // namespace
}  // namespace coterie

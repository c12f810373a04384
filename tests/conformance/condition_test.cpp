// Condition (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
/// Waits once and stays the lock's holder.
template <class How>
Task<void, How> wait_and_keep(Condition& condition, std::vector<int>& order, int number) {
  co_await condition.acquire();
  co_await condition.wait();
  order.push_back(number);
}
template <class How>
Task<void, How> wait_and_release(Condition& condition, std::vector<int>& order, int number) {
  LockGuard guard = co_await condition.scoped();
  co_await condition.wait();
  order.push_back(number);
}
/// Takes items until there is a negative number of them.
template <class How>
Task<void, How> consume(Condition& condition, int& items) {
  LockGuard guard = co_await condition.scoped();
  for (;;) {
    co_await condition.wait_for([&] { return items != 0; });
    if (items < 0) co_return;
    --items;
  }
}

// 183. ConditionTests.test_wait
COTERIE_CASE(ConditionNotify, WaitersRunOneByOneAndOnlyWhenTheLockIsReleased) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 3; ++i)
      waiters.push_back(spawn(wait_and_keep<How>, std::ref(condition), std::ref(order), i));
    co_await yield();
    EXPECT_FALSE(condition.locked());
    EXPECT_EQ(condition.waiting(), 3U);
    co_await condition.acquire();
    condition.notify();
    co_await ticks(2);
    EXPECT_TRUE(order.empty());
    EXPECT_TRUE(condition.locked());
    condition.release();
    co_await yield();
    EXPECT_THAT(order, ElementsAre(1));
    EXPECT_TRUE(condition.locked());
    condition.notify(2);
    co_await ticks(2);
    EXPECT_THAT(order, ElementsAre(1));
    condition.release();
    co_await ticks(2);
    EXPECT_THAT(order, ElementsAre(1, 2));
    EXPECT_TRUE(condition.locked());
    condition.release();
    co_await ticks(2);
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
    EXPECT_TRUE(condition.locked());
  });
}

// 184. ConditionTests.test_wait_cancel
COTERIE_CASE(ConditionCancel, CancelledWaitHoldsTheLockAgain) {
  run([]() -> Task<void> {
    Condition condition;
    co_await condition.acquire();
    auto waiter = spawn([](Condition& c) -> Co<void> { co_await c.wait(); }, std::ref(condition));
    co_await yield();
    EXPECT_FALSE(condition.locked());
    waiter.cancel();
    Outcome<void> end = co_await outcome(waiter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(condition.waiting(), 0U);
    EXPECT_TRUE(condition.locked());
  });
}

// 185. ConditionTests.test_wait_cancel_contested
COTERIE_CASE(ConditionCancel, CancelOnTheWayBackToAContestedLockDoesNotLoseIt) {
  run([]() -> Task<void> {
    Condition condition;
    co_await condition.acquire();
    auto waiter = spawn([](Condition& c) -> Co<void> { co_await c.wait(); }, std::ref(condition));
    co_await yield();
    EXPECT_FALSE(condition.locked());
    co_await condition.acquire();
    condition.notify();
    EventLoop::current().call_soon([&] { waiter.cancel(); });
    EventLoop::current().call_soon([&] { condition.release(); });
    (void)co_await outcome(waiter);
    EXPECT_TRUE(condition.locked());
    EXPECT_EQ(condition.lock().waiting(), 0U);
    condition.release();
    co_await condition.acquire();
  });
}

// 186. ConditionTests.test_cancelled_error_wakeup
COTERIE_CASE(ConditionCancel, MessageComesOutOfTheWait) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    auto waiter = spawn(wait_and_keep<How>, std::ref(condition), std::ref(order), 1);
    co_await yield();
    EXPECT_EQ(condition.waiting(), 1U);
    waiter.cancel("foo");
    std::string end = co_await end_of(waiter);
    EXPECT_EQ(end, "cancelled: foo");
    EXPECT_TRUE(condition.locked());
  });
}

// 186. ConditionTests.test_cancelled_error_re_aquire
COTERIE_CASE(ConditionCancel, MessageComesOutOfTheWayBackToTheLock) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    auto waiter = spawn(wait_and_keep<How>, std::ref(condition), std::ref(order), 1);
    co_await yield();
    co_await condition.acquire();
    condition.notify(1);
    co_await yield();  // it waits for the lock now
    waiter.cancel("first");
    co_await ticks(2);
    EXPECT_FALSE(waiter.done()) << "the way back to the lock is not interrupted";
    waiter.cancel("foo");
    co_await ticks(2);
    EXPECT_FALSE(waiter.done());
    condition.release();
    std::string end = co_await end_of(waiter);
    EXPECT_EQ(end, "cancelled: foo");
    EXPECT_TRUE(condition.locked());
    EXPECT_TRUE(order.empty());
  });
}

// 187. ConditionTests.test_cancelled_wakeup
COTERIE_CASE(ConditionCancel, NotifyOfAConsumerCancelledBeforeItRanGoesToTheNext) {
  run([]() -> Task<void> {
    Condition condition;
    int items = 0;
    auto c0 = spawn(consume<How>, std::ref(condition), std::ref(items));
    auto c1 = spawn(consume<How>, std::ref(condition), std::ref(items));
    co_await yield();
    {
      LockGuard guard = co_await condition.scoped();
      ++items;
      condition.notify(1);
      c0.cancel();
    }
    co_await ticks(6);
    EXPECT_TRUE(c0.cancelled());
    EXPECT_EQ(items, 0);
    {
      LockGuard guard = co_await condition.scoped();
      items = -1;
      condition.notify_all();
    }
    co_await c1;
    EXPECT_FALSE(condition.locked());
  });
}

// 188. ConditionTests.test_cancelled_wakeup_relock
COTERIE_CASE(ConditionCancel, NotifyOfAConsumerCancelledWhileItReacquiresGoesToTheNext) {
  run([]() -> Task<void> {
    Condition condition;
    int items = 0;
    auto c0 = spawn(consume<How>, std::ref(condition), std::ref(items));
    auto c1 = spawn(consume<How>, std::ref(condition), std::ref(items));
    co_await yield();
    {
      LockGuard guard = co_await condition.scoped();
      ++items;
      condition.notify(1);
      co_await yield();  // c0 waits for the lock
      EXPECT_EQ(condition.lock().waiting(), 1U);
      c0.cancel();
      co_await ticks(2);
      EXPECT_FALSE(c0.done());
    }
    co_await ticks(6);
    EXPECT_TRUE(c0.cancelled());
    EXPECT_EQ(items, 0);
    {
      LockGuard guard = co_await condition.scoped();
      items = -1;
      condition.notify_all();
    }
    co_await c1;
    EXPECT_FALSE(condition.locked());
  });
}

// Who had got no notify passes none on.
COTERIE_CASE(ConditionCancel, CancelledWaiterThatWasNotNotifiedWakesNobody) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    auto first = spawn(wait_and_release<How>, std::ref(condition), std::ref(order), 1);
    auto second = spawn(wait_and_release<How>, std::ref(condition), std::ref(order), 2);
    co_await yield();
    first.cancel();
    co_await ticks(4);
    EXPECT_TRUE(first.cancelled());
    EXPECT_TRUE(order.empty());
    second.cancel();
    (void)co_await outcome(second);
  });
}

// 189. ConditionTests.test_notify
COTERIE_CASE(ConditionNotify, WakesAsManyAsAskedFor) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 3; ++i)
      waiters.push_back(spawn(wait_and_release<How>, std::ref(condition), std::ref(order), i));
    co_await yield();
    for (const std::size_t count : {std::size_t{1}, std::size_t{2048}}) {
      LockGuard guard = co_await condition.scoped();
      condition.notify(count);
      guard.unlock();
      co_await ticks(4);
      EXPECT_EQ(order.size(), count == 1 ? 1U : 3U);
    }
    EXPECT_THAT(order, ElementsAre(1, 2, 3));
  });
}

// 189. ConditionTests.test_notify_all
COTERIE_CASE(ConditionNotify, AllWakesAll) {
  run([]() -> Task<void> {
    Condition condition;
    std::vector<int> order;
    auto t1 = spawn(wait_and_release<How>, std::ref(condition), std::ref(order), 1);
    auto t2 = spawn(wait_and_release<How>, std::ref(condition), std::ref(order), 2);
    co_await yield();
    {
      LockGuard guard = co_await condition.scoped();
      condition.notify_all();
    }
    co_await t1;
    co_await t2;
    EXPECT_THAT(order, ElementsAre(1, 2));
  });
}
}  // namespace
}  // namespace coterie

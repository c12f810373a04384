// Condition, how it is used and misused, and which loop a primitive belongs to (list L).
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
// 189. ConditionTests.test_notify_unacquired, test_notify_all_unacquired, test_wait_unacquired
COTERIE_CASE(ConditionMisuse, NeedsTheLock) {
  run([]() -> Task<void> {
    Condition condition;
    EXPECT_THROW(condition.notify(), InvalidState);
    EXPECT_THROW(condition.notify_all(), InvalidState);
    EXPECT_THROW(condition.release(), InvalidState);
    auto subject = [](Condition& c) -> Co<void> { co_await c.wait(); };
    Outcome<void> end = co_await outcome(subject(condition));
    EXPECT_THROW(end.get(), InvalidState);
    EXPECT_EQ(condition.waiting(), 0U);
  });
}

// 189. ConditionTests.test_wait_for
COTERIE_CASE(ConditionWaitFor, GivesWhatThePredicateGave) {
  run([]() -> Task<void> {
    Condition condition;
    int number = 0;
    auto subject = [](Condition& c, int& n) -> Co<int> {
      LockGuard guard = co_await c.scoped();
      int result = co_await c.wait_for([&n] { return n > 1 ? n * 10 : 0; });
      co_return result;
    };
    auto task = spawn(subject, std::ref(condition), std::ref(number));
    co_await yield();
    for (number = 1; number <= 2; ++number) {
      {
        LockGuard guard = co_await condition.scoped();
        condition.notify();
      }
      co_await ticks(3);
      EXPECT_EQ(task.done(), number == 2);
    }
    EXPECT_EQ(task.result(), 20);
  });
}

// 189. ConditionTests.test_wait_for_unacquired
COTERIE_CASE(ConditionWaitFor, NeedsNoLockWhenItIsTrueAtOnce) {
  run([]() -> Task<void> {
    Condition condition;
    auto subject = [](Condition& c, bool value) -> Co<bool> {
      co_return co_await c.wait_for([value] { return value; });
    };
    bool result = co_await subject(condition, true);
    EXPECT_TRUE(result);
    Outcome<bool> end = co_await outcome(subject(condition, false));
    EXPECT_THROW(end.get(), InvalidState);
  });
}

// 189. ConditionTests.test_explicit_lock
COTERIE_CASE(ConditionLock, SharesALock) {
  run([]() -> Task<void> {
    Lock lock;
    Condition full(lock);
    Condition empty(lock);
    EXPECT_EQ(&full.lock(), &lock);
    auto subject = [](Condition& own, Condition& other, Lock& l) -> Co<void> {
      LockGuard guard = co_await own.scoped();
      EXPECT_TRUE(l.locked() && other.locked());
      other.notify();
      co_await own.wait();
    };
    auto task = spawn(subject, std::ref(full), std::ref(empty), std::ref(lock));
    co_await yield();
    EXPECT_FALSE(lock.locked());
    co_await lock.acquire();
    full.notify();
    lock.release();
    co_await task;
    EXPECT_FALSE(lock.locked());
  });
}

/// Binds the object to a loop that is over by now: a task had to wait there.
template <class Wait>
void bind_to_another_loop(testing::VirtualLoop& other, Wait wait) {
  other.run([](Wait& body) -> Task<void> {
    auto task = spawn(body);
    co_await yield();
    task.cancel();
    (void)co_await outcome(task);
  }(wait));
}

// 190. ConditionTests.test_ambiguous_loops
COTERIE_CASE(LoopBinding, LockOfAnotherLoopIsAnErrorAtTheFirstWait) {
  testing::VirtualLoop other;
  Lock lock;
  other.run([](Lock& l) -> Task<void> { co_await l.acquire(); }(lock));
  bind_to_another_loop(other, [&lock]() -> Task<void> { co_await lock.acquire(); });
  lock.release();
  run([&]() -> Task<void> {
    co_await lock.acquire();  // it is free: no loop is asked
    Condition condition(lock);
    auto subject = [](Condition& c) -> Co<void> { co_await c.acquire(); };
    std::string end = co_await end_of(subject(condition));
    EXPECT_EQ(end, "cannot wait for a lock here: the object is bound to a different event loop");
  });
}

// 190. ConditionTests.test_ambiguous_loops
COTERIE_CASE(LoopBinding, ConditionOfAnotherLoopIsAnErrorAndTheLockStaysHeld) {
  testing::VirtualLoop other;
  Condition condition;
  bind_to_another_loop(other, [&condition]() -> Task<void> {
    LockGuard guard = co_await condition.scoped();
    co_await condition.wait();
  });
  run([&]() -> Task<void> {
    co_await condition.acquire();
    auto subject = [](Condition& c) -> Co<void> { co_await c.wait(); };
    std::string end = co_await end_of(subject(condition));
    EXPECT_EQ(end, "cannot wait for a condition here: the object is bound to a different event loop");
    EXPECT_TRUE(condition.locked());
  });
}
}  // namespace
}  // namespace coterie

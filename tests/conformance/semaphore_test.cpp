// Semaphore (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

template <class How>
Task<void, How> take(Semaphore& semaphore, std::vector<int>& order, int number) {
  co_await semaphore.acquire();
  order.push_back(number);
}
template <class How>
Task<void, How> take_and_release(Semaphore& semaphore, std::vector<int>& order, int number) {
  co_await semaphore.acquire();
  order.push_back(number);
  semaphore.release();
}

// 191. SemaphoreTests.test_acquire
COTERIE_CASE(SemaphoreOrder, PermitsAreHandedOverAtTheRelease) {
  run([]() -> Task<void> {
    Semaphore semaphore(3);
    std::vector<int> order;
    co_await semaphore.acquire();
    co_await semaphore.acquire();
    EXPECT_FALSE(semaphore.locked());
    std::vector<JoinHandle<void>> waiters;
    for (int i = 1; i <= 4; ++i) waiters.push_back(spawn(take<How>, std::ref(semaphore), std::ref(order), i));
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
COTERIE_CASE(SemaphoreCancel, CancelledHeadIsSkipped) {
  for (const bool release_first : {false, true}) {
    run([release_first]() -> Task<void> {
      Semaphore semaphore(1);
      std::vector<int> order;
      co_await semaphore.acquire();
      auto t1 = spawn(take<How>, std::ref(semaphore), std::ref(order), 1);
      auto t2 = spawn(take<How>, std::ref(semaphore), std::ref(order), 2);
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
COTERIE_CASE(SemaphoreCancel, UsableAfterTheHolderCancelledTheNext) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    JoinHandle<void> t2;
    auto first = [](Semaphore& s, JoinHandle<void>& other) -> Co<void> {
      {
        Permit permit = co_await s.scoped();
        co_await yield();
      }
      other.cancel();
    };
    auto second = [](Semaphore& s) -> Co<void> { Permit permit = co_await s.scoped(); };
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
COTERIE_CASE(SemaphoreOrder, ReleaserDoesNotOvertake) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<std::string> order;
    auto worker = [](Semaphore& s, std::vector<std::string>& out, std::string name) -> Co<void> {
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

// 195. SemaphoreTests.test_acquire_fifo_order_2
COTERIE_CASE(SemaphoreOrder, WhoReleasesAndAsksAgainQueuesBehindEarlierWaiters) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<int> order;
    auto twice = [](Semaphore& s, std::vector<int>& out) -> Co<void> {
      co_await s.acquire();
      out.push_back(1);
      s.release();
      co_await s.acquire();
      out.push_back(4);
    };
    co_await semaphore.acquire();
    auto t1 = spawn(twice, std::ref(semaphore), std::ref(order));
    auto t2 = spawn(take_and_release<How>, std::ref(semaphore), std::ref(order), 2);
    auto t3 = spawn(take_and_release<How>, std::ref(semaphore), std::ref(order), 3);
    co_await yield();
    semaphore.release();
    co_await ticks(5);
    EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
    EXPECT_TRUE(t1.done() && t2.done() && t3.done());
  });
}

// 195. SemaphoreTests.test_acquire_fifo_order_3
COTERIE_CASE(SemaphoreOrder, CancelledHeadDoesNotHoldUpThoseBehindIt) {
  run([]() -> Task<void> {
    Semaphore semaphore(1);
    std::vector<int> order;
    co_await semaphore.acquire();
    auto t1 = spawn(take_and_release<How>, std::ref(semaphore), std::ref(order), 1);
    auto t2 = spawn(take_and_release<How>, std::ref(semaphore), std::ref(order), 2);
    auto t3 = spawn(take_and_release<How>, std::ref(semaphore), std::ref(order), 3);
    co_await yield();
    t1.cancel();
    semaphore.release();
    co_await ticks(4);
    EXPECT_THAT(order, ElementsAre(2, 3));
    EXPECT_EQ(semaphore.value(), 1U);
    EXPECT_TRUE(t1.cancelled() && t2.done() && t3.done());
  });
}

// Permits that are free while a woken waiter has not run yet go to those behind it, not to a newcomer.
COTERIE_CASE(SemaphoreOrder, FreePermitsGoToThoseInLine) {
  run([]() -> Task<void> {
    Semaphore semaphore(2);
    std::vector<int> order;
    co_await semaphore.acquire();
    co_await semaphore.acquire();
    auto t1 = spawn(take<How>, std::ref(semaphore), std::ref(order), 1);
    co_await yield();
    semaphore.release();  // t1's
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1U);
    EXPECT_TRUE(semaphore.locked());
    auto t2 = spawn(take<How>, std::ref(semaphore), std::ref(order), 2);
    auto t3 = spawn(take<How>, std::ref(semaphore), std::ref(order), 3);
    co_await ticks(3);
    EXPECT_THAT(order, ElementsAre(1, 2));
    EXPECT_TRUE(t1.done() && t2.done());
    t3.cancel();
    (void)co_await outcome(t3);
    EXPECT_EQ(semaphore.value(), 0U);
  });
}

// 196. SemaphoreTests.test_release_not_acquired, test_initial_value_zero; BoundedSemaphore
COTERIE_CASE(SemaphoreBound, OneReleaseTooManyIsAnErrorAndSoIsANegativeNumber) {
  run([]() -> Task<void> {
    BoundedSemaphore semaphore(2);
    EXPECT_THROW(semaphore.release(), InvalidState);
    auto subject = [](Semaphore& s) -> Co<void> {
      Permit permit = co_await s.scoped();
      EXPECT_EQ(s.value(), 1U);
    };
    co_await subject(semaphore);
    EXPECT_EQ(semaphore.value(), 2U);
    EXPECT_THROW(semaphore.release(), InvalidState);
    EXPECT_THROW(Semaphore(-1), std::invalid_argument);
    EXPECT_THROW(BoundedSemaphore(-1), std::invalid_argument);
    Semaphore none(0);
    EXPECT_TRUE(none.locked());
  });
}

}  // namespace
}  // namespace coterie

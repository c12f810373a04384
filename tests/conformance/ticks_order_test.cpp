// The tick table of CPython 3.14.7 (line 70), continued: who is woken, by what, and in which order.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 70. Derived, the tick table: one to set it, one to wake
COTERIE_CASE(Ticks, FutureThatACallbackSetsTakesTwo) {
  run([]() -> Task<void> {
    TickCounter counter;
    Future<void> future;
    EventLoop::current().call_soon([&] { future.set_value(); });
    co_await Subjects::await_future(future);
    EXPECT_EQ(counter.count(), 2);
  });
}

// 70. Derived, the tick table: cancel of a task that has not started
COTERIE_CASE(Ticks, CancelBeforeTheFirstStepTakesTwo) {
  run([]() -> Task<void> {
    bool ran = false;
    TickCounter counter;
    auto task = spawn(
        [](bool& flag) -> Co<void> {
          flag = true;
          co_return;
        },
        std::ref(ran));
    task.cancel();
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(counter.count(), 2);
    EXPECT_TRUE(end.cancelled());
    EXPECT_FALSE(ran);
  });
}

// 70. Derived, the tick table: put_nowait to a getter, release to an acquirer
COTERIE_CASE(Ticks, QueueAndLockHandOverTakeTwo) {
  run([]() -> Task<void> {
    Queue<int> queue;
    auto getter = spawn([](Queue<int>& q) -> Co<int> { co_return co_await q.get(); }, std::ref(queue));
    co_await ticks(2);
    TickCounter counter;
    queue.put_nowait(1);
    co_await getter;
    EXPECT_EQ(counter.count(), 2);

    Lock lock;
    co_await lock.acquire();
    auto acquirer = spawn([](Lock& l) -> Co<void> { co_await l.acquire(); }, std::ref(lock));
    co_await ticks(2);
    const int before = counter.count();
    lock.release();
    co_await acquirer;
    EXPECT_EQ(counter.count() - before, 2);
  });
}

// 70. Derived, the tick table: callbacks and tasks at one future
COTERIE_CASE(Ticks, CallbacksAndAwaitingTasksRunInOrderOfRegistration) {
  std::vector<std::string> order;
  run([&order]() -> Task<void> {
    auto note = [&order](std::string what) {
      return [&order, what](const Future<void>&) { order.push_back(what); };
    };
    auto waiter = [](Future<void> future, std::vector<std::string>& out, std::string what) -> Co<void> {
      co_await future;
      out.push_back(what);
    };
    Future<void> future;
    future.add_done_callback(note("a"));
    future.add_done_callback(note("b"));
    auto t1 = spawn(waiter, future, std::ref(order), "t1");
    auto t2 = spawn(waiter, future, std::ref(order), "t2");
    co_await ticks(2);
    future.add_done_callback(note("c"));
    future.set_value();
    order.push_back("set");
    future.add_done_callback(note("late"));
    co_await ticks(2);
  });
  EXPECT_THAT(order, ElementsAre("set", "a", "b", "t1", "t2", "c", "late"));
}

}  // namespace
}  // namespace coterie

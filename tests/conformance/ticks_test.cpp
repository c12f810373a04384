// The tick table of CPython 3.14.7 (line 70): how many passes of the loop each operation takes in the
// awaiting task. Ordering between tasks depends on these numbers, so they are a contract.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// What is measured, at either price of a cancel.
template <class How>
struct Op {
  using Co = Task<void, How>;
  using Subjects = test::Subjects<How>;
  static Co await_handle(JoinHandle<void> handle) { co_await handle; }
  static Co spawn_and_await() { co_await spawn(Subjects::nop); }
  static Co sleep_zero() { co_await sleep(0s); }
  static Co empty_timeout() {
    co_await timeout(10s, [](Timeout&) -> Co { co_return; });
  }
  static Co expired_timeout() {
    co_await timeout(0s, [](Timeout&) -> Co { co_await sleep(10s); });
  }
  static Co wait_for_nothing() { co_await wait_for(10s, Subjects::nop()); }
  static Co expired_wait_for() { co_await wait_for(0s, Subjects::sleeper(10s)); }
  static Co empty_group() {
    co_await task_group([](TaskGroup&) -> Co { co_return; });
  }
  static Co group_of_one() {
    co_await task_group([](TaskGroup& group) -> Co {
      group.spawn(Subjects::nop);
      co_return;
    });
  }
  static Co failing_group(bool body_sleeps) {
    co_await task_group([=](TaskGroup& group) -> Co {
      group.spawn(Subjects::fail, "at once");
      if (body_sleeps) co_await sleep(10s);
    });
  }
  static Co failing_group_of_a_sleeper() { return failing_group(true); }
  static Co failing_empty_group() { return failing_group(false); }
  static Co gather_two() { co_await gather(Subjects::nop(), Subjects::nop()); }
  static Co gather_two_handles() { co_await gather(spawn(Subjects::nop), spawn(Subjects::nop)); }
  static Co shield_task() { co_await shield(spawn(Subjects::nop)); }
  static Co shield_handle(JoinHandle<void> handle) { co_await shield(handle); }
  static Co wait_for_one() { co_await wait(spawn(Subjects::nop)); }
  static Co as_completed_of_two() {
    auto completed = as_completed(spawn(Subjects::nop), spawn(Subjects::nop));
    while (auto next = co_await completed.next()) EXPECT_TRUE(next->done());
  }
};

template <class Co>
int measure(Co (*operation)()) {
  return run([operation]() -> Task<int> { return ticks_of(operation()); });
}

// 70. Derived, the tick table: sleep(0)
COTERIE_CASE(Ticks, YieldTakesOne) {
  EXPECT_EQ(measure(Op<How>::sleep_zero), 1);
  EXPECT_EQ(run([]() -> Task<int> { return ticks_of(ticks(1)); }), 1);
}

// 70. Derived, the tick table: what is done, and empty blocks
COTERIE_CASE(Ticks, WhatDoesNotSuspendTakesNone) {
  EXPECT_EQ(measure(Subjects::nop), 0);
  EXPECT_EQ(measure(Op<How>::wait_for_nothing), 0);
  EXPECT_EQ(measure(Op<How>::empty_timeout), 0);
  EXPECT_EQ(measure(Op<How>::empty_group), 0);
  run([]() -> Task<void> {
    Future<int> done;
    done.set_value(1);
    int on_done_future = co_await ticks_of(Subjects::await_future(done));
    EXPECT_EQ(on_done_future, 0);
    auto task = spawn(Subjects::nop);
    co_await ticks(2);
    EXPECT_TRUE(task.done());
    int on_done_task = co_await ticks_of(Op<How>::await_handle(task));
    EXPECT_EQ(on_done_task, 0);
    int on_done_shield = co_await ticks_of(Op<How>::shield_handle(task));
    EXPECT_EQ(on_done_shield, 0);
  });
}

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

// 70. Derived, the tick table: await create_task(nop())
COTERIE_CASE(Ticks, TaskTakesTwo) {
  EXPECT_EQ(measure(Op<How>::spawn_and_await), 2);
}

// 70. Derived, the tick table: cancel of a suspended task
COTERIE_CASE(Ticks, CancelOfATaskTakesTwoAndOneMoreForEachTaskInTheChain) {
  for (int extra = 0; extra <= 2; ++extra) {
    run([extra]() -> Task<void> {
      JoinHandle<void> task = spawn(Subjects::template await_future<void>, Future<void>());
      for (int i = 0; i < extra; ++i) task = spawn(Op<How>::await_handle, task);
      co_await ticks(4);
      TickCounter counter;
      EXPECT_TRUE(task.cancel());
      (void)co_await outcome(task);
      EXPECT_EQ(counter.count(), 2 + extra);
    });
  }
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

// 70. Derived, the tick table: gather, wait, shield, a group of one, as_completed
COTERIE_CASE(Ticks, WhatWaitsForTasksOnBehalfOfAnotherTakesThree) {
  EXPECT_EQ(measure(Op<How>::gather_two), 3);
  EXPECT_EQ(measure(Op<How>::gather_two_handles), 3);
  EXPECT_EQ(measure(Op<How>::shield_task), 3);
  EXPECT_EQ(measure(Op<How>::group_of_one), 3);
  EXPECT_EQ(measure(Op<How>::wait_for_one), 3);
  EXPECT_EQ(measure(Op<How>::as_completed_of_two), 3);
}

// 70. Derived, the tick table: a group with a failing child
COTERIE_CASE(Ticks, FailingGroupTakesThree) {
  EXPECT_EQ(measure(Op<How>::failing_empty_group), 3);
  EXPECT_EQ(measure(Op<How>::failing_group_of_a_sleeper), 3);
}

// 70. Derived, the tick table: timeout(0), wait_for(…, 0)
COTERIE_CASE(Ticks, ExpiredTimeoutTakesTwoAndExpiredWaitForThree) {
  EXPECT_EQ(measure(Op<How>::expired_timeout), 2);
  EXPECT_EQ(measure(Op<How>::expired_wait_for), 3);
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

// 70. The tick table of CPython 3.14.7: how many passes of the loop each operation takes in the awaiting
// task. Ordering between tasks depends on these numbers, so they are a contract.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

Task<void> wait_forever() {
  Future<void> never;
  co_await never;
}
Task<void> await_handle(JoinHandle<void> handle) {
  co_await handle;
}
Task<void> spawn_and_await() {
  co_await spawn(nop);
}
Task<void> sleep_zero() {
  co_await sleep(0s);
}
Task<void> empty_timeout() {
  co_await timeout(10s, [](Timeout&) -> Task<void> { co_return; });
}
Task<void> expired_timeout() {
  co_await timeout(0s, [](Timeout&) -> Task<void> { co_await sleep(10s); });
}
Task<void> empty_group() {
  co_await task_group([](TaskGroup&) -> Task<void> { co_return; });
}
Task<void> group_of_one() {
  co_await task_group([](TaskGroup& group) -> Task<void> {
    group.spawn(nop);
    co_return;
  });
}
Task<void> failing_group(bool body_sleeps) {
  co_await task_group([=](TaskGroup& group) -> Task<void> {
    group.spawn([]() -> Task<void> { return fail(); });
    if (body_sleeps) co_await sleep(10s);
  });
}
Task<void> gather_two() {
  co_await gather(nop(), nop());
}
Task<void> gather_two_handles() {
  co_await gather(spawn(nop), spawn(nop));
}
Task<void> shield_handle() {
  co_await shield(spawn(nop));
}

int measure(Task<void> (*operation)()) {
  return run([operation]() -> Task<int> { return ticks_of(operation()); });
}

TEST(Ticks, YieldTakesOne) {
  EXPECT_EQ(measure(sleep_zero), 1);
  EXPECT_EQ(run([]() -> Task<int> { return ticks_of(ticks(1)); }), 1);
}

TEST(Ticks, WhatDoesNotSuspendTakesNone) {
  EXPECT_EQ(measure(nop), 0);
  EXPECT_EQ(measure([]() -> Task<void> { return wait_for(10s, nop()); }), 0);
  EXPECT_EQ(measure(empty_timeout), 0);
  EXPECT_EQ(measure(empty_group), 0);
  run([]() -> Task<void> {
    Future<int> done;
    done.set_value(1);
    EXPECT_EQ(co_await ticks_of(await_future(done)), 0);
    auto task = spawn(nop);
    co_await ticks(2);
    EXPECT_TRUE(task.done());
    int on_done_task = co_await ticks_of(await_handle(task));
    EXPECT_EQ(on_done_task, 0);
    int on_done_shield =
        co_await ticks_of([](JoinHandle<void> t) -> Task<void> { co_await shield(t); }(task));
    EXPECT_EQ(on_done_shield, 0);
  });
}

TEST(Ticks, FutureThatACallbackSetsTakesTwo) {
  run([]() -> Task<void> {
    TickCounter counter;
    Future<void> future;
    EventLoop::current().call_soon([&] { future.set_value(); });
    co_await future;
    EXPECT_EQ(counter.count(), 2);
  });
}

TEST(Ticks, TaskTakesTwo) {
  EXPECT_EQ(measure(spawn_and_await), 2);
}

TEST(Ticks, CancelOfATaskTakesTwoAndOneMoreForEachTaskInTheChain) {
  for (int extra = 0; extra <= 2; ++extra) {
    run([extra]() -> Task<void> {
      JoinHandle<void> task = spawn(wait_forever);
      for (int i = 0; i < extra; ++i) task = spawn(await_handle, task);
      co_await ticks(4);
      TickCounter counter;
      EXPECT_TRUE(task.cancel());
      (void)co_await outcome(task);
      EXPECT_EQ(counter.count(), 2 + extra);
    });
  }
}

TEST(Ticks, CancelBeforeTheFirstStepTakesTwo) {
  run([]() -> Task<void> {
    bool ran = false;
    TickCounter counter;
    auto task = spawn(
        [](bool& flag) -> Task<void> {
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

TEST(Ticks, QueueAndLockHandOverTakeTwo) {
  run([]() -> Task<void> {
    Queue<int> queue;
    auto getter = spawn([](Queue<int>& q) -> Task<int> { co_return co_await q.get(); }, std::ref(queue));
    co_await ticks(2);
    TickCounter counter;
    queue.put_nowait(1);
    co_await getter;
    EXPECT_EQ(counter.count(), 2);

    Lock lock;
    co_await lock.acquire();
    auto acquirer = spawn([](Lock& l) -> Task<void> { co_await l.acquire(); }, std::ref(lock));
    co_await ticks(2);
    const int before = counter.count();
    lock.release();
    co_await acquirer;
    EXPECT_EQ(counter.count() - before, 2);
  });
}

TEST(Ticks, WhatWaitsForTasksOnBehalfOfAnotherTakesThree) {
  EXPECT_EQ(measure(gather_two), 3);
  EXPECT_EQ(measure(gather_two_handles), 3);
  EXPECT_EQ(measure(shield_handle), 3);
  EXPECT_EQ(measure(group_of_one), 3);
}

TEST(Ticks, FailingGroupTakesThree) {
  EXPECT_EQ(measure([]() -> Task<void> { return failing_group(false); }), 3);
  EXPECT_EQ(measure([]() -> Task<void> { return failing_group(true); }), 3);
}

TEST(Ticks, ExpiredTimeoutTakesTwoAndExpiredWaitForThree) {
  EXPECT_EQ(measure(expired_timeout), 2);
  EXPECT_EQ(measure([]() -> Task<void> { return wait_for(0s, sleeper(10s)); }), 3);
}

TEST(Ticks, CallbacksAndAwaitingTasksRunInOrderOfRegistration) {
  std::vector<std::string> order;
  run([&order]() -> Task<void> {
    auto note = [&order](std::string what) {
      return [&order, what](const Future<void>&) { order.push_back(what); };
    };
    auto waiter = [](Future<void> future, std::vector<std::string>& out, std::string what) -> Task<void> {
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

// The tick table of CPython 3.14.7 (line 70): how many passes of the loop each operation takes in the
// awaiting task. Ordering between tasks depends on these numbers, so they are a contract.
#include <gtest/gtest.h>

#include "conformance/ticks_op.hpp"

namespace coterie {
namespace {
using namespace test;

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

}  // namespace
}  // namespace coterie

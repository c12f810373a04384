// Eager start (list I, and 155 of H). Names are those of CPython 3.14.7's
// test_eager_task_factory.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

/// As test::run(), on a loop whose tasks start eagerly.
template <class Body>
void run_eagerly(Body body) {
  testing::VirtualLoop loop;
  loop.loop().set_eager_start(true);
  loop.run(body());
}

std::size_t tasks_alive() {
  return EventLoop::current().task_count();
}

// 158. EagerTaskFactoryLoopTests.test_eager_completion
COTERIE_CASE(Eager, WhatDoesNotSuspendHasEndedWhenSpawnReturns) {
  run_eagerly([]() -> Task<void> {
    TickCounter ticks_passed;
    auto task = spawn(Subjects::give, 7);
    EXPECT_TRUE(task.done());
    EXPECT_EQ(task.result(), 7);
    int value = co_await task;
    EXPECT_EQ(value, 7);
    EXPECT_EQ(ticks_passed.count(), 0);
    auto failed = spawn(Subjects::fail, "at once");
    EXPECT_TRUE(failed.done());
    EXPECT_THROW(failed.result(), Boom);
  });
}

// 159. EagerTaskFactoryLoopTests.test_await_future_during_eager_step
COTERIE_CASE(Eager, FutureThatTheFirstStepSetsIsThereForTheCreator) {
  run_eagerly([]() -> Task<void> {
    Future<int> future;
    auto set = [](Future<int> to) -> Co<void> {
      to.set_value(5);
      co_return;
    };
    spawn(set, future);
    TickCounter ticks_passed;
    int value = co_await future;
    EXPECT_EQ(value, 5);
    EXPECT_EQ(ticks_passed.count(), 0);
  });
}

// 160. EagerTaskFactoryLoopTests.test_block_after_eager_step
COTERIE_CASE(Eager, WhatSuspendsEndsLater) {
  run_eagerly([]() -> Task<void> {
    bool began = false;
    auto body = [](bool& flag) -> Co<int> {
      flag = true;
      co_await sleep(100ms);
      co_return 3;
    };
    auto task = spawn(body, std::ref(began));
    EXPECT_TRUE(began);
    EXPECT_FALSE(task.done());
    int value = co_await task;
    EXPECT_EQ(value, 3);
    EXPECT_DOUBLE_EQ(seconds(), 0.1);
  });
}

// 161. EagerTaskFactoryLoopTests.test_cancellation_after_eager_completion
COTERIE_CASE(Eager, CancelAfterTheEndChangesNothing) {
  run_eagerly([]() -> Task<void> {
    auto task = spawn(Subjects::give, 1);
    EXPECT_FALSE(task.cancel());
    co_await yield();
    EXPECT_FALSE(task.cancelled());
    EXPECT_EQ(task.result(), 1);
  });
}

// 161. EagerTaskFactoryLoopTests.test_cancellation_after_eager_step_blocks
COTERIE_CASE(Eager, CancelOfABlockedOneArrivesWithItsMessage) {
  run_eagerly([]() -> Task<void> {
    auto task = spawn(Subjects::sleeper, 10s);
    EXPECT_TRUE(task.cancel("cancel message"));
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled: cancel message");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
    EXPECT_DOUBLE_EQ(seconds(), 0);
  });
}

// 162. EagerTaskFactoryLoopTests.test_all_tasks_with_eager_completion
COTERIE_CASE(Eager, TaskIsListedDuringItsStepAndNotAfterItsEnd) {
  run_eagerly([]() -> Task<void> {
    std::size_t during = 0;
    const TaskRec* inside = nullptr;
    auto look = [](std::size_t& count, const TaskRec*& who) -> Co<void> {
      count = tasks_alive();
      who = EventLoop::current().current_task();
      co_return;
    };
    const TaskRec* self = EventLoop::current().current_task();
    auto task = spawn(look, std::ref(during), std::ref(inside));
    EXPECT_EQ(during, 2U);
    EXPECT_EQ(inside, &task.state());
    EXPECT_EQ(tasks_alive(), 1U);
    EXPECT_EQ(EventLoop::current().current_task(), self);
    co_return;
  });
}

// 162. EagerTaskFactoryLoopTests.test_all_tasks_with_blocking
COTERIE_CASE(Eager, BlockedTaskIsListedUntilItsEnd) {
  run_eagerly([]() -> Task<void> {
    Future<> gate;
    auto task = spawn(Subjects::template await_future<void>, gate);
    EXPECT_EQ(tasks_alive(), 2U);
    gate.set_value();
    co_await task;
    EXPECT_EQ(tasks_alive(), 1U);
  });
}

// 163. EagerTaskFactoryLoopTests.test_context_vars
COTERIE_CASE(Eager, WhatItSetsInItsContextItsCreatorDoesNotSee) {
  run_eagerly([]() -> Task<void> {
    static const ContextVar<int> variable("variable", 0);
    (void)variable.set(1);
    auto change = []() -> Co<int> {
      EXPECT_EQ(variable.get(), 1);
      (void)variable.set(2);
      co_await yield();
      EXPECT_EQ(variable.get(), 2);
      (void)variable.set(3);
      co_return variable.get();
    };
    auto task = spawn(change);
    EXPECT_EQ(variable.get(), 1);
    int seen = co_await task;
    EXPECT_EQ(seen, 3);
    EXPECT_EQ(variable.get(), 1);
  });
}

// 164. EagerTaskFactoryLoopTests.test_eager_start_false
COTERIE_CASE(Eager, EachTaskMaySayOtherwise) {
  run_eagerly([]() -> Task<void> {
    auto lazy = spawn(SpawnOptions().eager(false), Subjects::nop);
    EXPECT_FALSE(lazy.done());
    co_await lazy;
    EventLoop::current().set_eager_start(false);
    auto usual = spawn(Subjects::nop);
    EXPECT_FALSE(usual.done());
    auto eager = spawn(SpawnOptions().eager(), Subjects::nop);
    EXPECT_TRUE(eager.done());
    co_await usual;
  });
}

struct Count {
  int spawned = 0;
  int pending = 0;  // when spawn() returned
};
template <class How>
Task<void, How> fan_out(Count& count, int width, int depth) {
  if (depth == 0) co_return;
  co_await task_group([&](TaskGroup& group) -> Task<void, How> {
    for (int i = 0; i < width; ++i) {
      auto child = group.spawn(fan_out<How>, std::ref(count), width, depth - 1);
      ++count.spawned;
      if (!child.done()) ++count.pending;
    }
    co_return;
  });
}

// 165. BaseTaskCountingTests.test_recursive_taskgroups: the leaves of the tree are never queued when they are
// eager; the others wait for a group, which hears of an end one tick later, since gh-128550 in asyncio too.
COTERIE_CASE(Eager, TreeOfGroups) {
  Count lazy;
  run([&]() -> Task<void> { co_await fan_out<How>(lazy, 5, 4); });
  EXPECT_EQ(lazy.spawned, 780);  // and the root, which run() makes
  EXPECT_EQ(lazy.pending, 780);
  Count eager;
  run_eagerly([&]() -> Task<void> { co_await fan_out<How>(eager, 5, 4); });
  EXPECT_EQ(eager.spawned, 780);
  EXPECT_EQ(eager.pending, 155);
}

// 155. gh-155418: an eager child calls group.cancel() before its first suspension.
COTERIE_CASE(Eager, ChildThatCancelsItsGroupInItsFirstStepIsCancelledToo) {
  run_eagerly([]() -> Task<void> {
    JoinHandle<void> child;
    bool after = false;
    auto block = [&](TaskGroup& group) -> Co<void> {
      auto body = [](TaskGroup& of) -> Co<void> {
        of.cancel();
        co_await sleep(10s);
      };
      child = group.spawn(body, std::ref(group));
      co_await sleep(10s);
      after = true;
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "value");
    EXPECT_TRUE(child.cancelled());
    EXPECT_FALSE(after);
    EXPECT_DOUBLE_EQ(seconds(), 0);
  });
}

}  // namespace
}  // namespace coterie

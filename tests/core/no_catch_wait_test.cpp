// Task<T, no_catch>: what it waits for when the cancel comes.
#include <gtest/gtest.h>

#include "no_catch_support.hpp"

namespace coterie {
namespace {
using namespace test;

/// Everything that a task can wait for, cancelled while it waits and after it was woken.
COTERIE_CASE(NoCatch, WhatItWaitedForEndsCancelled) {
  run([]() -> Task<void> {
    for (const bool by_target : {true, false}) {
      Log log;
      Future<int> future;
      auto target = spawn(Subjects::sleeper, 1h);
      auto at_future = spawn(
          [](Future<int> f, Log& out) -> Co<void> {
            Note note(out, "future");
            (void)co_await f;
          },
          future, std::ref(log));
      auto at_task = spawn(
          [](JoinHandle<void> t, Log& out) -> Co<void> {
            Note note(out, "task");
            co_await t;
          },
          target, std::ref(log));
      auto at_shield = spawn(
          [](JoinHandle<void> t, Log& out) -> Co<void> {
            Note note(out, "shield");
            co_await shield(t);
          },
          target, std::ref(log));
      auto at_gather = spawn(
          [](JoinHandle<void> t, Log& out) -> Co<void> {
            Note note(out, "gather");
            co_await gather(t, t);
          },
          target, std::ref(log));
      co_await ticks(2);
      if (by_target) {
        future.cancel("m");
        target.cancel("m");
      } else {
        at_future.cancel("m");
        at_task.cancel("m");
        at_shield.cancel("m");
        at_gather.cancel("m");
      }
      for (const auto& task : {at_future, at_task, at_shield, at_gather}) {
        Outcome<void> end = co_await outcome(task);
        EXPECT_EQ(text(end), "cancelled: m");
        EXPECT_EQ(task.cancelling(), by_target ? 0U : 1U);
      }
      EXPECT_EQ(log.size(), 4U);
    }
  });
}

COTERIE_CASE(NoCatch, ATaskThatWasWokenAndThenCancelledPassesOnWhatItWasGiven) {
  run([]() -> Task<void> {
    Lock lock;
    Semaphore semaphore(0U);
    co_await lock.acquire();
    auto with_lock = [](Lock& l) -> Co<void> { LockGuard guard = co_await l.scoped(); };
    auto with_permit = [](Semaphore& s) -> Co<void> { co_await s.acquire(); };
    auto first = spawn(with_lock, std::ref(lock));
    auto second = spawn(with_lock, std::ref(lock));
    auto third = spawn(with_permit, std::ref(semaphore));
    auto fourth = spawn(with_permit, std::ref(semaphore));
    co_await ticks(2);
    lock.release();
    semaphore.release();
    first.cancel();  // they have been woken, and have not run yet
    third.cancel();
    co_await ticks(3);
    EXPECT_TRUE(first.cancelled());
    EXPECT_TRUE(third.cancelled());
    EXPECT_TRUE(second.done() && !second.cancelled());
    EXPECT_TRUE(fourth.done() && !fourth.cancelled());
    EXPECT_FALSE(lock.locked());
    EXPECT_EQ(semaphore.value(), 0U);
  });
}

COTERIE_CASE(NoCatch, AYieldIsCancelledToo) {
  run([]() -> Task<void> {
    Log log;
    auto task = spawn(
        [](Log& out) -> Co<void> {
          Note note(out, "gone");
          for (;;) co_await yield();
        },
        std::ref(log));
    co_await ticks(3);
    task.cancel();
    co_await ticks(1);
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(log.size(), 1U);
  });
}

COTERIE_CASE(NoCatch, ASelfCancelIsDeliveredAtTheNextAwaitThatSuspends) {
  run([]() -> Task<void> {
    Log log;
    auto task = spawn(
        [](Log& out) -> Co<void> {
          Note note(out, "gone");
          EventLoop::require_task().cancel(nullptr);
          co_await sleep(1h);
          out.push_back("went on");
        },
        std::ref(log));
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(log.size(), 1U);
    EXPECT_EQ(seconds(), 0);
  });
}

}  // namespace
}  // namespace coterie

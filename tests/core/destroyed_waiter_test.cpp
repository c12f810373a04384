// Waiters that are destroyed: what they had been given goes to the next.
#include <gmock/gmock.h>

#include "coterie/debug/dump.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
/// Of three tasks in a line, the second is woken and destroyed before it runs: the third gets its turn.
template <class Primitive, class Enter, class Free>
void destroy_the_woken(Primitive& primitive, Enter enter, Free free) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  bool entered = false;
  loop.run([](Primitive& at, Enter& in, Free& out, bool& flag) -> Task<void> {
    auto scope = std::make_unique<TaskScope>();
    scope->spawn([](Primitive& p, Enter& e) -> Task<void> { co_await e(p); }, std::ref(at), std::ref(in));
    co_await ticks(2);
    auto third = spawn(
        [](Primitive& p, Enter& e, bool& f) -> Task<void> {
          co_await e(p);
          f = true;
        },
        std::ref(at), std::ref(in), std::ref(flag));
    co_await ticks(2);
    out(at);
    scope.reset();
    co_await ticks(4);
    EXPECT_TRUE(third.done());
    third.cancel();
    co_await third.wait();
  }(primitive, enter, free, entered));
  EXPECT_TRUE(entered);
}

TEST(Destroyed, WhatAWokenWaiterWasGivenGoesToTheNext) {
  Lock lock;
  run([&]() -> Task<void> { co_await lock.acquire(); });
  destroy_the_woken(
      lock, [](Lock& at) -> Task<void> { co_await at.acquire(); }, [](Lock& at) { at.release(); });
  Semaphore semaphore(0);
  destroy_the_woken(
      semaphore, [](Semaphore& at) -> Task<void> { co_await at.acquire(); },
      [](Semaphore& at) { at.release(); });
  Queue<int> queue;
  destroy_the_woken(
      queue, [](Queue<int>& at) -> Task<void> { (void)co_await at.get(); },
      [](Queue<int>& at) { at.put_nowait(1); });
  Channel<int> channel(1);
  destroy_the_woken(
      channel, [](Channel<int>& at) -> Task<void> { (void)co_await at.receive(); },
      [](Channel<int>& at) {
        int item = 1;
        EXPECT_TRUE(at.try_send(item));
      });
  Condition condition;
  destroy_the_woken(
      condition,
      [](Condition& at) -> Task<void> {
        co_await at.acquire();
        co_await at.wait();
        at.release();
      },
      [](Condition& at) {
        auto acquire = at.acquire();
        EXPECT_TRUE(acquire.await_ready());
        at.notify();
        at.release();
      });
}

TEST(Destroyed, WaiterAtABarrierCountsNoMore) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    Barrier barrier(2);
    auto come = [](Barrier& at) -> Task<void> { co_await at.wait(); };
    auto scope = std::make_unique<TaskScope>();
    scope->spawn(come, std::ref(barrier));
    co_await ticks(2);
    scope.reset();
    EXPECT_EQ(barrier.waiting(), 0U);
    auto first = spawn(come, std::ref(barrier));
    co_await ticks(3);
    EXPECT_FALSE(first.done());
    co_await barrier.wait();
    co_await first;
  }());
}
}  // namespace
}  // namespace coterie

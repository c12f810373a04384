// How a loop ends over tasks that wait: whatever it is that they wait for, they are released (ASan).
#include <gtest/gtest.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(Closing, EverythingThatWaitsIsReleased) {
  int alive = 0;
  std::shared_ptr<Inbox> inbox;
  auto completion = std::make_unique<Completion<int>>();
  Future<int> outer;
  JoinHandle<int> kept;
  {
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    inbox = loop.loop().inbox();
    loop.run([](int& count, Completion<int> thread, Future<int> future, JoinHandle<int>& out) -> Task<void> {
      auto lock = std::make_shared<Lock>();
      auto queue = std::make_shared<Queue<int>>();
      auto semaphore = std::make_shared<Semaphore>(0U);
      auto event = std::make_shared<Event>();
      co_await lock->acquire();
      auto target = spawn(sleeper, 1h);
      out = spawn([](Probe) -> Task<int> { return give_later(1h, 1); }, Probe(count));
      spawn([](Probe, std::shared_ptr<Lock> l) -> Task<void> { LockGuard guard = co_await l->scoped(); },
            Probe(count), lock);
      spawn([](Probe, std::shared_ptr<Queue<int>> q) -> Task<void> { (void)co_await q->get(); }, Probe(count),
            queue);
      spawn([](Probe, std::shared_ptr<Semaphore> s) -> Task<void> { co_await s->acquire(); }, Probe(count),
            semaphore);
      spawn([](Probe, std::shared_ptr<Event> e) -> Task<void> { co_await e->wait(); }, Probe(count), event);
      spawn([](Probe, Future<int> f) -> Task<void> { (void)co_await f; }, Probe(count), future);
      spawn([](Probe, Completion<int> c) -> Task<void> { (void)co_await c.wait(); }, Probe(count), thread);
      spawn([](Probe, JoinHandle<void> t) -> Task<void> { co_await t; }, Probe(count), target);
      spawn([](Probe, JoinHandle<void> t) -> Task<void> { co_await shield(t); }, Probe(count), target);
      spawn([](Probe, JoinHandle<void> t) -> Task<void> { co_await gather(t, t); }, Probe(count), target);
      spawn([](Probe) -> Task<void> { co_await gather(sleeper(1h), sleeper(1h)); }, Probe(count));
      spawn([](Probe) -> Task<void> { co_await shield(sleeper(1h)); }, Probe(count));
      spawn([](Probe) -> Task<void> { co_await wait_for(2h, sleeper(1h)); }, Probe(count));
      spawn(
          [](Probe) -> Task<void> {
            co_await task_group([](TaskGroup& group) -> Task<void> {
              group.spawn(sleeper, 1h);
              co_await sleep(1h);
            });
          },
          Probe(count));
      spawn([](Probe) -> Task<void> { co_await ticks(1'000'000); }, Probe(count));
      spawn(
          [](Probe) -> Task<void> {
            co_await yield();
            throw Boom("never seen");
          },
          Probe(count));
      target.add_done_callback([probe = Probe(count)](const JoinHandle<void>&) {});
      future.add_done_callback([probe = Probe(count)](const Future<int>&) {});
      co_await ticks(2);
      spawn([](Probe) -> Task<void> { co_return; }, Probe(count));  // never starts
      EventLoop& running = EventLoop::current();
      running.call_soon([probe = Probe(count)] {});
      running.call_later(1h, [probe = Probe(count)] {});
      running.call_soon_threadsafe([probe = Probe(count)] {});
      EXPECT_GT(count, 15);
    }(alive, *completion, outer, kept));
    loop.loop().close();  // by force
    EXPECT_EQ(loop.loop().task_count(), 0U);
    EXPECT_EQ(loop.loop().timer_count(), 0U);
  }
  EXPECT_EQ(alive, 1) << "the future's callback goes with the future";
  EXPECT_TRUE(kept.cancelled());
  EXPECT_FALSE(inbox->post(make_posted([probe = Probe(alive)] {})));
  completion->set_value(3);  // nobody waits, and the loop is gone
  outer.set_value(1);
  EXPECT_EQ(alive, 0);
}

TEST(Closing, TasksThatWaitAtLocalsOfAMainThatHasReturned) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    Queue<int> queue;
    Lock lock;
    Event event;
    co_await lock.acquire();
    for (int i = 0; i < 3; ++i) {
      spawn([](Probe, Queue<int>& q) -> Task<void> { (void)co_await q.get(); }, Probe(alive),
            std::ref(queue));
      spawn([](Probe, Lock& l) -> Task<void> { co_await l.acquire(); }, Probe(alive), std::ref(lock));
      spawn([](Probe, Event& e) -> Task<void> { co_await e.wait(); }, Probe(alive), std::ref(event));
    }
    co_await ticks(2);
    EXPECT_EQ(alive, 9);
  });
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace coterie

// AsyncGenerator: who may use it when, and what happens to its frame.
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

AsyncGenerator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
}
AsyncGenerator<int> count_slowly(int last) {
  for (int i = 1; i <= last; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}
template <class How>
Task<void, How> consume(AsyncGenerator<int>& numbers) {
  while (int* item = co_await numbers.next()) (void)*item;
}

COTERIE_CASE(GeneratorUse, OneTaskAtATime) {
  run([]() -> Task<void> {
    AsyncGenerator<int> numbers = count_slowly(2);
    auto consumer = spawn(consume<How>, std::ref(numbers));
    co_await ticks(2);
    Outcome<int*> second = co_await outcome(numbers.next());
    EXPECT_THROW(second.get(), InvalidState);
    Outcome<void> closed = co_await outcome(numbers.close());
    EXPECT_THROW(closed.get(), InvalidState);
    co_await consumer;
    EXPECT_EQ(seconds(), 2);
  });
}

TEST(GeneratorUse, TasksMayTakeTurns) {
  run([]() -> Task<void> {
    AsyncGenerator<int> numbers = count_slowly(3);
    auto take = [](AsyncGenerator<int>& g) -> Task<int> {
      int* item = co_await g.next();
      co_return *item;
    };
    for (int i = 1; i <= 3; ++i) {
      auto task = spawn(take, std::ref(numbers));
      int item = co_await task;
      EXPECT_EQ(item, i);
    }
  });
}

TEST(GeneratorUse, MovesWhileItIsSuspended) {
  run([]() -> Task<void> {
    AsyncGenerator<int> first = count_to(3);
    (void)co_await first.next();
    AsyncGenerator<int> second = std::move(first);
    EXPECT_TRUE(first.done());  // NOLINT(bugprone-use-after-move)
    int* item = co_await second.next();
    EXPECT_EQ(*item, 2);
    second = count_to(9);
    item = co_await second.next();
    EXPECT_EQ(*item, 1);
  });
}

COTERIE_CASE(GeneratorUse, FramesStandInTheAwaitChainAsGenerators) {
  run([]() -> Task<void> {
    AsyncGenerator<int> numbers = count_slowly(1);
    auto consumer = spawn(consume<How>, std::ref(numbers));
    co_await ticks(2);
    Frame* innermost = consumer.state().innermost();
    EXPECT_EQ(innermost->kind(), FrameKind::generator);
    EXPECT_EQ(innermost->caller()->kind(), FrameKind::coroutine);
    EXPECT_EQ(innermost->caller()->caller()->root_of(), &consumer.state());
    co_await consumer;
  });
}

AsyncGenerator<int> holding(Probe probe, Duration pause) {
  Probe local = probe;
  for (;;) {
    co_yield local.value();
    if (pause > Duration::zero()) co_await sleep(pause);
  }
}

TEST(GeneratorLifetime, DestroyedEarlyItReleasesItsFrame) {
  run([]() -> Task<void> {
    int alive = 0;
    {
      AsyncGenerator<int> fresh = holding(Probe(alive), 0s);
      AsyncGenerator<int> begun = holding(Probe(alive, 7), 0s);
      int* item = co_await begun.next();
      EXPECT_EQ(*item, 7);
      EXPECT_EQ(alive, 3);
    }
    EXPECT_EQ(alive, 0);
  });
}

TEST(GeneratorLifetime, EndedItReleasesItsFrameAtOnce) {
  run([]() -> Task<void> {
    int alive = 0;
    auto once = [](Probe) -> AsyncGenerator<int> { co_yield 1; };
    AsyncGenerator<int> numbers = once(Probe(alive));
    (void)co_await numbers.next();
    EXPECT_EQ(alive, 1);
    (void)co_await numbers.next();
    EXPECT_EQ(alive, 0);
  });
}

COTERIE_CASE(GeneratorLifetime, LoopClosedByForceWhileItWaits) {
  int alive = 0;
  {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](int& count) -> Task<void> {
      spawn(
          [](Probe probe) -> Co<void> {
            AsyncGenerator<int> numbers = holding(probe, 1h);
            co_await consume<How>(numbers);
          },
          Probe(count));
      co_await ticks(2);
    }(alive));
    EXPECT_GT(alive, 0);
    loop.loop().close();
  }
  EXPECT_EQ(alive, 0);
}

// The generator belongs to a newer task than its consumer's: it goes first.
COTERIE_CASE(GeneratorLifetime, LoopClosedByForceDestroysTheOwnerBeforeTheConsumer) {
  int alive = 0;
  {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](int& count) -> Task<void> {
      auto shared = std::make_shared<AsyncGenerator<int>*>(nullptr);
      spawn(
          [](std::shared_ptr<AsyncGenerator<int>*> where) -> Co<void> {
            co_await ticks(1);
            co_await consume<How>(**where);
          },
          shared);
      spawn(
          [](std::shared_ptr<AsyncGenerator<int>*> where, Probe probe) -> Co<void> {
            AsyncGenerator<int> numbers = holding(probe, 1h);
            *where = &numbers;
            co_await sleep(1h);
          },
          shared, Probe(count));
      co_await ticks(4);
    }(alive));
    EXPECT_GT(alive, 0);
    loop.loop().close();
  }
  EXPECT_EQ(alive, 0);
}

COTERIE_CASE(GeneratorLifetime, CancelledConsumerUsesNoDeadLocals) {
  run([]() -> Task<void> {
    int alive = 0;
    auto consumer = spawn(
        [](int& count) -> Co<void> {
          Probe local(count, 5);
          auto looking_at = [](const Probe& p) -> AsyncGenerator<int> {
            for (;;) {
              co_yield p.value();
              Outcome<void> end = co_await outcome(sleep(1s));
              EXPECT_EQ(p.value(), 5);
              end.get();
            }
          };
          AsyncGenerator<int> numbers = looking_at(local);
          co_await consume<How>(numbers);
        },
        std::ref(alive));
    co_await sleep(2500ms);
    consumer.cancel();
    (void)co_await outcome(consumer);
    EXPECT_EQ(alive, 0);
  });
}

}  // namespace
}  // namespace coterie

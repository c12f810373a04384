// Queue (list M). Line numbers and names are those of CPython 3.14.7's test_queues.
#include <gmock/gmock.h>

#include "conformance/queue_users.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
template <class How>
Task<void, How> join(Queue<int>& queue) {
  co_await queue.join();
}

// 210. test_why_are_putters_waiting, test_why_are_getters_waiting
COTERIE_CASE(QueueOrder, FastProducerAndConsumerNeverDeadlock) {
  run([]() -> Task<void> {
    Queue<int> queue(2);
    int sum = 0;
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (int producer = 0; producer < 4; ++producer)
        group.spawn(
            [](Queue<int>& q) -> Co<void> {
              for (int i = 1; i <= 100; ++i) co_await q.put(i);
            },
            std::ref(queue));
      for (int consumer = 0; consumer < 2; ++consumer)
        group.spawn(
            [](Queue<int>& q, int& out) -> Co<void> {
              for (int i = 0; i < 200; ++i) {
                int item = co_await q.get();
                out += item;
              }
            },
            std::ref(queue), std::ref(sum));
      co_return;
    });
    EXPECT_EQ(sum, 4 * 5050);
    EXPECT_TRUE(queue.empty());
  });
}

// 211. QueueBasicTests.test_maxsize, test_order, test_full
COTERIE_CASE(QueueOrder, BoundedAndFirstInFirstOut) {
  run([]() -> Task<void> {
    Queue<int> queue(2);
    EXPECT_EQ(queue.max_size(), 2U);
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    queue.put_nowait(1);
    queue.put_nowait(2);
    EXPECT_TRUE(queue.full());
    EXPECT_THROW(queue.put_nowait(3), QueueFull);
    auto putter = spawn(put<How>, std::ref(queue), 3);
    co_await ticks(2);
    EXPECT_FALSE(putter.done());
    std::vector<int> items;
    for (int i = 0; i < 3; ++i) items.push_back(co_await queue.get());
    EXPECT_THAT(items, ElementsAre(1, 2, 3));
    EXPECT_TRUE(putter.done());
  });
}

// 212. LifoQueueTests.test_order
COTERIE_CASE(QueueOrder, LastInFirstOut) {
  run([]() -> Task<void> {
    LifoQueue<int> queue;
    for (const int item : {1, 3, 2}) queue.put_nowait(item);
    auto subject = [](LifoQueue<int>& q) -> Co<std::vector<int>> {
      std::vector<int> items;
      while (!q.empty()) items.push_back(co_await q.get());
      co_return items;
    };
    std::vector<int> items = co_await subject(queue);
    EXPECT_THAT(items, ElementsAre(2, 3, 1));
  });
}

// 212. PriorityQueueTests.test_order
COTERIE_CASE(QueueOrder, SmallestFirst) {
  run([]() -> Task<void> {
    PriorityQueue<int> queue;
    for (const int item : {1, 3, 2}) queue.put_nowait(item);
    auto subject = [](PriorityQueue<int>& q) -> Co<std::vector<int>> {
      std::vector<int> items;
      while (!q.empty()) items.push_back(co_await q.get());
      co_return items;
    };
    std::vector<int> items = co_await subject(queue);
    EXPECT_THAT(items, ElementsAre(1, 2, 3));
  });
}

// 213. _QueueJoinTestMixin.test_task_done_underflow, test_join_empty_queue
COTERIE_CASE(QueueJoin, EmptyQueueIsDoneAndOneDoneTooManyIsAnError) {
  run([]() -> Task<void> {
    Queue<int> queue;
    EXPECT_THROW(queue.task_done(), InvalidState);
    TickCounter counter;
    co_await join<How>(queue);
    co_await join<How>(queue);
    EXPECT_EQ(counter.count(), 0);
  });
}

// 213. _QueueJoinTestMixin.test_task_done
COTERIE_CASE(QueueJoin, WaitsUntilEverythingWasDealtWith) {
  run([]() -> Task<void> {
    Queue<int> queue;
    int accumulated = 0;
    for (int i = 0; i < 100; ++i) queue.put_nowait(i);
    auto worker = [](Queue<int>& q, int& sum) -> Co<void> {
      for (;;) {
        int item = co_await q.get();
        sum += item;
        co_await sleep(1ms);
        q.task_done();
      }
    };
    auto a = spawn(worker, std::ref(queue), std::ref(accumulated));
    auto b = spawn(worker, std::ref(queue), std::ref(accumulated));
    co_await queue.join();
    EXPECT_EQ(accumulated, 4950);
    a.cancel();
    b.cancel();
    co_await ticks(2);
    EXPECT_TRUE(a.cancelled() && b.cancelled());
  });
}

// 214. _QueueShutdownTestMixin.test_shutdown_empty
COTERIE_CASE(QueueShutdown, BlockedGetterSeesItAndNothingGoesAnyMore) {
  run([]() -> Task<void> {
    Queue<int> queue;
    auto getter = spawn(get<How>, std::ref(queue));
    co_await yield();
    queue.shutdown();
    Outcome<int> none = co_await outcome(getter);
    EXPECT_THROW(none.get(), QueueShutDown);
    EXPECT_THROW(queue.put_nowait(1), QueueShutDown);
    EXPECT_THROW(queue.get_nowait(), QueueShutDown);
    std::string end = co_await end_of(put<How>(queue, 1));
    EXPECT_EQ(end, QueueShutDown().what());
    end = co_await end_of(get<How>(queue));
    EXPECT_EQ(end, QueueShutDown().what());
  });
}

// 215. _QueueShutdownTestMixin.test_shutdown_nonempty
COTERIE_CASE(QueueShutdown, BlockedPutterSeesItAndTheStoredItemStays) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto putter = spawn(put<How>, std::ref(queue), 2);
    auto joiner = spawn(join<How>, std::ref(queue));
    co_await ticks(2);
    queue.shutdown();
    Outcome<void> refused = co_await outcome(putter);
    EXPECT_THROW(refused.get(), QueueShutDown);
    int item = co_await queue.get();
    EXPECT_EQ(item, 1);
    std::string end = co_await end_of(get<How>(queue));
    EXPECT_EQ(end, QueueShutDown().what());
    EXPECT_FALSE(joiner.done());
    queue.task_done();
    co_await joiner;
  });
}

// _QueueShutdownTestMixin.test_shutdown_immediate: each item counts as done
COTERIE_CASE(QueueShutdown, ImmediateEmptiesItAndReleasesTheJoiner) {
  run([]() -> Task<void> {
    Queue<int> queue;
    queue.put_nowait(1);
    queue.put_nowait(2);
    EXPECT_EQ(queue.get_nowait(), 1);
    auto joiner = spawn(join<How>, std::ref(queue));
    co_await ticks(2);
    queue.shutdown(true);
    EXPECT_TRUE(queue.empty());
    EXPECT_THROW(queue.get_nowait(), QueueShutDown);
    co_await ticks(2);
    EXPECT_FALSE(joiner.done()) << "the first item was got and not dealt with";
    queue.task_done();
    co_await joiner;
  });
}
// Beyond the list: join() is over at the moment when nothing is left, whatever is put behind it.
TEST(QueueJoin, IsNotHeldUpByWhatIsPutAfterwards) {
  run([]() -> Task<void> {
    Queue<int> queue;
    queue.put_nowait(1);
    auto joiner = spawn([](Queue<int>& of) -> Task<void> { co_await of.join(); }, std::ref(queue));
    co_await ticks(2);
    (void)queue.get_nowait();
    queue.task_done();
    queue.put_nowait(2);
    co_await ticks(2);
    EXPECT_TRUE(joiner.done());
    co_await joiner;
  });
}

}  // namespace
}  // namespace coterie

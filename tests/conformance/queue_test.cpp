// Queue (list M). Line numbers and names are those of CPython 3.14.7's test_queues.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Task<int> get(Queue<int>& queue) {
  co_return co_await queue.get();
}
Task<void> put(Queue<int>& queue, int item) {
  co_await queue.put(item);
}

// 205. QueueGetTests.test_get_cancelled_race
TEST(QueueCancel, SecondGetterGetsTheItemOfACancelledOne) {
  for (const bool put_first : {false, true}) {
    run([put_first]() -> Task<void> {
      Queue<int> queue;
      auto t1 = spawn(get, std::ref(queue));
      auto t2 = spawn(get, std::ref(queue));
      co_await yield();
      if (put_first) queue.put_nowait(1);  // t1 was woken already
      t1.cancel();
      if (!put_first) queue.put_nowait(1);
      int item = co_await t2;
      EXPECT_EQ(item, 1);
      EXPECT_TRUE(t1.cancelled());
    });
  }
}

// 206. QueueGetTests.test_get_cancel_drop_many_pending_readers
TEST(QueueCancel, NoItemIsLostWithACancelledReader) {
  run([]() -> Task<void> {
    Queue<int> queue;
    auto t1 = spawn(get, std::ref(queue));
    auto t2 = spawn(get, std::ref(queue));
    auto t3 = spawn(get, std::ref(queue));
    co_await yield();
    queue.put_nowait(1);
    queue.put_nowait(2);
    t1.cancel();
    int second = co_await t2;
    int third = co_await t3;
    EXPECT_THAT((std::vector{second, third}), UnorderedElementsAre(1, 2));
    EXPECT_TRUE(t1.cancelled());
    EXPECT_TRUE(queue.empty());
  });
}

// 207. QueuePutTests.test_put_cancel_drop
TEST(QueueCancel, PutterThatWasWokenAndCancelledHasNotPut) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto putter = spawn(put, std::ref(queue), 2);
    co_await sleep(10ms);
    EXPECT_EQ(queue.get_nowait(), 1);
    putter.cancel();
    Outcome<void> end = co_await outcome(putter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(queue.size(), 0U);
    auto again = spawn(put, std::ref(queue), 3);
    int item = co_await queue.get();
    EXPECT_EQ(item, 3);
    co_await again;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.putters_waiting(), 0U);
  });
}

// 207. QueuePutTests.test_put_cancelled_race: the next putter takes the place
TEST(QueueCancel, NextPutterTakesThePlaceOfACancelledOne) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto t1 = spawn(put, std::ref(queue), 2);
    auto t2 = spawn(put, std::ref(queue), 3);
    co_await yield();
    EXPECT_EQ(queue.get_nowait(), 1);
    t1.cancel();
    co_await t2;
    EXPECT_EQ(queue.get_nowait(), 3);
  });
}

// 208. test_cancelled_puts_not_being_held_in_self_putters, …getters…; 209. …silence_value_error_exception
TEST(QueueCancel, NoEntriesAreLeftBehind) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    std::string end = co_await end_of(wait_for(100ms, queue.get()));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(queue.getters_waiting(), 0U);
    queue.put_nowait(1);
    end = co_await end_of(wait_for(100ms, queue.put(2)));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(queue.putters_waiting(), 0U);
    EXPECT_EQ(queue.size(), 1U);
  });
}

// 210. test_why_are_putters_waiting, test_why_are_getters_waiting
TEST(QueueOrder, FastProducerAndConsumerNeverDeadlock) {
  run([]() -> Task<void> {
    Queue<int> queue(2);
    int sum = 0;
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (int producer = 0; producer < 4; ++producer)
        group.spawn(
            [](Queue<int>& q) -> Task<void> {
              for (int i = 1; i <= 100; ++i) co_await q.put(i);
            },
            std::ref(queue));
      for (int consumer = 0; consumer < 2; ++consumer)
        group.spawn(
            [](Queue<int>& q, int& out) -> Task<void> {
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
TEST(QueueOrder, BoundedAndFirstInFirstOut) {
  run([]() -> Task<void> {
    Queue<int> queue(2);
    EXPECT_EQ(queue.max_size(), 2U);
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    queue.put_nowait(1);
    queue.put_nowait(2);
    EXPECT_TRUE(queue.full());
    EXPECT_THROW(queue.put_nowait(3), QueueFull);
    auto putter = spawn(put, std::ref(queue), 3);
    co_await ticks(2);
    EXPECT_FALSE(putter.done());
    std::vector<int> items;
    for (int i = 0; i < 3; ++i) items.push_back(co_await queue.get());
    EXPECT_THAT(items, ElementsAre(1, 2, 3));
    EXPECT_TRUE(putter.done());
  });
}

// 213. test_task_done_underflow, test_task_done, test_join_empty_queue
TEST(QueueJoin, WaitsUntilEverythingWasDealtWith) {
  run([]() -> Task<void> {
    Queue<int> queue;
    EXPECT_THROW(queue.task_done(), InvalidState);
    co_await queue.join();
    int accumulated = 0;
    for (int i = 0; i < 100; ++i) queue.put_nowait(i);
    auto worker = [](Queue<int>& q, int& sum) -> Task<void> {
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

// 214. test_shutdown_empty; 215. test_shutdown_nonempty
TEST(QueueShutdown, BlockedSidesSeeItAndStoredItemsStay) {
  run([]() -> Task<void> {
    Queue<int> empty;
    auto getter = spawn(get, std::ref(empty));
    co_await yield();
    empty.shutdown();
    Outcome<int> none = co_await outcome(getter);
    EXPECT_THROW(none.get(), QueueShutDown);
    EXPECT_THROW(empty.put_nowait(1), QueueShutDown);
    EXPECT_THROW(empty.get_nowait(), QueueShutDown);

    Queue<int> full(1);
    full.put_nowait(1);
    auto putter = spawn(put, std::ref(full), 2);
    auto joiner = spawn([](Queue<int>& q) -> Task<void> { co_await q.join(); }, std::ref(full));
    co_await ticks(2);
    full.shutdown();
    Outcome<void> refused = co_await outcome(putter);
    EXPECT_THROW(refused.get(), QueueShutDown);
    int item = co_await full.get();
    EXPECT_EQ(item, 1);
    std::string end = co_await end_of(full.get());
    EXPECT_EQ(end, QueueShutDown().what());
    EXPECT_FALSE(joiner.done());
    full.task_done();
    co_await joiner;

    Queue<int> immediate;
    immediate.put_nowait(1);
    auto waits = spawn([](Queue<int>& q) -> Task<void> { co_await q.join(); }, std::ref(immediate));
    co_await ticks(2);
    immediate.shutdown(true);
    co_await waits;
    EXPECT_TRUE(immediate.empty());
  });
}

}  // namespace
}  // namespace coterie

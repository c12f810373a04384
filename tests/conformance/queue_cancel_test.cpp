// Queue and cancels (list M). Line numbers and names are those of CPython 3.14.7's test_queues.
#include <gmock/gmock.h>

#include "conformance/queue_users.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::UnorderedElementsAre;

// 205. QueueGetTests.test_get_cancelled_race
COTERIE_CASE(QueueCancel, SecondGetterGetsTheItemOfACancelledOne) {
  for (const bool put_first : {false, true}) {
    run([put_first]() -> Task<void> {
      Queue<int> queue;
      auto t1 = spawn(get<How>, std::ref(queue));
      auto t2 = spawn(get<How>, std::ref(queue));
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
COTERIE_CASE(QueueCancel, NoItemIsLostWithACancelledReader) {
  run([]() -> Task<void> {
    Queue<int> queue;
    auto t1 = spawn(get<How>, std::ref(queue));
    auto t2 = spawn(get<How>, std::ref(queue));
    auto t3 = spawn(get<How>, std::ref(queue));
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
COTERIE_CASE(QueueCancel, PutterThatWasWokenAndCancelledHasNotPut) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto putter = spawn(put<How>, std::ref(queue), 2);
    co_await sleep(10ms);
    EXPECT_EQ(queue.get_nowait(), 1);
    putter.cancel();
    Outcome<void> end = co_await outcome(putter);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(queue.size(), 0U);
    auto again = spawn(put<How>, std::ref(queue), 3);
    int item = co_await queue.get();
    EXPECT_EQ(item, 3);
    co_await again;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.putters_waiting(), 0U);
  });
}

// QueuePutTests.test_put_cancelled_race
COTERIE_CASE(QueueCancel, NextPutterTakesThePlaceOfACancelledOne) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto t1 = spawn(put<How>, std::ref(queue), 2);
    auto t2 = spawn(put<How>, std::ref(queue), 3);
    co_await yield();
    EXPECT_EQ(queue.get_nowait(), 1);
    t1.cancel();
    co_await t2;
    EXPECT_EQ(queue.get_nowait(), 3);
  });
}

// 208. QueuePutTests.test_cancelled_puts_not_being_held_in_self_putters
COTERIE_CASE(QueueCancel, NoPuttersAreLeftBehind) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    std::string end = co_await end_of(wait_for(100ms, put<How>(queue, 2)));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(queue.putters_waiting(), 0U);
    EXPECT_EQ(queue.size(), 1U);
  });
}

// 208. QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters
COTERIE_CASE(QueueCancel, NoGettersAreLeftBehind) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    std::string end = co_await end_of(wait_for(100ms, get<How>(queue)));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(queue.getters_waiting(), 0U);
  });
}

// 209. QueuePutTests.test_cancelled_put_silence_value_error_exception
COTERIE_CASE(QueueCancel, CancelOfAPutterThatWasWokenIsAPlainCancel) {
  run([]() -> Task<void> {
    Queue<int> queue(1);
    queue.put_nowait(1);
    auto putter = spawn(put<How>, std::ref(queue), 2);
    co_await yield();
    EXPECT_EQ(queue.get_nowait(), 1);
    putter.cancel();
    std::string end = co_await end_of(putter);
    EXPECT_EQ(end, "cancelled");
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(queue.putters_waiting(), 0U);
  });
}
}  // namespace
}  // namespace coterie

// as_completed() (list G). Line numbers and names are those of CPython 3.14.7's test_tasks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

/// The values of what ends, until nothing is left.
template <class Co>
Co collect(AsCompleted<JoinHandle<int>> source, std::vector<int>& values) {
  while (auto task = co_await source.next()) values.push_back(task->result());
}

// 116. BaseTaskTests.test_as_completed
COTERIE_CASE(AsCompleted, ResultsComeInOrderOfTheirEnd) {
  run([]() -> Task<void> {
    std::vector<JoinHandle<int>> tasks;
    tasks.push_back(spawn(Subjects::give_later, 10ms, 1));
    tasks.push_back(spawn(Subjects::give_later, 150ms, 2));
    tasks.push_back(spawn(Subjects::give_later, 100ms, 3));
    std::vector<int> values;
    co_await collect<Co<>>(as_completed(tasks), values);
    EXPECT_THAT(values, ElementsAre(1, 3, 2));
    EXPECT_DOUBLE_EQ(seconds(), 0.15);
  });
}

// 117. BaseTaskTests.test_as_completed_same_tasks_in_as_out
COTERIE_CASE(AsCompleted, GivesTheIdenticalHandles) {
  run([]() -> Task<void> {
    auto slow = spawn(Subjects::give_later, 2s, 1);
    auto quick = spawn(Subjects::sleeper, 1s);
    auto completed = as_completed(slow, quick);
    auto first = co_await completed.next();
    EXPECT_TRUE(*first == quick);
    auto second = co_await completed.next();
    EXPECT_TRUE(*second == slow);
    auto end = co_await completed.next();
    EXPECT_FALSE(end);
    auto failing = spawn(Subjects::fail, "mine");
    auto one = as_completed(failing);
    auto failed = co_await one.next();  // its error is still to be retrieved
    EXPECT_EQ(text(failed->exception()), "mine");
  });
}

// 118. BaseTaskTests.test_as_completed_with_timeout
COTERIE_CASE(AsCompleted, TimeoutComesAfterWhatHasEndedAndCancelsNothing) {
  run([]() -> Task<void> {
    auto a = spawn(Subjects::give_later, 100ms, 1);
    auto b = spawn(Subjects::give_later, 150ms, 2);
    WaitOptions limit;
    limit.timeout(120ms);
    auto completed = as_completed(limit, a, b);
    auto first = co_await completed.next();
    EXPECT_EQ(first->result(), 1);
    for (int round = 0; round < 2; ++round) {
      auto end = co_await outcome(completed.next());
      EXPECT_EQ(text(end), "timeout");
      EXPECT_DOUBLE_EQ(seconds(), 0.12);
    }
    EXPECT_FALSE(b.done());
    EXPECT_EQ(b.cancelling(), 0U);
    int value = co_await b;
    EXPECT_EQ(value, 2);

    auto ended = spawn(Subjects::give, 3);  // ended in time and asked for too late
    auto running = spawn(Subjects::give_later, 1s, 4);
    auto late = as_completed(limit, ended, running);
    co_await sleep(500ms);
    auto kept = co_await late.next();
    EXPECT_EQ(kept->result(), 3);
    auto end = co_await outcome(late.next());
    EXPECT_EQ(text(end), "timeout");
  });
}

// 119. BaseTaskTests.test_as_completed_with_unused_timeout
COTERIE_CASE(AsCompleted, TimeoutThatIsNotNeededIsDisarmed) {
  run([]() -> Task<void> {
    WaitOptions limit;
    limit.timeout(1s);
    auto completed = as_completed(limit, spawn(Subjects::give_later, 10ms, 1));
    auto first = co_await completed.next();
    EXPECT_EQ(first->result(), 1);
    EXPECT_EQ(EventLoop::current().timer_count(), 0U);
    co_await sleep(2s);
    auto end = co_await completed.next();
    EXPECT_FALSE(end);
  });
}

// 120. BaseTaskTests.test_as_completed_concurrent, _resume_iterator, _duplicate_coroutines
COTERIE_CASE(AsCompleted, SeveralConsumersAndLaterOnesShareIt) {
  run([]() -> Task<void> {
    std::vector<JoinHandle<int>> tasks;
    tasks.reserve(6);
    for (int i = 0; i < 6; ++i) tasks.push_back(spawn(Subjects::give_later, std::chrono::seconds(i), i));
    tasks.push_back(tasks.front());  // a duplicate comes once
    auto completed = as_completed(tasks);
    auto first = co_await completed.next();  // left after the first, and gone on with
    EXPECT_EQ(first->result(), 0);
    std::vector<int> one;
    std::vector<int> two;
    co_await gather(collect<Co<>>(completed, one), collect<Co<>>(completed, two));
    EXPECT_THAT(one, ElementsAre(1, 3, 5));
    EXPECT_THAT(two, ElementsAre(2, 4));
    EXPECT_DOUBLE_EQ(seconds(), 5);
  });
}

// Our own: an asyncio consumer that is cancelled takes its item along.
COTERIE_CASE(AsCompleted, CancelledConsumerLosesNothing) {
  run([]() -> Task<void> {
    std::vector<JoinHandle<int>> tasks;
    tasks.reserve(3);
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(Subjects::give_later, 1s, i));
    auto completed = as_completed(tasks);
    std::vector<int> first;
    std::vector<int> rest;
    auto waits = spawn(collect<Co<>>, completed, std::ref(first));
    auto woken = spawn(collect<Co<>>, completed, std::ref(first));
    co_await ticks(2);
    waits.cancel();  // while it waits
    co_await sleep(1s);
    co_await ticks(1);
    woken.cancel();  // when it was given one and has not run yet, or at its next wait
    co_await collect<Co<>>(completed, rest);
    EXPECT_EQ(first.size() + rest.size(), 3U);
    EXPECT_THAT(rest, ::testing::Contains(2));
  });
}

}  // namespace
}  // namespace coterie

// Barrier (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

template <class How>
Task<void, How> pass(Barrier& barrier, std::vector<std::size_t>& indices) {
  std::size_t index = co_await barrier.wait();
  indices.push_back(index);
}
/// How the waits of the tasks ended.
Task<std::vector<std::string>> ends_of(std::vector<JoinHandle<void>>& tasks) {
  std::vector<std::string> ends;
  for (auto& task : tasks) {
    std::string end = co_await end_of(task);
    ends.push_back(end.starts_with("the barrier was") ? "broken" : end);
  }
  co_return ends;
}

// 197. BarrierTests.test_filling_tasks_check_return_value
COTERIE_CASE(BarrierFilling, IndicesOfARoundAreAPermutation) {
  run([]() -> Task<void> {
    Barrier barrier(5);
    EXPECT_THROW(Barrier(0), std::invalid_argument);
    std::vector<std::size_t> indices;
    auto three_rounds = [](Barrier& b, std::vector<std::size_t>& out) -> Co<void> {
      for (int round = 0; round < 3; ++round) {
        std::size_t index = co_await b.wait();
        out.push_back(index);
      }
    };
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 5; ++i) group.spawn(three_rounds, std::ref(barrier), std::ref(indices));
      co_return;
    });
    EXPECT_EQ(indices.size(), 15U);
    for (auto round = indices.begin(); round != indices.end(); round += 5)
      EXPECT_THAT(std::vector(round, round + 5), UnorderedElementsAre(0U, 1U, 2U, 3U, 4U));
    EXPECT_EQ(barrier.waiting(), 0U);
    EXPECT_FALSE(barrier.broken());
  });
}

// 198. BarrierTests.test_filling_tasks_cancel_one
COTERIE_CASE(BarrierFilling, CancelledTaskDoesNotCount) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    auto t1 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t2 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await yield();
    EXPECT_EQ(barrier.waiting(), 2U);
    t1.cancel();
    Outcome<void> end = co_await outcome(t1);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(barrier.waiting(), 1U);
    auto t3 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t4 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await t2;
    co_await t3;
    co_await t4;
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U, 2U));
    EXPECT_EQ(barrier.waiting(), 0U);
  });
}

// 199. BarrierTests.test_blocking_tasks_while_draining
COTERIE_CASE(BarrierDraining, WhoComesAgainWaitsUntilAllHaveLeft) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::string> log;
    auto subject = [](Barrier& b, std::vector<std::string>& out, bool again) -> Co<void> {
      co_await b.wait();
      out.push_back("first");
      if (!again) co_return;
      EXPECT_TRUE(b.draining());
      co_await b.wait();
      out.push_back("second");
    };
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(spawn(subject, std::ref(barrier), std::ref(log), true));
    tasks.push_back(spawn(subject, std::ref(barrier), std::ref(log), false));
    tasks.push_back(spawn(subject, std::ref(barrier), std::ref(log), true));  // the last: it does not suspend
    co_await ticks(4);
    EXPECT_THAT(log, ElementsAre("first", "first", "first"));
    EXPECT_EQ(barrier.waiting(), 2U) << "both belong to the next round";
    co_await barrier.wait();
    std::vector<std::string> ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("value", "value", "value"));
    EXPECT_EQ(log.size(), 5U);
  });
}

// 200. BarrierTests.test_draining_state
COTERIE_CASE(BarrierDraining, AllButTheLastToLeaveSeeIt) {
  run([]() -> Task<void> {
    Barrier barrier(5);
    std::vector<bool> draining;
    auto subject = [](Barrier& b, std::vector<bool>& out) -> Co<void> {
      co_await b.wait();
      out.push_back(b.draining());
      EXPECT_EQ(b.waiting(), 0U);
    };
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 5; ++i) group.spawn(subject, std::ref(barrier), std::ref(draining));
      co_return;
    });
    EXPECT_THAT(draining, ElementsAre(true, true, true, true, false));
  });
}

// 201. BarrierTests.test_reset_barrier_while_tasks_waiting
COTERIE_CASE(BarrierReset, BreaksTheRoundAndTheBarrierIsUsable) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    std::vector<JoinHandle<void>> tasks;
    tasks.reserve(2);
    for (int i = 0; i < 2; ++i) tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    co_await yield();
    barrier.reset();
    EXPECT_EQ(barrier.waiting(), 0U);
    std::vector<std::string> ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("broken", "broken"));
    EXPECT_FALSE(barrier.broken());
    tasks.clear();
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("value", "value", "value"));
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U, 2U));
  });
}

// BarrierTests.test_reset_barrier_when_tasks_half_draining_half_blocking
COTERIE_CASE(BarrierReset, WhoWaitsOutsideBeginsTheNextRound) {
  run([]() -> Task<void> {
    Barrier barrier(2);
    std::vector<std::size_t> indices;
    std::vector<JoinHandle<void>> tasks;
    tasks.reserve(3);
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    EventLoop::current().call_soon(
        [&] {  // the first was let through and has not run; the third waits outside
          EXPECT_TRUE(barrier.draining());
          barrier.reset();
        });
    co_await ticks(3);
    EXPECT_EQ(barrier.waiting(), 1U);
    tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    std::vector<std::string> ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("broken", "value", "value", "value"));
    EXPECT_THAT(indices, ElementsAre(1U, 1U, 0U));
  });
}

// 202. BarrierTests.test_abort_barrier_when_tasks_half_draining_half_blocking
COTERIE_CASE(BarrierAbort, BreaksThoseWhoLeaveAndThoseWhoWaitOutside) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    std::vector<JoinHandle<void>> tasks;
    tasks.reserve(5);
    for (int i = 0; i < 5; ++i) tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    EventLoop::current().call_soon([&] {
      EXPECT_TRUE(barrier.draining());
      barrier.abort();
    });
    std::vector<std::string> ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("broken", "broken", "value", "broken", "broken"));
    EXPECT_TRUE(barrier.broken());
    EXPECT_EQ(barrier.waiting(), 0U);
    Outcome<std::size_t> late = co_await outcome(barrier.wait());
    EXPECT_THROW(late.get(), BrokenBarrier);
  });
}

// 203. BarrierTests.test_abort_barrier_when_exception_then_resetting
COTERIE_CASE(BarrierAbort, ResetRevivesIt) {
  run([]() -> Task<void> {
    Barrier barrier(2);
    std::vector<std::size_t> indices;
    auto failing = [](Barrier& b) -> Co<void> {
      try {
        throw Boom();
      } catch (const Boom&) {
        b.abort();
      }
      co_return;
    };
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    tasks.push_back(spawn(failing, std::ref(barrier)));
    std::vector<std::string> ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("broken", "value"));
    EXPECT_TRUE(barrier.broken());
    barrier.reset();
    EXPECT_FALSE(barrier.broken());
    tasks.clear();
    for (int i = 0; i < 2; ++i) tasks.push_back(spawn(pass<How>, std::ref(barrier), std::ref(indices)));
    ends = co_await ends_of(tasks);
    EXPECT_THAT(ends, ElementsAre("value", "value"));
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U));
  });
}

// 204. gh-155233: A and B wait, A is cancelled, C and D come
COTERIE_CASE(BarrierFilling, IndicesHaveNoGapAfterACancel) {
  run([]() -> Task<void> {
    Barrier barrier(3);
    std::vector<std::size_t> indices;
    auto a = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto b = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await yield();
    a.cancel();
    co_await yield();
    auto c = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto d = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    co_await b;
    co_await c;
    co_await d;
    EXPECT_TRUE(a.cancelled());
    EXPECT_THAT(indices, UnorderedElementsAre(0U, 1U, 2U));
  });
}

// A task that was let through and is cancelled before it runs has left: the next round is not held up.
COTERIE_CASE(BarrierDraining, CancelledLeaverEndsTheDraining) {
  run([]() -> Task<void> {
    Barrier barrier(2);
    std::vector<std::size_t> indices;
    auto t1 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t2 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    auto t3 = spawn(pass<How>, std::ref(barrier), std::ref(indices));
    EventLoop::current().call_soon([&] {
      EXPECT_TRUE(barrier.draining());
      t1.cancel();
    });
    co_await ticks(3);
    EXPECT_TRUE(t1.cancelled() && t2.done());
    EXPECT_EQ(barrier.waiting(), 1U);
    co_await barrier.wait();
    co_await t3;
  });
}

}  // namespace
}  // namespace coterie

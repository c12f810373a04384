// Barrier: reset() and abort() (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "conformance/barrier_users.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

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

}  // namespace
}  // namespace coterie

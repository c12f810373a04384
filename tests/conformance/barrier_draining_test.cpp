// Barrier: draining (list L). Line numbers and names are those of CPython 3.14.7's test_locks.
#include <gmock/gmock.h>

#include "conformance/barrier_users.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

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

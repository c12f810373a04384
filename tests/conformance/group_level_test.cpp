// TaskGroup and the count of cancel requests (list H). Line numbers and names are those of CPython 3.14.7's
// test_taskgroups.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
// 149. BaseTestTaskGroup.test_cancelling_level_preserved
COTERIE_CASE(Group, CancellingLevelIsPreserved) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::fail, "one");
      co_return;
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(one)");
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 150. BaseTestTaskGroup.test_nested_groups_both_cancelled
COTERIE_CASE(Group, InnerAndOuterFailInOneTick) {
  run([]() -> Task<void> {
    TaskRec& self = EventLoop::require_task();
    std::uint32_t between = 99;
    std::string inner_end;
    auto outer = [&](TaskGroup& outer_group) -> Task<void> {
      auto inner = [&](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::fail, "inner");
        outer_group.spawn(Subjects::fail, "outer");
        co_return;
      };
      inner_end = co_await end_of(task_group(inner));
      between = self.cancelling();
    };
    std::string end = co_await end_of(task_group(outer));
    EXPECT_EQ(inner_end, "group(inner)");
    EXPECT_EQ(between, 1U);
    EXPECT_EQ(end, "group(outer)");
    EXPECT_EQ(self.cancelling(), 0U);
    co_await ticks(2);  // nothing is left over
  });
}

// Beyond the list: a request of its own is taken back also where others are counted and no await delivered
// it.
TEST(Group, OwnCancelDoesNotLeakOutOfABlockInACancelledTask) {
  run([]() -> Task<void> {
    TaskRec& self = EventLoop::require_task();
    self.cancel(nullptr);
    EXPECT_EQ(co_await end_of(yield()), "cancelled");
    auto block = [](TaskGroup& group) -> Task<void> {
      group.cancel();
      co_return;
    };
    (void)co_await end_of(task_group(block));
    EXPECT_EQ(self.cancelling(), 1U);
    EXPECT_FALSE(self.must_cancel());
    co_await ticks(2);
  });
}

// 151. BaseTestTaskGroup.test_cancels_task_if_created_during_creation (gh-128550), lazily and eagerly
COTERIE_CASE(Group, ChildThatSpawnsAFailingSiblingInItsFirstStepIsCancelled) {
  for (const bool eager : {false, true}) {
    testing::VirtualLoop loop;
    loop.loop().set_eager_start(eager);
    loop.run([]() -> Task<void> {
      bool cancelled = false;
      auto block = [&](TaskGroup& group) -> Co<void> {
        group.spawn(
            [](TaskGroup& g, bool& flag) -> Co<void> {
              g.spawn(Subjects::fail, "sibling");
              Outcome<void> end = co_await outcome(sleep(10s));
              flag = end.cancelled();
              end.get();
            },
            std::ref(group), std::ref(cancelled));
        co_return;
      };
      std::string end = co_await end_of(task_group(block));
      EXPECT_EQ(end, "group(sibling)");
      EXPECT_TRUE(cancelled);
      EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
      EXPECT_DOUBLE_EQ(seconds(), 0);
    }());
  }
}

// 152. BaseTestTaskGroup.test_cancellation_does_not_leak_out_of_tg (gh-128588), lazily and eagerly
COTERIE_CASE(Group, CancelDoesNotLeakOut) {
  for (const bool eager : {false, true}) {
    testing::VirtualLoop loop;
    loop.loop().set_eager_start(eager);
    loop.run([]() -> Task<void> {
      auto block = [](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::fail, "at once");
        co_return;
      };
      std::string end = co_await end_of(task_group(block));
      EXPECT_EQ(end, "group(at once)");
      co_await sleep(0s);
      co_await sleep(1ms);
      EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
    }());
  }
}
}  // namespace
}  // namespace coterie

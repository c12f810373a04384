// TaskGroup, children that come and go (list H). Line numbers and names are those of CPython 3.14.7's
// test_taskgroups.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
// 146. BaseTestTaskGroup.test_taskgroup_23
COTERIE_CASE(Group, ChildThatHasEndedLeavesAtOnce) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Co<void> {
      for (int i = 0; i < 10; ++i) {
        auto child = group.spawn(Subjects::sleeper, 100ms);
        EXPECT_EQ(group.size(), 1U);
        co_await sleep(200ms);
        EXPECT_TRUE(child.done());
        EXPECT_EQ(group.size(), 0U);
      }
    };
    co_await task_group(block);
    EXPECT_DOUBLE_EQ(seconds(), 2);
  });
}

template <class How>
Task<void, How> root(TaskGroup& group, std::vector<JoinHandle<int>>& late) {
  co_await sleep(100ms);
  for (int i = 1; i <= 2; ++i) late.push_back(group.spawn(Subjects<How>::give_later, i * 100ms, i));
}

// 146. BaseTestTaskGroup.test_taskgroup_24
COTERIE_CASE(Group, ChildrenAddChildrenWhileTheGroupWaitsForItsEnd) {
  run([]() -> Task<void> {
    std::vector<JoinHandle<int>> late;
    auto block = [&](TaskGroup& group) -> Co<void> {
      group.spawn(root<How>, std::ref(group), std::ref(late));
      co_return;
    };
    co_await task_group(block);
    EXPECT_EQ(late.size(), 2U);
    EXPECT_EQ(late[0].result() + late[1].result(), 3);
    EXPECT_DOUBLE_EQ(seconds(), 0.3);
  });
}

/// Two heads for each; none is left when the group has ended.
template <class How>
Task<void, How> hydra(TaskGroup& group, int& heads, int& alive) {
  const Probe here(alive);
  ++heads;
  co_await sleep(10ms);
  group.spawn(hydra<How>, std::ref(group), std::ref(heads), std::ref(alive));
  group.spawn(hydra<How>, std::ref(group), std::ref(heads), std::ref(alive));
  co_await sleep(10ms);
}
template <class How>
Task<void, How> hercules(const int& heads) {
  while (heads < 10) co_await sleep(15ms);
  throw Boom("club");
}

// 146. BaseTestTaskGroup.test_taskgroup_25
COTERIE_CASE(Group, SelfMultiplyingTreeIsStoppedByOneFailure) {
  run([]() -> Task<void> {
    int heads = 0;
    int alive = 0;
    auto block = [&](TaskGroup& group) -> Co<void> {
      group.spawn(hydra<How>, std::ref(group), std::ref(heads), std::ref(alive));
      group.spawn(hercules<How>, std::cref(heads));
      co_return;
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(club)");
    EXPECT_GE(heads, 10);
    EXPECT_LT(heads, 40);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
}
}  // namespace
}  // namespace coterie

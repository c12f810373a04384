// TaskGroup (list H). Line numbers and names are those of CPython 3.14.7's test_taskgroups.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
// 131. BaseTestTaskGroup.test_taskgroup_01, _02
COTERIE_CASE(Group, JoinsItsChildrenAlsoThoseOfALaterMoment) {
  run([]() -> Task<void> {
    JoinHandle<int> a;
    JoinHandle<int> b;
    co_await task_group([&](TaskGroup& group) -> Co<void> {
      a = group.spawn(Subjects::give_later, 1s, 1);
      co_await sleep(100ms);
      b = group.spawn(Subjects::give_later, 2s, 2);
      EXPECT_EQ(group.size(), 2U);
    });
    EXPECT_EQ(a.result() + b.result(), 3);
    EXPECT_DOUBLE_EQ(seconds(), 2.1);
    int value = co_await task_group([](TaskGroup&) -> Co<int> { return Subjects::give(5); });
    EXPECT_EQ(value, 5);
  });
}

// 132. BaseTestTaskGroup.test_taskgroup_03
COTERIE_CASE(Group, ChildCancelledByHandIsNoError) {
  run([]() -> Task<void> {
    JoinHandle<int> other;
    bool to_the_end = false;
    co_await task_group([&](TaskGroup& group) -> Co<void> {
      auto child = group.spawn(Subjects::sleeper, 10s);
      other = group.spawn(Subjects::give_later, 1s, 2);
      co_await sleep(100ms);
      child.cancel();
      co_await sleep(500ms);
      EXPECT_TRUE(child.cancelled());
      to_the_end = true;
    });
    EXPECT_TRUE(to_the_end);
    EXPECT_EQ(other.result(), 2);
    EXPECT_DOUBLE_EQ(seconds(), 1);
  });
}

// 133. BaseTestTaskGroup.test_taskgroup_04
COTERIE_CASE(Group, FailingChildCancelsItsSiblings) {
  run([]() -> Task<void> {
    JoinHandle<void> sibling;
    auto block = [&](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::fail_later, 100ms, "zero");
      sibling = group.spawn(Subjects::sleeper, 10s);
      co_return;
    };
    bool after = false;
    auto subject = [&]() -> Co<void> {
      co_await task_group(block);
      after = true;
    };
    Outcome<void> end = co_await outcome(subject());
    EXPECT_EQ(text(end), "group(zero)");
    EXPECT_FALSE(after);
    EXPECT_TRUE(sibling.cancelled());
    EXPECT_THROW(end.get(), ExceptionGroup);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 134. BaseTestTaskGroup.test_cancellation
COTERIE_CASE(Group, CancelWhileItWaitsReachesTheChildren) {
  run([]() -> Task<void> {
    std::vector<int> order;
    auto block = [&](TaskGroup& group) -> Co<void> {
      for (int i = 0; i < 5; ++i) group.spawn(note_end<Co<>>, std::ref(order), i);
      co_return;
    };
    auto task = spawn([&block]() -> Co<void> { co_await task_group(block); });
    co_await ticks(3);
    task.cancel("outside");
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled: outside");
    EXPECT_EQ(order.size(), 5U);
  });
}

// 135. BaseTestTaskGroup.test_taskgroup_07
COTERIE_CASE(Group, CancelInTheBodyReachesBodyAndChildren) {
  run([]() -> Task<void> {
    std::vector<int> order;
    auto block = [&](TaskGroup& group) -> Co<void> {
      for (int i = 1; i <= 5; ++i) group.spawn(note_end<Co<>>, std::ref(order), i);
      co_await note_end<Co<>>(order, 10);
    };
    auto task = spawn([&block]() -> Co<void> { co_await task_group(block); });
    co_await ticks(3);
    task.cancel("outside");
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled: outside");
    EXPECT_THAT(order, ElementsAre(10, 1, 2, 3, 4, 5));  // the cancel goes to the task, where the body waits
  });
}

// 136. BaseTestTaskGroup.test_taskgroup_08
COTERIE_CASE(Group, ErrorsOfTheCleanupWinOverTheCancel) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Co<void> {
      for (int i = 0; i < 3; ++i) group.spawn(Subjects::crash_on_cancel, 10s, "zero");
      co_await sleep(10s);
    };
    auto task = spawn_group<How>(block);
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "group(zero; zero; zero)");
  });
}

// 145. BaseTestTaskGroup.test_taskgroup_22
COTERIE_CASE(Group, CancelSoonAfterTheStart) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Co<void> {
      co_await task_group([](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::sleeper, 10s);
        group.spawn(Subjects::sleeper, 10s);
        co_return;
      });
    });
    co_await ticks(1);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  });
}
}  // namespace
}  // namespace coterie

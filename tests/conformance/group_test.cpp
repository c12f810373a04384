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

// 137. BaseTestTaskGroup.test_taskgroup_09, _10
COTERIE_CASE(Group, ErrorOfTheBodyCancelsTheChildren) {
  for (const bool after_an_await : {false, true}) {
    run([after_an_await]() -> Task<void> {
      JoinHandle<void> child;
      auto block = [&](TaskGroup& group) -> Co<void> {
        child = group.spawn(Subjects::sleeper, 10s);
        if (after_an_await) co_await sleep(100ms);
        co_await std::suspend_never();
        throw Boom("body");
      };
      std::string end = co_await end_of(task_group(block));
      EXPECT_EQ(end, "group(body)");
      EXPECT_TRUE(child.cancelled());
    });
  }
}

// 138. BaseTestTaskGroup.test_taskgroup_11, _12
COTERIE_CASE(Group, NestedGroupsWhoseChildrenCrashOnCancel) {
  run([]() -> Task<void> {
    auto inner = [](TaskGroup& group) -> Co<void> {
      for (int i = 0; i < 2; ++i) group.spawn(Subjects::crash_on_cancel, 10s, "zero");
      co_await sleep(10s);
    };
    auto outer = [&](TaskGroup&) -> Co<void> { co_await task_group(inner); };
    auto task = spawn_group<How>(outer);
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "group(group(zero; zero))");
  });
}

// 139. BaseTestTaskGroup.test_taskgroup_14
COTERIE_CASE(Group, InnerChildFails) {
  run([]() -> Task<void> {
    auto inner = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::fail_later, 100ms, "value");
      co_await sleep(10s);
    };
    auto outer = [&](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::sleeper, 10s);
      co_await task_group(inner);
    };
    Outcome<void> end = co_await outcome(task_group(outer));
    EXPECT_EQ(text(end), "group(group(value))");
    try {
      end.get();
    } catch (const ExceptionGroup& group) {
      EXPECT_TRUE(group.contains<Boom>());
      EXPECT_FALSE(group.contains<TimeoutError>());
    }
  });
}

// 140. BaseTestTaskGroup.test_taskgroup_15, _16
COTERIE_CASE(Group, ChildThatCrashesWhileTheBodyCleansUpAfterACancel) {
  for (const bool nested : {false, true}) {
    run([nested]() -> Task<void> {
      auto block = [&](TaskGroup& group) -> Co<void> {
        group.spawn(Subjects::fail_later, 300ms, "crash");
        auto body = []() -> Co<void> {
          Outcome<void> end = co_await outcome(sleep(10s));
          (void)co_await outcome(sleep(500ms));
          end.get();
        };
        if (nested)
          co_await spawn(body);
        else
          co_await body();
      };
      auto task = spawn_group<How>(block);
      co_await sleep(100ms);
      task.cancel();
      std::string end = co_await end_of(task);
      EXPECT_EQ(end, "group(crash)");
    });
  }
}

// 141. BaseTestTaskGroup.test_taskgroup_17
COTERIE_CASE(Group, CancelOfABodyWithoutChildrenComesOut) {
  run([]() -> Task<void> {
    auto task =
        spawn([]() -> Co<void> { co_await task_group([](TaskGroup&) -> Co<void> { co_await sleep(10s); }); });
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");
  });
}

// 142. BaseTestTaskGroup.test_taskgroup_18
COTERIE_CASE(Group, BodyThatAnswersTheCancelWithAnError) {
  run([]() -> Task<void> {
    auto converts = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::sleeper, 10s);
      return Subjects::crash_on_cancel(10s, "mine");
    };
    auto task = spawn_group<How>(converts);
    co_await ticks(2);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "group(mine)");
  });
}

// 144. BaseTestTaskGroup.test_taskgroup_21a
COTERIE_CASE(Group, ErrorThatIsNoStdExceptionJoinsTheOthers) {
  run([]() -> Task<void> {
    struct NoStdException {};
    auto block = [](TaskGroup& group) -> Co<void> {
      group.spawn([]() -> Co<void> {
        co_await sleep(100ms);
        throw NoStdException();
      });
      Outcome<void> end = co_await outcome(sleep(10s));
      throw Boom("type");
    };
    Outcome<void> end = co_await outcome(task_group(block));
    try {
      end.get();
      ADD_FAILURE();
    } catch (const ExceptionGroup& group) {
      EXPECT_EQ(group.errors().size(), 2U);
      EXPECT_TRUE(group.contains<NoStdException>());
      EXPECT_TRUE(group.contains<Boom>());
    }
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

// TaskGroup (list H). Line numbers and names are those of CPython 3.14.7's test_taskgroups.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 131. BaseTestTaskGroup.test_taskgroup_01, _02
TEST(Group, JoinsItsChildrenAlsoThoseOfALaterMoment) {
  run([]() -> Task<void> {
    JoinHandle<int> a;
    JoinHandle<int> b;
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      a = group.spawn(give_later, 1s, 1);
      co_await sleep(100ms);
      b = group.spawn(give_later, 2s, 2);
      EXPECT_EQ(group.size(), 2U);
    });
    EXPECT_EQ(a.result() + b.result(), 3);
    EXPECT_DOUBLE_EQ(seconds(), 2.1);
    int value = co_await task_group([](TaskGroup&) -> Task<int> { return give(5); });
    EXPECT_EQ(value, 5);
  });
}

// 132. BaseTestTaskGroup.test_taskgroup_03
TEST(Group, ChildCancelledByHandIsNoError) {
  run([]() -> Task<void> {
    JoinHandle<int> other;
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      auto child = group.spawn(sleeper, 10s);
      other = group.spawn(give_later, 1s, 2);
      co_await sleep(100ms);
      child.cancel();
      co_await sleep(500ms);
    });
    EXPECT_EQ(other.result(), 2);
  });
}

// 133. BaseTestTaskGroup.test_taskgroup_04
TEST(Group, FailingChildCancelsItsSiblings) {
  run([]() -> Task<void> {
    JoinHandle<void> sibling;
    auto block = [&](TaskGroup& group) -> Task<void> {
      group.spawn(fail_later, 100ms, "zero");
      sibling = group.spawn(sleeper, 10s);
      co_return;
    };
    Outcome<void> end = co_await outcome(task_group(block));
    EXPECT_EQ(text(end), "group(zero)");
    EXPECT_TRUE(sibling.cancelled());
    EXPECT_THROW(end.get(), ExceptionGroup);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
  });
}

// 134. BaseTestTaskGroup.test_cancellation; 135. test_taskgroup_07; 157. in order of creation, the body first
// when it is there, for the cancel goes to the task
TEST(Group, CancelFromOutsideReachesBodyAndChildren) {
  for (const bool body_sleeps : {false, true}) {
    run([body_sleeps]() -> Task<void> {
      std::vector<int> order;
      auto note = [](std::vector<int>& out, int number) -> Task<void> {
        Outcome<void> end = co_await outcome(sleep(10s));
        out.push_back(number);
        end.get();
      };
      auto block = [&](TaskGroup& group) -> Task<void> {
        for (int i = 0; i < 5; ++i) group.spawn(note, std::ref(order), i);
        if (body_sleeps) co_await note(order, -1);
      };
      auto task = spawn_group(block);
      co_await ticks(3);
      task.cancel("outside");
      std::string end = co_await end_of(task);
      EXPECT_EQ(end, "cancelled: outside");
      if (body_sleeps)
        EXPECT_THAT(order, ElementsAre(-1, 0, 1, 2, 3, 4));
      else
        EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
    });
  }
}

// 157. A failing child: the others are cancelled in order of creation, and then the body.
TEST(Group, FailureCancelsInOrderOfCreationAndTheBodyLast) {
  run([]() -> Task<void> {
    std::vector<int> order;
    auto note = [](std::vector<int>& out, int number) -> Task<void> {
      Outcome<void> end = co_await outcome(sleep(10s));
      out.push_back(number);
      end.get();
    };
    auto block = [&](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 3; ++i) group.spawn(note, std::ref(order), i);
      group.spawn(fail_later, 1s, "bad");
      co_await note(order, 99);
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(bad)");
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 99));
  });
}

// 136. BaseTestTaskGroup.test_taskgroup_08
TEST(Group, ErrorsOfTheCleanupWinOverTheCancel) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 3; ++i) group.spawn(crash_on_cancel, 10s, "zero");
      co_await sleep(10s);
    };
    auto task = spawn_group(block);
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "group(zero; zero; zero)");
  });
}

// 137. BaseTestTaskGroup.test_taskgroup_09, _10
TEST(Group, ErrorOfTheBodyCancelsTheChildren) {
  for (const bool after_an_await : {false, true}) {
    run([after_an_await]() -> Task<void> {
      JoinHandle<void> child;
      auto block = [&](TaskGroup& group) -> Task<void> {
        child = group.spawn(sleeper, 10s);
        if (after_an_await) co_await sleep(100ms);
        throw Boom("body");
      };
      std::string end = co_await end_of(task_group(block));
      EXPECT_EQ(end, "group(body)");
      EXPECT_TRUE(child.cancelled());
    });
  }
}

// 138. BaseTestTaskGroup.test_taskgroup_11, _12
TEST(Group, NestedGroupsWhoseChildrenCrashOnCancel) {
  run([]() -> Task<void> {
    auto inner = [](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 2; ++i) group.spawn(crash_on_cancel, 10s, "zero");
      co_await sleep(10s);
    };
    auto outer = [&](TaskGroup&) -> Task<void> { co_await task_group(inner); };
    auto task = spawn_group(outer);
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "group(group(zero; zero))");
  });
}

// 139. BaseTestTaskGroup.test_taskgroup_14
TEST(Group, InnerChildFails) {
  run([]() -> Task<void> {
    auto inner = [](TaskGroup& group) -> Task<void> {
      group.spawn(fail_later, 100ms, "value");
      co_await sleep(10s);
    };
    auto outer = [&](TaskGroup& group) -> Task<void> {
      group.spawn(sleeper, 10s);
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
TEST(Group, ChildThatCrashesWhileTheBodyCleansUpAfterACancel) {
  for (const bool nested : {false, true}) {
    run([nested]() -> Task<void> {
      auto block = [&](TaskGroup& group) -> Task<void> {
        group.spawn(fail_later, 300ms, "crash");
        auto body = []() -> Task<void> {
          Outcome<void> end = co_await outcome(sleep(10s));
          (void)co_await outcome(sleep(500ms));
          end.get();
        };
        if (nested)
          co_await spawn(body);
        else
          co_await body();
      };
      auto task = spawn_group(block);
      co_await sleep(100ms);
      task.cancel();
      std::string end = co_await end_of(task);
      EXPECT_EQ(end, "group(crash)");
    });
  }
}

// 141. BaseTestTaskGroup.test_taskgroup_17; 145. test_taskgroup_22; 142. test_taskgroup_18
TEST(Group, CancelledBody) {
  run([]() -> Task<void> {
    auto empty = [](TaskGroup&) -> Task<void> { return sleeper(10s); };
    auto task = spawn_group(empty);
    co_await sleep(100ms);
    task.cancel();
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");

    auto with_children = [](TaskGroup& group) -> Task<void> {
      group.spawn(sleeper, 10s);
      group.spawn(sleeper, 10s);
      co_return;
    };
    task = spawn_group(with_children);
    co_await ticks(1);
    task.cancel();
    end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled");

    auto converts = [](TaskGroup& group) -> Task<void> {
      group.spawn(sleeper, 10s);
      return crash_on_cancel(10s, "mine");
    };
    task = spawn_group(converts);
    co_await ticks(2);
    task.cancel();
    end = co_await end_of(task);
    EXPECT_EQ(end, "group(mine)");
  });
}

Task<void> multiply(TaskGroup& group, int depth, int& alive) {
  ++alive;
  for (int i = 0; i < 3 && depth > 0; ++i) {
    co_await yield();
    try {
      group.spawn(multiply, std::ref(group), depth - 1, std::ref(alive));
    } catch (const InvalidState&) {
    }
  }
  Outcome<void> end = co_await outcome(sleep(1s));
  --alive;
  end.get();
}

// 146. BaseTestTaskGroup.test_taskgroup_23, _24, _25
TEST(Group, SelfMultiplyingTreeIsStoppedByOneFailure) {
  run([]() -> Task<void> {
    int alive = 0;
    auto block = [&](TaskGroup& group) -> Task<void> {
      group.spawn(multiply, std::ref(group), 5, std::ref(alive));
      group.spawn(fail_later, 500ms, "stop");
      co_await sleep(100ms);
      EXPECT_GT(group.size(), 20U);
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(stop)");
    EXPECT_EQ(alive, 0);
    auto short_lived = [](TaskGroup& group) -> Task<void> {
      for (int i = 0; i < 10; ++i) {
        co_await group.spawn(nop);
        co_await ticks(1);
        EXPECT_EQ(group.size(), 0U);  // who has ended leaves at once
      }
    };
    co_await task_group(short_lived);
  });
}

}  // namespace
}  // namespace coterie

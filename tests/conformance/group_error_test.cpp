// TaskGroup, its errors (list H). Line numbers and names are those of CPython 3.14.7's test_taskgroups.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
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
}  // namespace
}  // namespace coterie

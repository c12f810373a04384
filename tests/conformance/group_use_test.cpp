// TaskGroup, how it is used and misused (list H). Line numbers and names are those of CPython 3.14.7's
// test_taskgroups.
#include <gmock/gmock.h>

#include "conformance/group_refusal.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

// 147. BaseTestTaskGroup.test_taskgroup_no_create_task_after_failure
COTERIE_CASE(Group, TakesNoChildrenWhileItShutsDownAndReleasesTheirArguments) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    std::string refused;
    auto block = [&](TaskGroup& group) -> Co<void> {
      group.spawn(
          [](TaskGroup& g, std::string& out, int& count) -> Co<void> {
            Outcome<void> end = co_await outcome(sleep(10s));
            out = refusal(g, Probe(count));
            EXPECT_EQ(count, 0);
            end.get();
          },
          std::ref(group), std::ref(refused), std::ref(alive));
      group.spawn(Subjects::fail_later, 100ms, "bad");
      co_return;
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(bad)");
    EXPECT_THAT(refused, HasSubstr("shutting down"));
    EXPECT_EQ(alive, 0);
  });
}

// 148. BaseTestTaskGroup.test_taskgroup_already_entered, _double_enter, _finished, _not_entered,
// _without_parent_task, test_coro_closed_when_tg_closed
TEST(Group, MisuseIsAnErrorAndReleasesTheArguments) {
  // It cannot be entered twice, nor be used before it is entered: a group is what the block is given.
  static_assert(!std::is_default_constructible_v<TaskGroup> && !std::is_copy_constructible_v<TaskGroup> &&
                !std::is_move_constructible_v<TaskGroup>);
  int alive = 0;
  run([&alive]() -> Task<void> {
    TaskGroup group(EventLoop::require_task());
    group.body_ended(OutcomeKind::value, nullptr);
    EXPECT_THAT(refusal(group, 1), HasSubstr("finished"));
    EXPECT_EQ(group.settle(), nullptr);
    EXPECT_THAT(refusal(group, 1), HasSubstr("finished"));
    EXPECT_THAT(refusal(group, Probe(alive)), HasSubstr("finished"));
    EXPECT_EQ(alive, 0);

    std::string without_task;
    EventLoop::current().call_soon([&] {
      try {
        const TaskGroup orphan(EventLoop::require_task());
      } catch (const std::logic_error& error) {
        without_task = error.what();
      }
    });
    co_await ticks(1);
    EXPECT_THAT(without_task, HasSubstr("needs a task"));
  });
}

// 153. BaseTestTaskGroup.test_taskgroup_task_name, _task_context, BaseTaskTests.test_name
COTERIE_CASE(Group, OptionsPassThrough) {
  const ContextVar<int> variable("variable", 0);
  run([&variable]() -> Task<void> {
    const Context context = copy_context();
    context.run([&variable] { (void)variable.set(3); });
    auto block = [&](TaskGroup& group) -> Co<void> {
      auto read = [](const ContextVar<int>& v) -> Co<int> { co_return v.get(); };
      auto child = group.spawn(named("yolo").sched_class(3), Subjects::nop);
      EXPECT_EQ(child.name(), "yolo");
      EXPECT_EQ(child.state().sched_class(), 3);
      auto inside = group.spawn(SpawnOptions().context(context), read, std::cref(variable));
      auto outside = group.spawn(read, std::cref(variable));
      int value = co_await inside;
      EXPECT_EQ(value, 3);
      value = co_await outside;
      EXPECT_EQ(value, 0);
    };
    co_await task_group(block);
  });
}
}  // namespace
}  // namespace coterie

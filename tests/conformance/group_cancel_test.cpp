// TaskGroup: misuse, cancel levels, cancel() (list H, second part). Names are those of test_taskgroups.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What the group says to a child that is given `argument`.
template <class Argument>
std::string refusal(TaskGroup& group, Argument argument) {
  try {
    group.spawn([](Argument) -> Task<void> { co_return; }, std::move(argument));
  } catch (const InvalidState& error) {
    return error.what();
  }
  return "accepted";
}

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

// 151. BaseTestTaskGroup.test_cancels_task_if_created_during_creation (gh-128550), lazily
COTERIE_CASE(Group, ChildThatSpawnsAFailingSiblingInItsFirstStepIsCancelled) {
  run([]() -> Task<void> {
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
  });
}

// 152. BaseTestTaskGroup.test_cancellation_does_not_leak_out_of_tg (gh-128588), lazily
COTERIE_CASE(Group, CancelDoesNotLeakOut) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::fail, "at once");
      co_return;
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(at once)");
    co_await sleep(0s);
    co_await sleep(1ms);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);
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

template <class How>
Task<void, How> slow_cleanup(Duration cleanup) {
  Outcome<void> end = co_await outcome(sleep(10s));
  co_await sleep(cleanup);
  end.get();
}

// 154. gh-155433: a cancel from outside after group.cancel() is not swallowed.
COTERIE_CASE(Group, TimeoutAndCancelAfterTheGroupsOwnCancel) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Co<void> {
      group.spawn(slow_cleanup<How>, 1s);
      co_await ticks(2);
      group.cancel();
    };
    auto within = [&](Timeout&) -> Co<void> { co_await task_group(block); };
    std::string end = co_await end_of(timeout(500ms, within));
    EXPECT_EQ(end, "timeout");
    EXPECT_DOUBLE_EQ(seconds(), 1);
    EXPECT_EQ(EventLoop::require_task().cancelling(), 0U);

    auto task = spawn_group<How>(block);
    co_await sleep(100ms);
    task.cancel("m");
    end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled: m");
  });
}

// 156. gh-108951: group.cancel() from the body, a child and outside, twice, before and after.
COTERIE_CASE(Group, CancelOfTheGroupEndsItWithoutCancelled) {
  run([]() -> Task<void> {
    TaskRec& self = EventLoop::require_task();
    bool after = false;
    auto from_body = [&](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::sleeper, 10s);
      group.cancel();
      group.cancel();
      co_await sleep(10s);
      after = true;
    };
    std::string end = co_await end_of(task_group(from_body));
    EXPECT_EQ(end, "value");
    EXPECT_FALSE(after);
    EXPECT_EQ(self.cancelling(), 0U);

    auto from_child = [](TaskGroup& group) -> Co<void> {
      group.spawn(
          [](TaskGroup& g) -> Co<void> {
            g.cancel();
            co_await sleep(10s);
          },
          std::ref(group));
      co_await sleep(10s);
    };
    end = co_await end_of(task_group(from_child));
    EXPECT_EQ(end, "value");

    TaskGroup* seen = nullptr;
    auto from_outside = [&](TaskGroup& group) -> Co<void> {
      seen = &group;
      group.spawn(Subjects::sleeper, 10s);
      co_return;
    };
    EventLoop::current().call_later(1s, [&] { seen->cancel(); });
    end = co_await end_of(task_group(from_outside));
    EXPECT_EQ(end, "value");

    auto with_errors = [](TaskGroup& group) -> Co<void> {
      group.spawn(Subjects::crash_on_cancel, 10s, "crash");
      co_await ticks(2);
      group.cancel();
      group.cancel();
    };
    end = co_await end_of(task_group(with_errors));
    EXPECT_EQ(end, "group(crash)");

    auto no_value = [](TaskGroup& group) -> Co<int> {
      group.cancel();
      co_await sleep(10s);
      co_return 1;
    };
    Outcome<int> none = co_await outcome(task_group(no_value));
    EXPECT_TRUE(none.cancelled());

    auto at_its_entry = [](TaskGroup& group) -> Co<void> {
      group.cancel();
      EXPECT_THAT(refusal(group, 1), HasSubstr("shutting down"));
      co_await std::suspend_never();
      co_await sleep(10s);
    };
    end = co_await end_of(task_group(at_its_entry));
    EXPECT_EQ(end, "value");

    TaskGroup over(self);
    over.body_ended(OutcomeKind::value, nullptr);
    EXPECT_EQ(over.settle(), nullptr);
    over.cancel();  // after the end: nothing
    EXPECT_EQ(self.cancelling(), 0U);
    co_await yield();
    EXPECT_EQ(self.cancelling(), 0U);
    EXPECT_DOUBLE_EQ(seconds(), 1);
  });
}

// 157. Derived: a failing child: the others are cancelled in order of creation, and then the body.
COTERIE_CASE(Group, FailureCancelsInOrderOfCreationAndTheBodyLast) {
  run([]() -> Task<void> {
    std::vector<int> order;
    auto block = [&](TaskGroup& group) -> Co<void> {
      for (int i = 0; i < 3; ++i) group.spawn(note_end<Co<>>, std::ref(order), i);
      group.spawn(Subjects::fail_later, 1s, "bad");
      co_await note_end<Co<>>(order, 99);
    };
    std::string end = co_await end_of(task_group(block));
    EXPECT_EQ(end, "group(bad)");
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 99));
  });
}

// Beyond the list: a cancel from outside around the failure of a child: the errors come first, the cancel
// follows at the next await.
COTERIE_CASE(Group, CancelThatMetAFailureFollowsAtTheNextAwait) {
  for (int late = 0; late <= 2; ++late) {
    run([late]() -> Task<void> {
      std::string group_end;
      std::uint32_t requests = 0;
      std::string next;
      auto task = spawn(
          [](std::string& end, std::uint32_t& count, std::string& then) -> Co<void> {
            auto block = [](TaskGroup& group) -> Co<void> {
              group.spawn(Subjects::fail_later, 1s, "child");
              group.spawn(slow_cleanup<How>, 1s);
              co_await sleep(10s);
            };
            end = co_await end_of(task_group(block));
            count = EventLoop::require_task().cancelling();
            Outcome<void> later = co_await outcome(sleep(0s));
            then = text(later);
          },
          std::ref(group_end), std::ref(requests), std::ref(next));
      co_await sleep(1s);
      co_await ticks(late);
      task.cancel();
      co_await task;
      EXPECT_EQ(group_end, "group(child)");
      EXPECT_EQ(requests, 1U);
      EXPECT_EQ(next, "cancelled");
    });
  }
}

}  // namespace
}  // namespace coterie

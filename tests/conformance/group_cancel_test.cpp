// TaskGroup: misuse, cancel levels, cancel() (list H, second part). Names are those of test_taskgroups.
#include <gmock/gmock.h>

#include "conformance/group_refusal.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

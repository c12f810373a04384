// JoinHandle: copies, moves, what may be asked when.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// However the handle is written: its end is taken as it is. To throw and catch it costs ten times as much.
template <class Handle>
inline constexpr bool is_taken = std::is_same_v<decltype(outcome(std::declval<Handle>())),
                                                detail::OutcomeAwaiter<detail::JoinAwaiter<int>>>;
static_assert(is_taken<JoinHandle<int>&> && is_taken<const JoinHandle<int>&>);

TEST(Handle, CopiesAndMovesMeanOneTask) {
  run([]() -> Task<void> {
    auto task = spawn(give_later, 1s, 3);
    JoinHandle<int> copy = task;
    EXPECT_TRUE(copy == task);
    JoinHandle<int> moved = std::move(task);
    EXPECT_FALSE(task);  // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_THROW((void)task.done(), InvalidState);
    EXPECT_TRUE(moved == copy);
    int value = co_await copy;
    EXPECT_EQ(value, 3);
    EXPECT_EQ(moved.result(), 3);
    copy = spawn(give, 4);
    EXPECT_FALSE(moved == copy);
    EXPECT_THROW(copy.result(), InvalidState);
    EXPECT_THROW((void)copy.exception(), InvalidState);
    co_await copy;
  });
}

TEST(Task, AwaitingOneThatWasMovedFromOrAwaitedIsAnError) {
  run([]() -> Task<void> {
    Task<int> task = give(1);
    int value = co_await std::move(task);
    EXPECT_EQ(value, 1);
    bool refused = false;
    try {
      co_await std::move(task);  // NOLINT(bugprone-use-after-move): that is the question
    } catch (const std::logic_error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  });
}

TEST(Handle, TellsItsLoopAndItsContext) {
  run([]() -> Task<void> {
    static const ContextVar<int> variable("variable");
    auto task = spawn([]() -> Task<void> {
      (void)variable.set(4);
      co_await sleep(1s);
    });
    co_await ticks(1);
    EXPECT_EQ(&task.loop(), &EventLoop::current());
    EXPECT_EQ(task.context().get(variable), 4);
    EXPECT_EQ(copy_context().get(variable), std::nullopt);
    co_await task;
  });
}

TEST(Handle, NamedGivesAReferenceAndMovedGivesTheValueOnce) {
  run([]() -> Task<void> {
    auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto task = spawn(make);
    const std::unique_ptr<int>& look = co_await task;
    EXPECT_EQ(*look, 7);
    JoinHandle<std::unique_ptr<int>> other = task;
    std::unique_ptr<int> taken = co_await std::move(task);
    EXPECT_EQ(*taken, 7);
    EXPECT_THROW(other.result(), InvalidState);
    std::string again;
    try {
      co_await other;
    } catch (const InvalidState& error) {
      again = error.what();
    }
    EXPECT_THAT(again, HasSubstr("moved out"));
    again.clear();
    try {
      auto twice = co_await std::move(other);
    } catch (const InvalidState& error) {
      again = error.what();
    }
    EXPECT_THAT(again, HasSubstr("moved out"));
  });
}

TEST(Handle, WaitSeesTheEndWithoutAClaim) {
  run([]() -> Task<void> {
    auto task = spawn(fail_later, 1s, "bad");
    co_await task.wait();
    EXPECT_TRUE(task.done());
    EXPECT_THROW(task.result(), Boom);
    auto target = spawn(sleeper, 1h);
    auto waiter = spawn([](JoinHandle<void> t) -> Task<void> { co_await t.wait(); }, target);
    co_await ticks(2);
    waiter.cancel();
    co_await ticks(2);
    EXPECT_TRUE(waiter.cancelled());
    EXPECT_FALSE(target.done());
    EXPECT_EQ(target.cancelling(), 0U);
  });
}

TEST(Handle, DoneCallbacksRunInOrderOneTickAfterTheEnd) {
  run([]() -> Task<void> {
    std::vector<std::string> order;
    auto task = spawn(give_later, 1s, 3);
    task.add_done_callback([&](const JoinHandle<int>& t) { order.push_back(std::to_string(t.result())); });
    auto waiter = spawn(
        [](JoinHandle<int> t, std::vector<std::string>& out) -> Task<void> {
          co_await t;
          out.push_back("waiter");
        },
        task, std::ref(order));
    co_await ticks(2);
    task.add_done_callback([&](const JoinHandle<int>&) { order.push_back("second"); });
    co_await waiter;
    co_await ticks(1);
    task.add_done_callback([&](const JoinHandle<int>&) { order.push_back("late"); });
    co_await ticks(1);
    EXPECT_THAT(order, ElementsAre("3", "waiter", "second", "late"));
  });
}

TEST(Handle, AwaitingATaskOfAnotherLoopIsAnError) {
  testing::VirtualLoop other;
  JoinHandle<void> foreign;
  other.run([](JoinHandle<void>& out) -> Task<void> {
    out = spawn(sleeper, 1h);
    co_return;
  }(foreign));
  run([&foreign]() -> Task<void> {
    Outcome<void> end = co_await outcome([](JoinHandle<void> t) -> Task<void> { co_await t; }(foreign));
    EXPECT_THROW(end.get(), InvalidState);
    EXPECT_THAT(text(end), HasSubstr("different loop"));
  });
}

TEST(Handle, SchedulingClassIsInherited) {
  run([]() -> Task<void> {
    auto parent = spawn(named("parent").sched_class(5), []() -> Task<std::uint64_t> {
      auto child = spawn(nop);
      EXPECT_EQ(child.state().sched_class(), 5);
      EXPECT_EQ(child.state().parent_id(), EventLoop::require_task().id());
      auto other = spawn(SpawnOptions().sched_class(2), nop);
      EXPECT_EQ(other.state().sched_class(), 2);
      co_await child;
      co_return EventLoop::require_task().id();
    });
    std::uint64_t id = co_await parent;
    EXPECT_EQ(id, parent.id());
    EXPECT_EQ(parent.state().sched_class(), 5);
  });
}

// Where nobody would ever wake the waiter: the task's end is told on its own loop.
TEST(Handle, OfAnotherLoopIsRefusedByWhoeverWaits) {
  testing::VirtualLoop other;
  testing::VirtualLoop loop;
  const JoinHandle<int> foreign =
      other.run([]() -> Task<JoinHandle<int>> { co_return spawn(give_later, 1s, 3); }());
  loop.run([](const JoinHandle<int>& task) -> Task<void> {
    auto hold = [](const JoinHandle<int>& of) -> Task<void> { (void)co_await shield(of); };
    auto shielded = co_await outcome(hold(task));
    EXPECT_THAT(text(shielded), HasSubstr("attached to a different loop"));
    auto watch = [](const JoinHandle<int>& of) -> Task<void> {
      auto completed = as_completed(of);
      (void)co_await completed.next();
    };
    auto watched = co_await outcome(watch(task));
    EXPECT_THAT(text(watched), HasSubstr("attached to a different loop"));
  }(foreign));
  EXPECT_THROW((void)run_until_complete(loop.loop(), foreign), InvalidState);
}

}  // namespace
}  // namespace coterie

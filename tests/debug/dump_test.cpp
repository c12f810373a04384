// What people read when tasks do not end: the dump.
#include "coterie/debug/dump.hpp"

#include <gmock/gmock.h>

#include <string>

#include "coterie/debug/graph.hpp"
#include "support/runtime.hpp"
#include "tests/debug/masked.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::LoopSnapshot;
using debug::TaskSnapshot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Task<void> at_lock(Lock& lock) {
  const LockGuard guard = co_await lock.scoped();
}
Task<void> join(JoinHandle<void> task) {
  co_await task;
}

TEST(Dump, TasksStandUnderTheirSpawnersWithStateWaitAndStack) {
  run([]() -> Task<void> {
    Lock lock;
    co_await lock.acquire();
    auto parent = spawn(
        named("parent"),
        [](Lock& l) -> Task<void> {
          auto one = spawn(named("one"), at_lock, std::ref(l));
          auto two = spawn(named("two"), at_lock, std::ref(l));
          co_await gather(one, two);
        },
        std::ref(lock));
    auto timed = spawn(named("timed"), sleeper, 1h);
    auto fresh = spawn(named("fresh"), join, timed);
    co_await ticks(3);
    parent.cancel();
    const auto late = spawn(named("late"), join, timed);
    const std::string text = masked(debug::dump(EventLoop::current()));
    EXPECT_EQ(
        text,
        "7 tasks\n"
        "#1 main  running  age 0ms  polls 4  spawned dump_test.cpp:L\n"
        "|  at coterie::Dump_TasksStandUnderTheirSpawnersWithStateWaitAndStack_Test::TestBody::<lambda>() "
        "dump_test.cpp:L  <- runs now\n"
        "|- #2 parent  cancelling  waits for a gather: #3 'one', #4 'two'  cancel requested by #1 'main' 0ms "
        "ago  "
        "age 0ms  polls 1  spawned dump_test.cpp:L\n"
        "|  |  at "
        "coterie::Dump_TasksStandUnderTheirSpawnersWithStateWaitAndStack_Test::TestBody::<lambda>::<lambda>()"
        " "
        "dump_test.cpp:L\n"
        "|  |- #3 one  cancelling  ready  cancel requested by #1 'main' 0ms ago  age 0ms  polls 1  spawned "
        "dump_test.cpp:L\n"
        "|  |     at coterie::at_lock() dump_test.cpp:L\n"
        "|  '- #4 two  cancelling  ready  cancel requested by #1 'main' 0ms ago  age 0ms  polls 1  spawned "
        "dump_test.cpp:L\n"
        "|        at coterie::at_lock() dump_test.cpp:L\n"
        "|- #5 timed  pending  waits for a timer, due in 1h00m  age 0ms  polls 1  spawned dump_test.cpp:L\n"
        "|     at coterie::test::sleeper() runtime.hpp:L\n"
        "|- #6 fresh  pending  waits for a task: #5 'timed'  age 0ms  polls 1  spawned dump_test.cpp:L\n"
        "|     at coterie::join() dump_test.cpp:L\n"
        "'- #7 late  pending  ready  age 0ms  polls 0  spawned dump_test.cpp:L\n"
        "      at coterie::join() dump_test.cpp:L\n");
    timed.cancel();
    co_await parent.wait();
    co_await fresh.wait();
  });
}

TEST(Dump, TheSameObjectHasTheSameNumber) {
  run([]() -> Task<void> {
    Lock first;
    Lock second;
    co_await first.acquire();
    co_await second.acquire();
    auto a = spawn(named("a"), at_lock, std::ref(first));
    auto b = spawn(named("b"), at_lock, std::ref(second));
    auto c = spawn(named("c"), at_lock, std::ref(first));
    co_await ticks(2);
    const std::string text = debug::dump(EventLoop::current());
    EXPECT_THAT(text, HasSubstr(" a  pending  waits for a lock @1"));
    EXPECT_THAT(text, HasSubstr(" b  pending  waits for a lock @2"));
    EXPECT_THAT(text, HasSubstr(" c  pending  waits for a lock @1"));
    first.release();
    second.release();
    co_await gather(a, b, c);
  });
}

TEST(Dump, ChildrenOfAGroupAreNamedOnlyWhereTheGroupIsWaitedFor) {
  run([]() -> Task<void> {
    Future<void> end;
    Future<void> leave;
    auto other = spawn(named("other"), await_future<void>, leave);
    auto block = [&](TaskGroup& group) -> Task<void> {
      group.spawn(named("child"), await_future<void>, end);
      co_await other;
    };
    auto parent = spawn([&]() -> Task<void> { co_await task_group(block); });
    co_await ticks(2);
    EXPECT_THAT(debug::snapshot(parent).waits_for, ElementsAre(other.id()));
    EXPECT_THAT(debug::dump(EventLoop::current()), Not(HasSubstr("children")));
    leave.set_value();
    co_await ticks(2);
    EXPECT_EQ(debug::snapshot(parent).waits_for.size(), 1U);
    EXPECT_THAT(debug::dump(EventLoop::current()), HasSubstr("waits for a task group's children: #"));
    end.set_value();
    co_await parent;
  });
}

TEST(Dump, CirclesAreNamed) {
  run([]() -> Task<void> {
    JoinHandle<void> second;
    auto first = spawn(
        named("a"), [](JoinHandle<void>& other) -> Task<void> { co_await other.wait(); }, std::ref(second));
    second = spawn(named("b"), join, first);
    co_await ticks(2);
    EXPECT_THAT(masked(debug::dump(EventLoop::current())),
                HasSubstr("\ncycle: #3 'b' -> #2 'a' -> #3 'b'\n"));
    first.cancel();
    co_await second.wait();
  });
}

TEST(Dump, LeavesOutTheMiddleOfLongStacksAndTheEndOfLongLists) {
  LoopSnapshot seen;
  TaskSnapshot deep;
  deep.id = 1;
  for (int i = 0; i < 1000; ++i) deep.stack.emplace_back("f" + std::to_string(i), "t.cpp", 7);
  seen.tasks.push_back(deep);
  for (std::uint64_t id = 2; id <= 500; ++id) {
    TaskSnapshot task;
    task.id = id;
    task.parent_id = id - 1;
    seen.tasks.push_back(task);
  }
  const std::string text = debug::format_dump(seen);
  EXPECT_THAT(text, HasSubstr("at f15() t.cpp:7\n|  at … 976 frames\n|  at f992() t.cpp:7\n"));
  EXPECT_THAT(text, HasSubstr("#200 Task-200  pending\n"));
  EXPECT_THAT(text, Not(HasSubstr("#201 ")));
  EXPECT_TRUE(text.ends_with("and 300 more\n"));
}

TEST(Dump, NamesCannotBreakALine) {
  run([]() -> Task<void> {
    auto task = spawn(named("two\nlines\x1b[2J"), sleeper, 1s);
    const std::string text = debug::dump(EventLoop::current());
    EXPECT_THAT(text, HasSubstr("two\\x0alines\\x1b[2J  pending"));
    EXPECT_THAT(debug::format_tree(debug::snapshot(EventLoop::current())), HasSubstr("(T) two\\x0alines"));
    co_await task;
  });
}

TEST(Dump, OfALoopWithoutTasks) {
  testing::VirtualLoop loop;
  EXPECT_EQ(debug::dump(loop.loop()), "0 tasks\n");
  EXPECT_EQ(debug::format_tree(debug::snapshot(loop.loop())), "");
}

/// Every member that a reader of `coterie dump --json` may count on. Adding one is fine; else `schema` goes
/// up.
TEST(Dump, AsJsonHasTheMembersOfItsSchema) {
  LoopSnapshot loop;
  loop.thread = 4242;
  TaskSnapshot& task = loop.tasks.emplace_back();
  task.id = 7;
  task.parent_id = 1;
  task.name = "send 报表\x1b";
  task.state = debug::TaskState::cancelling;
  task.cancel_requests = 2;
  task.cancelled_by = 1;
  task.cancelled_ago = 1500ms;
  task.age = 2s;
  task.polls = 3;
  task.sched_class = 5;
  task.wait.kind = WaitKind::lock;
  task.held_by = 7;
  task.wait_name = "outbox";
  task.awaited_by = {1};
  task.spawned_at.file = "../../examples/mail.cpp";
  task.spawned_at.line = 12;
  task.stack.emplace_back("app::send", "../../examples/mail.cpp", 30);
  EXPECT_EQ(
      debug::format_json(loop),
      R"({"schema":1,"synchronised":true,"thread":4242,"problem":null,"task_count":1,"tasks":[)"
      R"({"id":7,"name":"send 报表\u001b","parent":1,"state":"cancelling","running":false,"ready":false,)"
      R"("class":5,"age_ms":2000,"polls":3,"cancel_requests":2,"cancelled_by":1,"cancelled_ms_ago":1500,)"
      R"("waits_for":{"kind":)" +
          std::to_string(static_cast<int>(WaitKind::lock)) +
          R"(,"what":"a lock","object":null,"name":"outbox","held_by":7,"lock":null,"due_in_ms":null,)"
          R"("descriptor":null,"endpoint":null,"tasks":[]},"awaited_by":[1],)"
          R"("spawned_at":{"file":"examples/mail.cpp","line":12},)"
          R"("stack":[{"function":"app::send","file":"examples/mail.cpp","line":30,"kind":"coroutine"}]}],)"
          R"("deadlocks":[[{"task":7,"waits_for":7,"object":null}]],"native_stack":[]})");
}

/// A build that calls its compiler in build/debug may name the sources from there.
TEST(Dump, FilesAreShownFromTheRootOfTheirSources) {
  LoopSnapshot loop;
  TaskSnapshot& task = loop.tasks.emplace_back();
  task.id = 1;
  task.name = "main";
  task.stack.emplace_back("app::send", "../../src/mail.cpp", 30);
  EXPECT_THAT(debug::format_tree(loop), HasSubstr("app::send src/mail.cpp:30\n"));
  debug::CallGraph graph;
  graph.name = "main";
  graph.id = 1;
  graph.call_stack = task.stack;
  EXPECT_THAT(debug::format_call_graph(graph),
              HasSubstr("File 'src/mail.cpp', line 30, in async app::send()"));
}

}  // namespace
}  // namespace coterie

// What people read when tasks do not end: the dump, the tree, the table.
#include "coterie/debug/dump.hpp"

#include <gmock/gmock.h>

#include <map>
#include <regex>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::LoopSnapshot;
using debug::TaskSnapshot;
using debug::TaskState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Task<void> at_lock(Lock& lock) {
  const LockGuard guard = co_await lock.scoped();
}
Task<void> join(JoinHandle<void> task) {
  co_await task;
}

/// Ids count up in the whole process and lines are those of this file: #1, #2… and `:L` instead.
std::string masked(const std::string& dump) {
  std::map<std::string, std::size_t> ids;
  std::string text = std::regex_replace(dump, std::regex(R"(:\d+)"), ":L");
  std::string result;
  const std::regex id(R"(#\d+)");
  std::sregex_iterator match(text.begin(), text.end(), id);
  std::size_t from = 0;
  for (; match != std::sregex_iterator(); ++match) {
    const auto at = static_cast<std::size_t>(match->position());
    const std::size_t number = ids.try_emplace(match->str(), ids.size() + 1).first->second;
    result += text.substr(from, at - from) + "#" + std::to_string(number);
    from = at + match->str().size();
  }
  return result + text.substr(from);
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
        "#1 main  running  spawned dump_test.cpp:L\n"
        "|  at coterie::Dump_TasksStandUnderTheirSpawnersWithStateWaitAndStack_Test::TestBody::<lambda>() "
        "dump_test.cpp:L  <- runs now\n"
        "|- #2 parent  cancelling  waits for a gather: #3 'one', #4 'two'  spawned dump_test.cpp:L\n"
        "|  |  at "
        "coterie::Dump_TasksStandUnderTheirSpawnersWithStateWaitAndStack_Test::TestBody::<lambda>::<lambda>()"
        " "
        "dump_test.cpp:L\n"
        "|  |- #3 one  cancelling  ready  spawned dump_test.cpp:L\n"
        "|  |     at coterie::at_lock() dump_test.cpp:L\n"
        "|  '- #4 two  cancelling  ready  spawned dump_test.cpp:L\n"
        "|        at coterie::at_lock() dump_test.cpp:L\n"
        "|- #5 timed  pending  waits for a timer  spawned dump_test.cpp:L\n"
        "|     at coterie::test::sleeper() runtime.hpp:L\n"
        "|- #6 fresh  pending  waits for a task: #5 'timed'  spawned dump_test.cpp:L\n"
        "|     at coterie::join() dump_test.cpp:L\n"
        "'- #7 late  pending  ready  spawned dump_test.cpp:L\n"
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

TEST(Snapshot, StatesFollowATaskThroughItsLife) {
  run([]() -> Task<void> {
    std::vector<TaskState> states;
    JoinHandle<void> task;
    const auto look = [&] { states.push_back(debug::snapshot(task).state); };
    task = spawn([&]() -> Task<void> {
      look();
      Outcome<void> end = co_await outcome(sleep(1s));
      look();
      end.get();
    });
    look();
    co_await ticks(1);
    look();
    task.cancel();
    look();
    co_await task.wait();
    look();
    EXPECT_THAT(states, ElementsAre(TaskState::pending, TaskState::running, TaskState::pending,
                                    TaskState::cancelling, TaskState::cancelling, TaskState::cancelled));
    auto other = spawn(nop);
    co_await other;
    EXPECT_EQ(debug::snapshot(other).state, TaskState::finished);
    EXPECT_TRUE(debug::snapshot(other).stack.empty());
  });
}

TEST(Tree, WhoIsAwaitedBySeveralStandsUnderEach) {
  LoopSnapshot seen;
  for (const auto& [id, name] :
       {std::pair(1, "root"), std::pair(2, "left"), std::pair(3, "right"), std::pair(4, "timer")}) {
    TaskSnapshot task;
    task.id = static_cast<std::uint64_t>(id);
    task.name = name;
    seen.tasks.push_back(task);
  }
  seen.tasks[0].stack.emplace_back("exit", "group.hpp", 75);
  seen.tasks[0].stack.emplace_back("main", "t.cpp", 12);
  seen.tasks[1].awaited_by = {1};
  seen.tasks[1].stack.emplace_back("work", "t.cpp", 30);
  seen.tasks[2].awaited_by = {1};
  seen.tasks[3].awaited_by = {2, 3};
  EXPECT_EQ(debug::format_tree(seen),
            "└── (T) root\n"
            "    └──  main t.cpp:12\n"
            "        └──  exit group.hpp:75\n"
            "            ├── (T) left\n"
            "            │   └──  work t.cpp:30\n"
            "            │       └── (T) timer\n"
            "            └── (T) right\n"
            "                └── (T) timer\n");
}

TEST(Tree, EndsAtItsLimits) {
  LoopSnapshot seen;
  for (std::uint64_t id = 1; id <= 400; ++id) {
    TaskSnapshot task;
    task.id = id;
    if (id > 2)
      task.awaited_by = {(id - 1) / 2 * 2 - 1, (id - 1) / 2 * 2};  // both of the level above: 2^200 ways
    seen.tasks.push_back(task);
  }
  const std::string text = debug::format_tree(seen);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 5001);
  EXPECT_TRUE(text.ends_with("…\n"));
}

TEST(Tree, FindsEveryCircle) {
  LoopSnapshot seen;
  const auto add = [&](std::uint64_t id, std::vector<std::uint64_t> awaited_by) {
    TaskSnapshot task;
    task.id = id;
    task.awaited_by = std::move(awaited_by);
    seen.tasks.push_back(task);
  };
  add(3, {4});
  add(4, {5, 3});
  add(5, {6});
  add(6, {4});
  EXPECT_THAT(debug::find_cycles(seen), ElementsAre(ElementsAre(4, 3, 4), ElementsAre(4, 6, 5, 4)));
}

TEST(Table, HasAsynciosColumns) {
  LoopSnapshot seen;
  seen.thread = 18445801;
  TaskSnapshot main;
  main.id = 2;
  main.name = "main";
  main.stack.emplace_back("exit", "group.hpp", 75);
  main.stack.emplace_back("main", "t.cpp", 12);
  seen.tasks.push_back(main);
  TaskSnapshot child;
  child.id = 0x1f;
  child.name = "bärchen";
  child.awaited_by = {2};
  seen.tasks.push_back(child);
  const auto padded = [](std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text + " ";
  };
  const std::string head = padded("tid", 10) + padded("task id", 20) + padded("task name", 20) +
                           padded("coroutine stack", 50) + padded("awaiter chain", 50) +
                           padded("awaiter name", 15) + padded("awaiter id", 15);
  const std::string first = padded("18445801", 10) + padded("0x2", 20) + padded("main", 20) +
                            padded("exit -> main", 50) + padded("", 50) + padded("", 15) + padded("0x0", 15);
  const std::string second = padded("18445801", 10) + padded("0x1f", 20) + padded("bärchen ", 21) +
                             padded("", 50) + padded("exit -> main", 50) + padded("main", 15) +
                             padded("0x2", 15);
  const auto line = [](const std::string& text) { return text.substr(0, text.size() - 1) + "\n"; };
  EXPECT_EQ(debug::format_table(seen),
            line(head) + std::string(180, '-') + "\n" + line(first) + line(second));
}

}  // namespace
}  // namespace coterie

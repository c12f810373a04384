// What people read when tasks do not end: the states, the tree, the table.
#include <gmock/gmock.h>

#include "coterie/debug/dump.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::LoopSnapshot;
using debug::TaskSnapshot;
using debug::TaskState;
using ::testing::ElementsAre;

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

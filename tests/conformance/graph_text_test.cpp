// Introspection as text (list R). Line numbers and names are those of CPython 3.14.7.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "conformance/short_name.hpp"
#include "coterie/debug/dump.hpp"
#include "coterie/debug/graph.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::LoopSnapshot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class How>
struct Graph {
  static Task<void, How> c1(JoinHandle<void> task) { co_await task; }
};

/// The lines of a tree without the places (`file:line`, at their ends), which are those of this file. By
/// hand: <regex> takes seconds to compile.
std::string without_places(const std::string& text) {
  std::string result;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::string line = text.substr(from, end - from);
    const std::size_t space = line.rfind(' ');
    const std::size_t colon = line.rfind(':');
    const bool placed = space != std::string::npos && colon != std::string::npos && colon > space + 1 &&
                        colon + 1 < line.size() &&
                        line.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    if (placed) line.resize(space);
    result += line;
    if (end < text.size()) result += '\n';
    from = end + 1;
  }
  return result;
}

/// Three tasks, each of which awaits the next, as they are seen once they all wait; without the one that
/// looks.
template <class How>
LoopSnapshot three_in_a_row() {
  LoopSnapshot seen;
  run([&]() -> Task<void> {
    Future<void> end;
    auto third = spawn(named("Task-3"), Subjects<How>::template await_future<void>, end);
    auto second = spawn(named("Task-2"), Graph<How>::c1, third);
    auto first = spawn(named("Task-1"), Graph<How>::c1, second);
    co_await ticks(3);
    seen = debug::snapshot(EventLoop::current());
    end.set_value();
    co_await first;
  });
  seen.tasks.erase(seen.tasks.begin());
  return seen;
}

// 252. test_tools::TestAsyncioToolsBasic.test_complex_tree
COTERIE_CASE(GraphText, TreeOfTasksAndTheirCoroutines) {
  EXPECT_EQ(without_places(debug::format_tree(three_in_a_row<How>())),
            "└── (T) Task-1\n"
            "    └──  coterie::Graph::c1\n"
            "        └── (T) Task-2\n"
            "            └──  coterie::Graph::c1\n"
            "                └── (T) Task-3\n"
            "                    └──  coterie::test::Subjects::await_future\n");
}

// 253. test_tools::TestAsyncioToolsBasic.test_complex_table
COTERIE_CASE(GraphText, TableOfTasksAndWhoAwaitsThem) {
  LoopSnapshot seen = three_in_a_row<How>();
  seen.thread = 1;
  std::reverse(seen.tasks.begin(), seen.tasks.end());  // they were spawned from the innermost outwards
  for (std::uint64_t i = 0; i < 3; ++i) {              // ids count up in the whole process
    seen.tasks[i].id = i + 2;
    if (i > 0) seen.tasks[i].awaited_by = {i + 1};
    for (StackFrame& frame : seen.tasks[i].stack) frame.function = short_name(frame.function);
  }
  EXPECT_THAT(debug::table_rows(seen),
              ElementsAre(ElementsAre("1", "0x2", "Task-1", "c1", "", "", "0x0"),
                          ElementsAre("1", "0x3", "Task-2", "c1", "c1", "Task-1", "0x2"),
                          ElementsAre("1", "0x4", "Task-3", "await_future", "c1", "Task-2", "0x3")));
}

// 254. test_tools::TestAsyncioToolsEdgeCases.test_task_with_missing_awaiter_id
COTERIE_CASE(GraphText, AwaiterThatIsNotAmongTheTasksIsUnknown) {
  LoopSnapshot seen = three_in_a_row<How>();
  seen.tasks.pop_back();  // Task-1, the outermost
  const auto rows = debug::table_rows(seen);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1][2], "Task-2");
  EXPECT_EQ(rows[1][5], "Unknown");
  EXPECT_THAT(debug::format_tree(seen), HasSubstr("└── (T) Unknown\n    └── (T) Task-2\n"));
}

// 254. test_tools::TestAsyncioToolsEdgeCases.test_task_with_no_name
COTERIE_CASE(GraphText, TaskWithoutANameGoesByItsNumber) {
  LoopSnapshot seen = three_in_a_row<How>();
  seen.tasks.back().name.clear();
  EXPECT_THAT(debug::format_tree(seen), HasSubstr("(T) Task-" + std::to_string(seen.tasks.back().id) + "\n"));
}

// 254. test_tools::TestAsyncioToolsEdgeCases.test_duplicate_coroutine_frames
COTERIE_CASE(GraphText, FramesThatSeveralChildrenShareAreOneLine) {
  LoopSnapshot seen;
  run([&]() -> Task<void> {
    Future<void> end;
    auto first = spawn(named("first"), Subjects::template await_future<void>, end);
    auto second = spawn(named("second"), Subjects::template await_future<void>, end);
    co_await ticks(2);
    end.set_value();
    Future<void> never;
    first = spawn(named("first"), Subjects::template await_future<void>, never);
    second = spawn(named("second"), Subjects::template await_future<void>, never);
    auto parent = spawn(
        named("parent"),
        [](JoinHandle<void> one, JoinHandle<void> other) -> Co<void> { co_await gather(one, other); }, first,
        second);
    co_await ticks(2);
    seen = debug::snapshot(EventLoop::current());
    never.set_value();
    co_await parent;
  });
  EXPECT_THAT(without_places(debug::format_tree(seen)),
              HasSubstr("::<lambda>\n"
                        "        ├── (T) first\n"
                        "        │   └──  coterie::test::Subjects::await_future\n"
                        "        └── (T) second\n"
                        "            └──  coterie::test::Subjects::await_future\n"));
}

// 254. test_tools::TestAsyncioToolsEdgeCases.test_task_awaits_self
// A task of ours cannot (line 42); two that await each other can.
COTERIE_CASE(GraphText, CircleIsNamedInPlaceOfATree) {
  LoopSnapshot seen;
  run([&]() -> Task<void> {
    JoinHandle<void> second;
    // wait(): a cancel lets go of it, so that the circle can be broken.
    auto first = spawn(
        named("a"), [](JoinHandle<void>& other) -> Co<void> { co_await other.wait(); }, std::ref(second));
    second = spawn(named("b"), Graph<How>::c1, first);
    co_await ticks(2);
    seen = debug::snapshot(EventLoop::current());
    first.cancel();
    co_await second.wait();
  });
  ASSERT_EQ(seen.tasks.size(), 3U);
  const auto a = seen.tasks[1].id;
  const auto b = seen.tasks[2].id;
  EXPECT_THAT(debug::find_cycles(seen), ElementsAre(ElementsAre(b, a, b)));
  EXPECT_EQ(debug::format_tree(seen),
            "ERROR: await-graph contains cycles - cannot print a tree!\n\ncycle: b → a → b\n");
  seen.tasks[1].awaited_by = {a};
  EXPECT_THAT(debug::find_cycles(seen), ElementsAre(ElementsAre(a, a)));
}

}  // namespace
}  // namespace coterie

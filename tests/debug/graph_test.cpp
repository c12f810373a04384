// The graph of who awaits a task, and its text.
#include "coterie/debug/graph.hpp"

#include <gmock/gmock.h>

#include "coterie/debug/stack.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::CallGraph;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> functions(const Stack& stack) {
  std::vector<std::string> names;
  for (const StackFrame& frame : stack) names.push_back(frame.function.substr(frame.function.rfind(':') + 1));
  return names;
}

Task<void> innermost(Future<void> end) {
  co_await end;
}
Task<void> middle(Future<void> end) {
  co_await innermost(end);
}
Task<void> outermost(Future<void> end) {
  co_await middle(end);
}
Task<void> join(JoinHandle<void> task) {
  co_await task;
}

TEST(CallGraph, LimitKeepsTheInnermostOrTheOutermostFrames) {
  run([]() -> Task<void> {
    Future<void> end;
    auto task = spawn(outermost, end);
    co_await ticks(1);
    const auto at = [&](std::optional<int> limit) {
      return functions(debug::capture_call_graph(task, limit).call_stack);
    };
    EXPECT_THAT(at(std::nullopt), ElementsAre("innermost", "middle", "outermost"));
    EXPECT_THAT(at(2), ElementsAre("innermost", "middle"));
    EXPECT_THAT(at(-2), ElementsAre("middle", "outermost"));
    EXPECT_THAT(at(0), IsEmpty());
    EXPECT_THAT(at(100), ElementsAre("innermost", "middle", "outermost"));
    EXPECT_THAT(at(-100), ElementsAre("innermost", "middle", "outermost"));
    EXPECT_THAT(at(std::numeric_limits<int>::min()), ElementsAre("innermost", "middle", "outermost"));
    end.set_value();
    co_await task;
    EXPECT_THAT(at(std::nullopt), IsEmpty());
  });
}

TEST(CallGraph, FramesHaveTheLineOfTheirAwait) {
  run([]() -> Task<void> {
    Future<void> end;
    auto task = spawn(outermost, end);
    co_await ticks(1);
    for (const StackFrame& frame : debug::capture_call_graph(task).call_stack) {
      EXPECT_TRUE(frame.file.ends_with("tests/debug/graph_test.cpp")) << frame.file;
      EXPECT_GT(frame.line, 20U);
      EXPECT_LT(frame.line, 40U);
    }
    end.set_value();
    co_await task;
  });
}

TEST(CallGraph, OfTheTaskThatCallsNamesTheLineOfTheCall) {
  run([]() -> Task<void> {
    const auto line = std::source_location::current().line() + 1;
    const auto graph = debug::capture_call_graph();
    EXPECT_EQ(graph->call_stack.size(), 1U);
    EXPECT_EQ(graph->call_stack.front().line, line);
    EXPECT_EQ(graph->call_stack.front().kind, StackFrame::Kind::coroutine);
    const auto by_hand = debug::capture_call_graph(*current_task());
    EXPECT_EQ(by_hand.call_stack.size(), 1U);
    co_return;
  });
}

void report(std::vector<CallGraph>& seen, std::source_location here = std::source_location::current()) {
  seen.push_back(*debug::capture_call_graph(std::nullopt, here));
}
void helper(std::vector<CallGraph>& seen) {
  report(seen);
}

TEST(CallGraph, PlainFunctionThatReportsStandsOnTop) {
  run([]() -> Task<void> {
    std::vector<CallGraph> seen;
    helper(seen);
    EXPECT_EQ(functions(seen[0].call_stack).front(), "helper");
    EXPECT_EQ(seen[0].call_stack.front().kind, StackFrame::Kind::function);
    report(seen);
    EXPECT_EQ(seen[1].call_stack.size(), 1U);
    co_return;
  });
}

TEST(CallGraph, RunningChainIsRightAfterSuspensionsAtEveryDepth) {
  static std::vector<std::vector<std::string>> seen;
  seen.clear();
  struct Local {
    static void look() { seen.push_back(functions(current_task()->stack())); }
    static Task<void> leaf(bool suspend) {
      if (suspend) co_await yield();
      look();
    }
    static Task<void> branch(bool suspend) {
      co_await leaf(suspend);
      look();
      co_await leaf(!suspend);
    }
    static Task<void> trunk() {
      look();
      co_await branch(true);
      look();
      co_await branch(false);
    }
  };
  run([]() -> Task<void> { co_await spawn(Local::trunk); });
  EXPECT_THAT(seen, ElementsAre(ElementsAre("trunk"), ElementsAre("leaf", "branch", "trunk"),
                                ElementsAre("branch", "trunk"), ElementsAre("leaf", "branch", "trunk"),
                                ElementsAre("trunk"), ElementsAre("leaf", "branch", "trunk"),
                                ElementsAre("branch", "trunk"), ElementsAre("leaf", "branch", "trunk")));
}

TEST(CallGraph, InAPlainCallbackThereIsNone) {
  run([]() -> Task<void> {
    bool none = false;
    EventLoop::current().call_soon(
        [&] { none = !debug::capture_call_graph().has_value() && !current_task(); });
    co_await ticks(2);
    EXPECT_TRUE(none);
  });
}

TEST(CallGraph, WithoutALoopItIsAnError) {
  EXPECT_THROW((void)debug::capture_call_graph(), std::logic_error);
  EXPECT_THROW((void)current_task(), std::logic_error);
  EXPECT_THROW((void)all_tasks(), std::logic_error);
}

TEST(CallGraph, TaskThatGathersTheSameTwiceAwaitsItOnce) {
  run([]() -> Task<void> {
    Future<void> end;
    auto task = spawn(innermost, end);
    auto both = spawn([](JoinHandle<void> one) -> Task<void> { co_await gather(one, one); }, task);
    co_await ticks(2);
    EXPECT_EQ(debug::capture_call_graph(task).awaited_by.size(), 1U);
    end.set_value();
    co_await both;
  });
}

TEST(CallGraph, WaiterThatHasGoneAwaitsNothing) {
  run([]() -> Task<void> {
    Future<void> end;
    auto task = spawn(innermost, end);
    auto waiter = spawn([](JoinHandle<void> one) -> Task<void> { co_await shield(one); }, task);
    co_await ticks(2);
    EXPECT_EQ(debug::capture_call_graph(task).awaited_by.size(), 1U);
    waiter.cancel();
    co_await waiter.wait();
    EXPECT_EQ(debug::capture_call_graph(task).awaited_by.size(), 0U);
    end.set_value();
    co_await task;
  });
}

TEST(CallGraph, CircleIsNotFollowedRoundAgain) {
  run([]() -> Task<void> {
    JoinHandle<void> second;
    auto first =
        spawn([](JoinHandle<void>& other) -> Task<void> { co_await other.wait(); }, std::ref(second));
    second = spawn(join, first);
    co_await ticks(2);
    const CallGraph graph = debug::capture_call_graph(first);
    EXPECT_EQ(graph.awaited_by.size(), 1U);
    EXPECT_THAT(graph.awaited_by[0].awaited_by, IsEmpty());
    first.cancel();
    co_await second.wait();
  });
}

TEST(CallGraph, LongAndWideOnesEndAtTheirLimits) {
  run([]() -> Task<void> {
    Future<void> end;
    auto chain = spawn(innermost, end);
    const auto leaf = chain;
    for (int i = 0; i < 1000; ++i) chain = spawn(join, chain);
    // Each level is awaited by two tasks, which are awaited by the two of the next: 2^40 ways up.
    auto diamond = spawn(innermost, end);
    const auto foot = diamond;
    for (int i = 0; i < 40; ++i) {
      auto left = spawn(join, diamond);
      auto right = spawn(join, diamond);
      diamond = spawn([](JoinHandle<void> a, JoinHandle<void> b) -> Task<void> { co_await gather(a, b); },
                      left, right);
    }
    co_await ticks(2);
    std::size_t levels = 0;
    const CallGraph deep = debug::capture_call_graph(leaf);
    for (const CallGraph* level = &deep; !level->awaited_by.empty(); level = &level->awaited_by[0]) ++levels;
    EXPECT_EQ(levels, 199U);
    EXPECT_LT(debug::format_call_graph(debug::capture_call_graph(foot, 1)).size(), 10'000'000U);
    end.set_value();
    co_await diamond;
    co_await chain;
  });
}

TEST(CallGraph, TextIsAsyncios) {
  CallGraph inner;
  inner.name = "it's";
  inner.id = 0x2f;
  inner.call_stack.emplace_back("report", "t.cpp", 4, StackFrame::Kind::function);
  inner.call_stack.emplace_back("app::c4", "t.cpp", 8);
  inner.call_stack.emplace_back("gen", "t.cpp", 9, StackFrame::Kind::generator);
  CallGraph outer;
  outer.name = "Task-1";
  outer.id = 1;
  outer.call_stack.emplace_back("main", "t.cpp", 12);
  inner.awaited_by.push_back(outer);
  CallGraph future;
  future.kind = CallGraph::Kind::future;
  future.id = 0xabc;
  future.awaited_by.push_back(inner);
  EXPECT_EQ(debug::format_call_graph(future),
            "* Future(id=0xabc)\n"
            "  + Awaited by:\n"
            "    * Task(name='it\\'s', id=0x2f)\n"
            "      + Call stack:\n"
            "      |   File 't.cpp', line 4, in report()\n"
            "      |   File 't.cpp', line 8, in async app::c4()\n"
            "      |   File 't.cpp', line 9, in async generator gen()\n"
            "      + Awaited by:\n"
            "        * Task(name='Task-1', id=0x1)\n"
            "          + Call stack:\n"
            "          |   File 't.cpp', line 12, in async main()");
}

TEST(AllTasks, AreThoseThatHaveNotEndedInOrder) {
  run([]() -> Task<void> {
    Future<void> end;
    auto first = spawn(named("first"), innermost, end);
    auto second = spawn(named("second"), innermost, end);
    std::vector<std::string> names;
    for (const TaskRef& task : all_tasks()) names.push_back(task->name());
    EXPECT_THAT(names, ElementsAre("main", "first", "second"));
    EXPECT_EQ(current_task()->name(), "main");
    const TaskRef kept = all_tasks().at(1);
    end.set_value();
    co_await first;
    co_await second;
    EXPECT_EQ(all_tasks().size(), 1U);
    EXPECT_TRUE(kept->done());
    EXPECT_EQ(kept->name(), "first");
  });
}

}  // namespace
}  // namespace coterie

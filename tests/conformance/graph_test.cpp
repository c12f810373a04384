// Introspection (list R). Line numbers and names are those of CPython 3.14.7.
#include <gmock/gmock.h>

#include "conformance/short_name.hpp"
#include "coterie/debug/graph.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using debug::CallGraph;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// "s" for a plain function, "a" for a coroutine, "ag" for a generator, as CPython's tests have it.
std::string text_of(const Stack& stack) {
  std::string text;
  for (const StackFrame& frame : stack) {
    text += text.empty() ? "" : ", ";
    text += frame.kind == StackFrame::Kind::function    ? "s "
            : frame.kind == StackFrame::Kind::generator ? "ag "
                                                        : "a ";
    text += short_name(frame.function);
  }
  return "[" + text + "]";
}

/// `name [frames] <- {who awaits it}`; an unnamed task is `anon`, a future `F`.
std::string walk(const CallGraph& graph) {
  std::string text = graph.kind == CallGraph::Kind::future       ? "F"
                     : graph.name.find('-') == std::string::npos ? graph.name
                                                                 : "anon";
  text += " " + text_of(graph.call_stack);
  std::string awaiters;
  for (const CallGraph& waiter : graph.awaited_by) awaiters += (awaiters.empty() ? "" : ", ") + walk(waiter);
  return awaiters.empty() ? text : text + " <- {" + awaiters + "}";
}

using Captured = std::optional<CallGraph>;

void c5(Captured& captured) {
  captured = debug::capture_call_graph();
}

template <class How>
struct Graph {
  template <class T = void>
  using Co = Task<T, How>;

  static Co<> c4(Captured& captured) {
    co_await yield();
    c5(captured);
  }
  static Co<> c3(Captured& captured) { co_await c4(captured); }
  static Co<> c2(Captured& captured) { co_await c3(captured); }
  static Co<> c1(JoinHandle<void> task) { co_await task; }

  static Co<> inner(Captured& captured) {
    co_await yield();
    captured = debug::capture_call_graph();
  }
  static Co<> outer(Captured& captured) {
    co_await yield();
    co_await inner(captured);
  }
  static Co<> bystander() { co_await ticks(3); }
  static Co<> outer_in_time(Captured& captured) {
    co_await timeout(1s, [&captured](Timeout&) -> Task<void> {
      co_await yield();
      co_await inner(captured);
    });
  }
  static Co<> in_group(Captured& captured) {
    co_await task_group([&captured](TaskGroup& group) -> Task<void> {
      const auto task = group.spawn(named("c2_root"), c2, std::ref(captured));
      group.spawn(named("sub_main_1"), c1, task);
      group.spawn(named("sub_main_2"), c1, task);
      co_return;
    });
  }
  static Co<> in_gather(Captured& captured) { co_await gather(outer(captured), bystander()); }
  static Co<> in_shield(Captured& captured) { co_await shield(spawn(outer, std::ref(captured))); }
  static Co<> in_shield_and_time(Captured& captured) {
    co_await shield(spawn(outer_in_time, std::ref(captured)));
  }
  static Co<> in_wait(JoinHandle<void> first, JoinHandle<void> second) {
    while (!first.done() || !second.done()) {
      co_await wait(first, second);
    }
  }
  static Co<> in_task(Captured& captured) { co_await spawn(named("there there"), outer, std::ref(captured)); }
  static Co<> a2(Future<void> future) { co_await future; }
  static Co<> a1(Future<void> future) { co_await a2(future); }
  static Co<> b1(Future<void> future) { co_await future; }
};

// 248. test_graph::CallStackTestBase.test_stack_tgroup
// Of the plain functions between the coroutine and the capture only the one that captures has a name.
COTERIE_CASE(Graph, StackInAGroupAndWhoAwaitsIt) {
  Captured captured;
  run([&]() -> Task<void> { co_await Graph<How>::in_group(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured),
            "c2_root [s c5, a c4, a c3, a c2] <- {"
            "main [a group_block, a in_group, a <lambda>], "
            "sub_main_1 [a c1] <- {main [a group_block, a in_group, a <lambda>]}, "
            "sub_main_2 [a c1] <- {main [a group_block, a in_group, a <lambda>]}}");
  EXPECT_THAT(debug::format_call_graph(*captured), HasSubstr(", in async coterie::Graph::in_group()"));
}

// 249. test_graph::CallStackTestBase.test_stack_gather
COTERIE_CASE(Graph, AGatheredChildIsAwaitedByTheTaskThatGathers) {
  Captured captured;
  run([&]() -> Task<void> { co_await Graph<How>::in_gather(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured), "anon [a inner, a outer] <- {main [a in_gather, a <lambda>]}");
}

// 249. test_graph::CallStackTestBase.test_stack_shield
COTERIE_CASE(Graph, AShieldedTaskIsAwaitedByTheTaskBehindTheShield) {
  Captured captured;
  run([&]() -> Task<void> { co_await Graph<How>::in_shield(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured), "anon [a inner, a outer] <- {main [a in_shield, a <lambda>]}");
}

// 249. test_graph::CallStackTestBase.test_stack_wait
COTERIE_CASE(Graph, AWaitedTaskIsAwaitedByTheTaskThatWaits) {
  Captured captured;
  run([&]() -> Task<void> {
    auto first = spawn(Graph<How>::outer_in_time, std::ref(captured));
    auto second = spawn(Graph<How>::bystander);
    co_await Graph<How>::in_wait(first, second);
  });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured),
            "anon [a inner, a <lambda>, a timeout_block, a outer_in_time] <- {main [a in_wait, a <lambda>]}");
}

// 249. test_graph::CallStackTestBase.test_stack_timeout
COTERIE_CASE(Graph, ATimeoutIsFramesOfTheStackAndNoTask) {
  Captured captured;
  run([&]() -> Task<void> { co_await Graph<How>::in_shield_and_time(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured),
            "anon [a inner, a <lambda>, a timeout_block, a outer_in_time] <- "
            "{main [a in_shield_and_time, a <lambda>]}");
}

// 250. test_graph::CallStackTestBase.test_stack_task
COTERIE_CASE(Graph, ANamedTaskIsAwaitedThroughItsHandle) {
  Captured captured;
  run([&]() -> Task<void> { co_await Graph<How>::in_task(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured), "there there [a inner, a outer] <- {main [a in_task, a <lambda>]}");
}

// 250. test_graph::CallStackTestBase.test_stack_future
COTERIE_CASE(Graph, AFutureListsTheTasksThatAwaitIt) {
  Captured captured;
  run([&]() -> Task<void> {
    Future<void> future;
    auto block = [&captured, &future](TaskGroup& group) -> Task<void> {
      group.spawn(named("task A"), Graph<How>::a1, future);
      group.spawn(named("task B"), Graph<How>::b1, future);
      co_await ticks(5);
      captured = debug::capture_call_graph(future);
      future.set_value();
    };
    co_await task_group(block);
  });
  ASSERT_TRUE(captured.has_value());
  // The group's parent awaits its children already while its own body runs.
  EXPECT_EQ(walk(*captured),
            "F [] <- {task A [a a2, a a1] <- {main [a <lambda>, a group_block, a <lambda>]}, "
            "task B [a b1] <- {main [a <lambda>, a group_block, a <lambda>]}}");
  EXPECT_THAT(debug::format_call_graph(*captured), StartsWith("* Future(id=0x"));
}

AsyncGenerator<int> generate(Captured& captured) {
  for (int i = 0; i < 2; ++i) {
    co_yield i;
    if (i == 1) co_await Graph<catching>::inner(captured);
  }
}

// 251. test_graph::CallStackTestBase.test_stack_async_gen
COTERIE_CASE(Graph, AGeneratorIsAFrameWithATagOfItsOwn) {
  struct Local {
    static Co<> consume(Captured& captured) {
      AsyncGenerator<int> numbers = generate(captured);
      while (co_await numbers.next() != nullptr) {
      }
    }
  };
  Captured captured;
  run([&]() -> Task<void> { co_await Local::consume(captured); });
  ASSERT_TRUE(captured.has_value());
  EXPECT_EQ(walk(*captured), "main [a inner, ag generate, a consume, a <lambda>]");
  EXPECT_THAT(debug::format_call_graph(*captured), HasSubstr(", in async generator coterie::generate()"));
}

// 255. test_tasks::BaseTaskTests.test_get_stack
// asyncio knows one coroutine of a task, its outermost; we have them all, so it is asked for by a negative
// limit.
COTERIE_CASE(Graph, StackOfTheTaskThatAsksHasItsOutermostCoroutine) {
  struct Local {
    static Co<> bar(JoinHandle<void>& task, std::vector<std::string>& stacks) {
      co_await yield();
      for (const std::optional<int> limit :
           {std::optional<int>(-1), std::optional<int>(1), std::optional<int>()})
        stacks.push_back(text_of(task.stack(limit)));
    }
    static Co<> foo(JoinHandle<void>& task, std::vector<std::string>& stacks) { co_await bar(task, stacks); }
  };
  std::vector<std::string> stacks;
  run([&]() -> Task<void> {
    JoinHandle<void> task;
    task = spawn(Local::foo, std::ref(task), std::ref(stacks));
    co_await task;
    EXPECT_TRUE(task.stack().empty());
  });
  EXPECT_THAT(stacks, ElementsAre("[a foo]", "[a bar]", "[a bar, a foo]"));
}

}  // namespace
}  // namespace coterie

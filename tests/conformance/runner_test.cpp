// Runner and run() (list J).
#include <gmock/gmock.h>

#include "conformance/what_of.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

// 167. test_runners::RunTests.test_asyncio_run_return
COTERIE_CASE(Runner, RunGivesTheValueOfMain) {
  EXPECT_EQ(coterie::run(Subjects::give_later(1ms, 12), run_options()), 12);
}

// 167. test_runners::RunTests.test_asyncio_run_raises
COTERIE_CASE(Runner, RunThrowsWhatMainThrew) {
  EXPECT_EQ(what_of([] { coterie::run(Subjects::fail_later(1ms, "spam"), run_options()); }), "spam");
}

// 168. test_runners::RunTests.test_asyncio_run_from_running_loop
COTERIE_CASE(Runner, RunInsideARunningLoopIsAnErrorAndMainIsNotStarted) {
  run([]() -> Task<void> {
    bool started = false;
    const auto inner = [](bool& flag) -> Co<void> {
      flag = true;
      co_return;
    };
    EXPECT_THAT(what_of([&] { coterie::run(inner(started), run_options()); }),
                HasSubstr("inside a running event loop"));
    EXPECT_FALSE(started);
    co_return;
  });
}

// 171. test_runners::RunnerTests.test_run
COTERIE_CASE(Runner, RunsSeveralMainsOnOneLoop) {
  Runner runner(run_options());
  EventLoop* loop = nullptr;
  const auto main = [](EventLoop*& out) -> Co<std::string> {
    out = &EventLoop::current();
    co_await yield();
    co_return "done";
  };
  EXPECT_EQ(runner.run(main(loop)), "done");
  EXPECT_EQ(loop, &runner.loop());
  EventLoop* again = nullptr;
  EXPECT_EQ(runner.run(main(again)), "done");
  EXPECT_EQ(again, loop);
  EXPECT_EQ(what_of([&] { runner.run(Subjects::fail("boom")); }), "boom");
  EXPECT_EQ(runner.run(Subjects::give(3)), 3);
}

// 172. test_runners::RunnerTests.test_run_keeps_context
COTERIE_CASE(Runner, ContextVariablesSurviveBetweenRuns) {
  const ContextVar<int> variable("variable", -1);
  (void)variable.set(1);
  Runner runner(run_options());
  (void)runner.loop();
  (void)variable.set(0);
  const auto get_and_set = [](const ContextVar<int>& cvar, int value) -> Co<int> {
    int before = cvar.get();
    (void)cvar.set(value);
    co_await yield();
    co_return before;
  };
  EXPECT_EQ(runner.run(get_and_set(variable, 2)), 1) << "a copy of the context in which the loop was made";
  EXPECT_EQ(runner.run(get_and_set(variable, 3)), 2);
  EXPECT_EQ(variable.get(), 0);
  EXPECT_EQ(runner.run(get_and_set(variable, 4), copy_context()), 0);
  EXPECT_EQ(runner.run(get_and_set(variable, 5)), 3);
  variable.reset(variable.set(0));
}

// 175. test_runners::RunnerTests.test_recursive_run
COTERIE_CASE(Runner, RunOfTheSameRunnerInsideItsRunIsAnError) {
  Runner runner(run_options());
  const auto main = [](Runner& self) -> Co<void> {
    EXPECT_THAT(what_of([&] { self.run(Subjects::nop()); }), HasSubstr("inside a running event loop"));
    EXPECT_THAT(what_of([&] { self.close(); }), HasSubstr("inside a running event loop"));
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
    co_return;
  };
  runner.run(main(runner));
  EXPECT_FALSE(runner.closed());
}

COTERIE_CASE(Runner, AStopThatComesFirstIsAnErrorAndMainGoesOnLater) {
  Runner runner(run_options());
  int steps = 0;
  const auto main = [](int& n) -> Co<void> {
    ++n;
    EventLoop::current().stop();
    co_await ticks(2);
    ++n;
  };
  EXPECT_EQ(what_of([&] { runner.run(main(steps)); }), "Event loop stopped before Future completed.");
  EXPECT_EQ(steps, 1);
  runner.run(ticks(4));
  EXPECT_EQ(steps, 2);
}

}  // namespace
}  // namespace coterie

// Runner and run() (list J), signal handlers (27).
#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "coterie/io/signal.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string what_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// 27. test_events::UnixEventLoopTestsMixin.test_add_signal_handler
COTERIE_CASE(SignalHandler, RunsOnTheLoopsThreadAndItsRemovalRestoresTheDisposition) {
  ASSERT_EQ(::signal(SIGUSR1, SIG_IGN), SIG_DFL);
  const auto main = []() -> Co<std::thread::id> {
    io::SignalSet set(SIGUSR1);
    ::raise(SIGUSR1);
    int signo = co_await set.next();
    EXPECT_EQ(signo, SIGUSR1);
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(coterie::run(main()), std::this_thread::get_id());
  EXPECT_EQ(::signal(SIGUSR1, SIG_DFL), SIG_IGN);
}

// 27. test_events::UnixEventLoopTestsMixin.test_signal_handling_while_selecting
COTERIE_CASE(SignalHandler, WakesALoopThatWaits) {
  const auto main = []() -> Co<int> {
    io::SignalSet set(SIGUSR2);
    const pid_t self = ::getpid();
    std::thread other;
    // The other thread starts when nothing is left to do here but to wait: no timer is armed.
    EventLoop::current().call_soon([&] { other = std::thread([self] { ::kill(self, SIGUSR2); }); });
    int signo = co_await set.next();
    other.join();
    co_return signo;
  };
  EXPECT_EQ(coterie::run(main()), SIGUSR2);
}

// 167. test_runners::RunTests.test_asyncio_run_return
COTERIE_CASE(Runner, RunGivesTheValueOfMain) {
  EXPECT_EQ(coterie::run(Subjects::give_later(1ms, 12)), 12);
}

// 167. test_runners::RunTests.test_asyncio_run_raises
COTERIE_CASE(Runner, RunThrowsWhatMainThrew) {
  EXPECT_EQ(what_of([] { coterie::run(Subjects::fail_later(1ms, "spam")); }), "spam");
}

// 168. test_runners::RunTests.test_asyncio_run_from_running_loop
COTERIE_CASE(Runner, RunInsideARunningLoopIsAnErrorAndMainIsNotStarted) {
  run([]() -> Task<void> {
    bool started = false;
    const auto inner = [](bool& flag) -> Co<void> {
      flag = true;
      co_return;
    };
    EXPECT_THAT(what_of([&] { coterie::run(inner(started)); }), HasSubstr("inside a running event loop"));
    EXPECT_FALSE(started);
    co_return;
  });
}

// 169. test_runners::RunTests.test_asyncio_run_reports_hanging_tasks_errors
COTERIE_CASE(Runner, ErrorOfALeftoverIsReported) {
  Runner runner;
  Reports reports(runner.loop());
  const auto main = []() -> Co<void> {
    spawn(named("left"), Subjects::crash_on_cancel, 1h, "late");
    co_await ticks(1);
  };
  runner.run(main());
  EXPECT_EQ(reports.count(), 0U);
  std::vector<std::string> told;
  runner.loop().set_exception_handler([&](const ErrorContext& context) {
    told.push_back(context.message + " " + context.task + " " + text(context.error));
  });
  runner.close();
  EXPECT_THAT(told, ElementsAre("unhandled exception during shutdown left late"));
}

AsyncGenerator<int> fidget() {
  for (;;) {
    co_yield 1;
    co_await sleep(1h);
  }
}

// 170. test_runners::RunTests.test_asyncio_run_closes_gens_after_hanging_tasks_errors. A generator belongs to
// who holds it, not to the loop: it ends with the leftover task that iterates it, and one that nobody
// iterates goes with its owner.
COTERIE_CASE(Runner, GeneratorsEndAfterTheLeftoversThatIterateThem) {
  AsyncGenerator<int> spinner = fidget();
  AsyncGenerator<int> idle = fidget();
  const auto main = [](AsyncGenerator<int>& spins, AsyncGenerator<int>& idles) -> Co<void> {
    spawn(
        [](AsyncGenerator<int>& generator) -> Co<void> {
          const auto spin = [](AsyncGenerator<int>& g) -> Co<void> {
            while (int* item = co_await g.next()) EXPECT_EQ(*item, 1);
          };
          Outcome<void> end = co_await outcome(spin(generator));
          EXPECT_TRUE(generator.done()) << "before the leftover goes on with its error";
          throw Boom("of the leftover");
        },
        std::ref(spins));
    int* item = co_await idles.next();
    EXPECT_EQ(*item, 1);
    co_await ticks(2);
    throw Boom("fancy exit");
  };
  std::vector<std::string> told;
  RunOptions options;
  options.loop_factory = [&told] {
    auto loop = new_event_loop();
    loop->set_exception_handler(
        [&told](const ErrorContext& context) { told.push_back(text(context.error)); });
    return loop;
  };
  EXPECT_EQ(what_of([&] { coterie::run(main(spinner, idle), options); }), "fancy exit");
  EXPECT_THAT(told, ElementsAre("of the leftover"));
  EXPECT_TRUE(spinner.done());
  EXPECT_FALSE(idle.done());
}

// 171. test_runners::RunnerTests.test_run
COTERIE_CASE(Runner, RunsSeveralMainsOnOneLoop) {
  Runner runner;
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

// 171. test_runners::RunnerTests.test_explicit_close
COTERIE_CASE(Runner, UseAfterCloseIsAnError) {
  Runner runner;
  bool cancelled = false;
  const auto main = [](bool& seen) -> Co<void> {
    spawn(
        [](bool& flag) -> Co<void> {
          Outcome<void> end = co_await outcome(sleep(1h));
          flag = end.cancelled();
        },
        std::ref(seen));
    co_await ticks(1);
  };
  runner.run(main(cancelled));
  EXPECT_FALSE(cancelled) << "between runs the others stay";
  runner.close();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(runner.closed());
  EXPECT_EQ(what_of([&] { runner.run(Subjects::nop()); }), "Runner is closed");
  EXPECT_EQ(what_of([&] { (void)runner.loop(); }), "Runner is closed");
}

// 171. test_runners::RunnerTests.test_double_close
COTERIE_CASE(Runner, ClosesTwiceAlsoWithoutALoop) {
  Runner used;
  used.run(Subjects::nop());
  used.close();
  used.close();
  Runner unused;
  unused.close();
  unused.close();
  EXPECT_EQ(what_of([&] { (void)unused.loop(); }), "Runner is closed");
}

// 171. test_runners::RunnerTests.test_second_with_block_raises: closing belongs to the destructor here
COTERIE_CASE(Runner, ClosesItselfAtTheEndOfItsScope) {
  bool ended = false;
  {
    Runner runner;
    const auto main = [](bool& flag) -> Co<void> {
      spawn(
          [](bool& done) -> Co<void> {
            (void)co_await outcome(sleep(1h));
            done = true;
          },
          std::ref(flag));
      co_await ticks(1);
    };
    runner.run(main(ended));
  }
  EXPECT_TRUE(ended);
}

// 172. test_runners::RunnerTests.test_run_keeps_context
COTERIE_CASE(Runner, ContextVariablesSurviveBetweenRuns) {
  const ContextVar<int> variable("variable", -1);
  (void)variable.set(1);
  Runner runner;
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

// 173. test_runners::RunnerTests.test_interrupt_call_soon
COTERIE_CASE(Runner, SigintCancelsAMainThatSpins) {
  Runner runner;
  std::string end;
  const auto main = [](std::string& out) -> Co<int> {
    const auto spin = []() -> Co<void> {
      for (;;) co_await yield();
    };
    EventLoop::current().call_later(1ms, [] { ::raise(SIGINT); });
    Outcome<void> spun = co_await outcome(spin());
    out = text(spun);
    spun.get();
    co_return 0;
  };
  EXPECT_THROW(runner.run(main(end)), Interrupted);
  EXPECT_EQ(end, "cancelled: SIGINT");
  EXPECT_EQ(::signal(SIGINT, SIG_DFL), SIG_DFL) << "between runs the disposition is the program's";
  EXPECT_EQ(runner.run(Subjects::give(2)), 2);
}

// 174. test_runners::RunnerTests.test_interrupt_wait
COTERIE_CASE(Runner, SigintCancelsWhatMainAwaits) {
  Runner runner;
  Future<void> future;
  const auto main = [](Future<void> awaited) -> Co<int> {
    ::raise(SIGINT);
    co_await awaited;
    co_return 0;
  };
  EXPECT_THROW(runner.run(main(future)), Interrupted);
  EXPECT_TRUE(future.cancelled());
}

// Beyond the list: whose cancel it is, is counted.
COTERIE_CASE(Runner, SigintThatComesWithACancelOfSomebodyElseIsJustACancel) {
  Runner runner;
  const auto main = []() -> Co<int> {
    EventLoop::require_task().cancel(nullptr);
    ::raise(SIGINT);
    (void)co_await outcome(yield());
    co_await sleep(1h);
    co_return 0;
  };
  try {
    runner.run(main());
    ADD_FAILURE();
  } catch (const Cancelled& cancel) {
    EXPECT_EQ(cancel.message(), "SIGINT");
  }
}

// 175. test_runners::RunnerTests.test_recursive_run
COTERIE_CASE(Runner, RunOfTheSameRunnerInsideItsRunIsAnError) {
  Runner runner;
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
  Runner runner;
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

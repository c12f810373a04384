// Signals: handlers (27), and what SIGINT does to a Runner (list J).
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "coterie/io/signal.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

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
  EXPECT_EQ(coterie::run(main(), run_options()), std::this_thread::get_id());
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
  EXPECT_EQ(coterie::run(main(), run_options()), SIGUSR2);
}

// 173. test_runners::RunnerTests.test_interrupt_call_soon
COTERIE_CASE(Runner, SigintCancelsAMainThatSpins) {
  Runner runner(run_options());
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
  Runner runner(run_options());
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
  Runner runner(run_options());
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

}  // namespace
}  // namespace coterie

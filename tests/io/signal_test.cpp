// Signals: as something to await, and as the end of run().

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <functional>

#include "coterie/await_outcome.hpp"
#include "coterie/io/process.hpp"
#include "coterie/io/signal.hpp"
#include "coterie/spawn.hpp"
#include "io/support.hpp"

namespace coterie::io_test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Task<int> raise_and_wait() {
  io::SignalSet set(SIGUSR1, SIGUSR2);
  ::raise(SIGUSR2);
  int first = co_await set.next();
  ::raise(SIGUSR1);
  int second = co_await set.next();
  co_return first * 100 + second;
}

TEST(SignalSet, GivesTheNumberAndGivesTheDispositionBack) {
  ASSERT_EQ(::signal(SIGUSR1, SIG_IGN), SIG_DFL);
  EXPECT_EQ(run(raise_and_wait()), SIGUSR2 * 100 + SIGUSR1);
  EXPECT_EQ(::signal(SIGUSR1, SIG_DFL), SIG_IGN);
  EXPECT_EQ(::signal(SIGUSR2, SIG_DFL), SIG_DFL);
}

Task<int> wait_once() {
  int signo = co_await io::next_signal(SIGUSR1, SIGUSR2);
  co_return signo;
}

Task<int> wait_once_and_raise() {
  auto waiter = spawn(wait_once);
  co_await yield();
  ::raise(SIGUSR1);
  int signo = co_await std::move(waiter);
  co_return signo;
}

TEST(NextSignal, WaitsForOne) {
  EXPECT_EQ(run(wait_once_and_raise()), SIGUSR1);
}

Task<int> next_of(io::SignalSet& set) {
  co_return co_await set.next();
}

Task<int> cancel_one_that_was_served() {
  io::SignalSet set(SIGUSR1);
  auto first = spawn(next_of, std::ref(set));
  auto second = spawn(next_of, std::ref(set));
  co_await yield();
  ::raise(SIGUSR1);
  // Cancelled in the tick in which the signal is handed over, wherever that is: it must not be lost.
  EventLoop& loop = EventLoop::current();
  loop.call_soon([first] { first.cancel(); });
  co_await first.wait();
  if (!first.cancelled()) second.cancel();
  co_await second.wait();
  co_return first.cancelled() ? second.result() : first.result();
}

TEST(SignalSet, ACancelledWaiterPassesTheSignalOn) {
  EXPECT_EQ(run(cancel_one_that_was_served()), SIGUSR1);
}

Task<void> handle_kill() {
  const io::SignalSet set(SIGKILL);
  co_return;
}

TEST(SignalSet, RefusesSigkill) {
  EXPECT_THROW(run(handle_kill()), std::system_error);
}

// --- run()
// --------------------------------------------------------------------------------------------------------

struct Ended {
  int status = 0;
  std::string errors;
  Ended() = default;
  [[nodiscard]] int exit_code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }
};

/// Runs `body` in a child process, its stderr kept.
Ended in_a_child(const std::function<int()>& body) {
  const TempFile errors;
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (std::freopen(errors.path().c_str(), "w", stderr) == nullptr) ::_exit(99);
    int code = 98;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(code);
  }
  Ended ended;
  ::waitpid(pid, &ended.status, 0);
  ended.errors = errors.text();
  return ended;
}

Task<int> interrupt_itself(int signo, bool& cleaned_up) {
  ::raise(signo);
  bool cancelled = false;
  std::string message;
  try {
    co_await sleep(1h);
  } catch (const Cancelled& cancel) {
    cancelled = true;
    message = cancel.message();
  }
  co_await yield();  // cleanup can await
  cleaned_up = cancelled && message == io::signal_name(signo);
  throw Cancelled();
}

TEST(RunSignals, TheFirstOneCancelsMainAndGivesTheShellsCode) {
  bool cleaned_up = false;
  EXPECT_EQ(run(interrupt_itself(SIGINT, cleaned_up)), 130);
  EXPECT_TRUE(cleaned_up);
  cleaned_up = false;
  EXPECT_EQ(run(interrupt_itself(SIGTERM, cleaned_up)), 143);
  EXPECT_TRUE(cleaned_up);
  EXPECT_EQ(::signal(SIGINT, SIG_DFL), SIG_DFL);
}

Task<void> interrupt_void() {
  ::raise(SIGINT);
  co_await sleep(1h);
}

TEST(RunSignals, VoidMainGivesTheCodeToo) {
  EXPECT_EQ(run(interrupt_void()), 130);
}

Task<std::string> interrupt_string() {
  ::raise(SIGTERM);
  co_await sleep(1h);
  co_return "";
}

TEST(RunSignals, AMainWithAnotherValueThrowsInterrupted) {
  try {
    run(interrupt_string());
    FAIL() << "nothing was thrown";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.signo(), SIGTERM);
    EXPECT_STREQ(interrupted.what(), "interrupted by SIGTERM");
  }
}

Task<int> suppress() {
  ::raise(SIGINT);
  try {
    co_await sleep(1h);
  } catch (const Cancelled&) {
  }
  co_return 7;
}

TEST(RunSignals, AMainThatSuppressesTheCancelGivesItsValue) {
  EXPECT_EQ(run(suppress()), 7);
}

Task<int> take_sigterm() {
  io::SignalSet set(SIGTERM);
  ::raise(SIGTERM);
  co_return co_await set.next();
}

TEST(RunSignals, ASignalSetTakesPrecedence) {
  EXPECT_EQ(run(take_sigterm()), SIGTERM);
}

TEST(RunSignals, ADispositionThatIsNotTheDefaultIsLeftAlone) {
  ASSERT_EQ(::signal(SIGINT, SIG_IGN), SIG_DFL);
  const auto raise_ignored = []() -> Task<int> {
    ::raise(SIGINT);
    co_await sleep(1ms);
    co_return 5;
  };
  EXPECT_EQ(run(raise_ignored()), 5);
  EXPECT_EQ(::signal(SIGINT, SIG_DFL), SIG_IGN);
}

TEST(RunSignals, CanBeSwitchedOff) {
  const Ended ended = in_a_child([] {
    RunOptions options;
    options.handle_signals = false;
    return run(interrupt_void(), options);
  });
  EXPECT_EQ(ended.exit_code(), -SIGINT);
}

Task<void> stubborn() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
      ::raise(SIGTERM);  // the second signal, sent when the first has been answered
    }
  }
}

TEST(RunSignals, TheSecondOneEndsTheProcessAndNamesWhatIsUnfinished) {
  const Ended ended = in_a_child([] {
    const auto main = []() -> Task<int> {
      auto child = spawn(named("stubborn"), stubborn);
      ::raise(SIGINT);
      co_await child;
      co_return 0;
    };
    return run(main());
  });
  EXPECT_EQ(ended.exit_code(), 143);
  EXPECT_THAT(
      ended.errors,
      StartsWith("coterie: SIGTERM again: ending at once, unfinished: 'main', 'stubborn'\n2 tasks\n"));
  EXPECT_THAT(ended.errors, AllOf(HasSubstr(" stubborn  cancelling  waits for a timer, due in "),
                                  HasSubstr("  cancel requested ")));
  EXPECT_THAT(ended.errors, HasSubstr("  spawned signal_test.cpp:"));
  EXPECT_THAT(ended.errors, HasSubstr("stubborn() signal_test.cpp:"));
}

TEST(RunSignals, TheSameOneAtOnceIsTheSameRequest) {
  const Ended ended = in_a_child([] {
    const auto main = []() -> Task<void> {
      ::raise(SIGTERM);
      Outcome<void> end = co_await outcome(sleep(1h));
      ::raise(SIGTERM);  // as timeout(1) does: to the process, then to its group
      co_await sleep(10ms);
      std::fprintf(stderr, "cleaned up\n");
      std::fflush(stderr);
      end.get();
    };
    return run(main());
  });
  EXPECT_EQ(ended.exit_code(), 143);
  EXPECT_EQ(ended.errors, "cleaned up\n");
}

TEST(RunSignals, TheSecondOneTakesProcessGroupsAlong) {
  const TempFile file;
  const Ended ended = in_a_child([&file] {
    const auto main = [](std::string path) -> Task<int> {
      auto child = spawn(named("stubborn"), stubborn);
      io::ProcessOptions options({"/bin/sh", "-c", "sleep 1000 & echo $! > " + path + "; wait"});
      const io::Process process(options);
      co_await until([&path] { return std::ifstream(path).peek() != EOF; });
      ::raise(SIGINT);
      co_await child;
      co_return 0;
    };
    return run(main(file.path()));
  });
  EXPECT_EQ(ended.exit_code(), 143);
  const pid_t grandchild = std::stoi(file.text());
  run(until([grandchild] { return !alive(grandchild); }));
}

TEST(RunSignals, OneDuringTheShutdownEndsTheProcessToo) {
  const Ended ended = in_a_child([] {
    const auto main = []() -> Task<int> {
      spawn(named("stubborn"), stubborn);
      co_await yield();
      co_return 0;
    };
    return run(main());
  });
  EXPECT_EQ(ended.exit_code(), 143);
}

TEST(RunSignals, TheThirdOneEndsAProcessWhoseLoopIsBlocked) {
  const Ended ended = in_a_child([] {
    const auto main = []() -> Task<int> {
      for (int i = 0; i < 3; ++i) ::raise(SIGINT);  // and never returns to the loop
      co_return 0;
    };
    return run(main());
  });
  EXPECT_EQ(ended.exit_code(), 130);
  EXPECT_NE(ended.errors.find("the loop does not answer"), std::string::npos);
}

}  // namespace
}  // namespace coterie::io_test

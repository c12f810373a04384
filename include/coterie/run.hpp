#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "coterie/context.hpp"
#include "coterie/core/main_task.hpp"
#include "coterie/loop.hpp"
#include "coterie/task.hpp"

namespace coterie {

/// The default loop: real time, and I/O through the operating system. `ready`: the scheduling policy; null is
/// first in, first out. Most programs call run() instead.
[[nodiscard]] std::unique_ptr<EventLoop> new_event_loop(LoopOptions options = LoopOptions(),
                                                        std::unique_ptr<ReadyQueue> ready = nullptr);

struct RunOptions {
  /// SIGINT and SIGTERM stop the main task, see run(). Only signals whose disposition is the default one are
  /// taken, only on the process's main thread, and they get it back at the end (as asyncio.run does with
  /// SIGINT).
  bool handle_signals = true;
  /// How long tasks that are left when main has ended may take to end, once cancelled. What is left then is
  /// printed on stderr with its stacks, and destroyed. Duration::max(): for ever.
  Duration shutdown_timeout = std::chrono::seconds(30);
  /// Cancels main when it is requested, by any thread, with the message "stop requested". What main then
  /// throws comes out of run().
  std::stop_token stop_token;
  /// Answers `coterie ps`, `tree` and `dump` from a Unix socket of this process, on a thread of its own, as
  /// long as it runs, see docs/debugging.md. Only this user may ask. Off also where the environment says
  /// COTERIE_DEBUG_SOCKET=0, and for a loop whose poller is not the default one.
  bool debug_socket = true;
  /// Where a loop does not answer a dump, its thread's native stack is taken by a signal of its own (SIGRTMAX
  /// - 4): a system call that SA_RESTART does not restart may end with EINTR. Off also by
  /// COTERIE_NATIVE_STACKS=0.
  bool native_stacks = true;
  /// This signal prints a dump of all loops on stderr, also while they are blocked; needs the debug socket's
  /// thread. 0: none. Taken only if its disposition is the default one.
  int dump_signal = 0;
  LoopOptions loop;
  /// Makes the loop: for a scheduling policy, or a loop of a test. Null: new_event_loop(loop). A loop whose
  /// poller is not the default one takes no signals.
  std::function<std::unique_ptr<EventLoop>()> loop_factory;

  RunOptions() = default;
};

/// Thrown by Runner::run() when a signal cancelled the main task, and by run() where the value of that is no
/// exit code.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int signo);
  [[nodiscard]] int signo() const noexcept { return signo_; }

 private:
  int signo_;
};

/// A loop for several main tasks, one after the other: asyncio.Runner (CPython 3.14). Belongs to the thread
/// that makes it. The loop is made when it is first needed, and closed with the Runner.
class Runner {
 public:
  explicit Runner(RunOptions options = RunOptions());
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  /// As close(); what that throws goes to the exception handler.
  ~Runner();

  /// std::logic_error when closed.
  [[nodiscard]] EventLoop& loop();
  /// Runs `main` as the task "main" to its end; gives its value or throws what it threw. Tasks that it leaves
  /// stay, and go on with the next run(). All runs share one context, a copy of the one in which the loop was
  /// made: what one sets in a ContextVar the next sees.
  ///
  /// While it runs, the first SIGINT or SIGTERM cancels main, see coterie::run(); when main then ends as
  /// cancelled `Interrupted` is thrown, unless somebody else had asked for a cancel too.
  ///
  /// std::logic_error, and `main` is not started, when closed or inside a running loop; also when stop()
  /// ended the run first: main is then left like any other task.
  template <class T, class How>
  T run(Task<T, How> main) {
    (void)idle_loop();  // which makes the context too
    return run(std::move(main), context());
  }
  /// The same in another context.
  template <class T, class How>
  T run(Task<T, How> main, const Context& in) {
    const JoinHandle<T> task = detail::start_main(idle_loop(), std::move(main), in.slot());
    drive(task.state());
    return detail::take_main(task);
  }
  /// Cancels every task that is left and waits for their end, see RunOptions::shutdown_timeout, then closes
  /// the loop, also when `Fatal` comes out of it. Errors of these tasks go to the exception handler. A signal
  /// ends the process meanwhile, see coterie::run(). Idempotent; std::logic_error inside a running loop.
  void close();
  [[nodiscard]] bool closed() const noexcept;

 private:
  struct State;
  EventLoop& idle_loop();
  [[nodiscard]] const Context& context() const noexcept;
  void drive(TaskRec& main);
  std::unique_ptr<State> state_;
};

/// Runs `main` as the task "main" on a new default loop of this thread, to its end: the entry of a program.
///
///     int main() { return coterie::run(async_main()); }
///
/// Gives the value of a Task<T>, and for a Task<void> the int 0; what main throws comes out of here. Then
/// every task that is left is cancelled and run to its end, see RunOptions::shutdown_timeout, and the loop is
/// closed.
///
/// The first SIGINT or SIGTERM cancels main, with the signal's name as the message. When main then ends as
/// cancelled the result is an exit code as the shell has it, 130 or 143, for Task<int> and Task<void>; for
/// any other T `Interrupted` is thrown. A main that catches `Cancelled` and returns gives its value. A second
/// signal (not SIGTERM twice within a tenth of a second: timeout(1) signals a process and then its group), or
/// one that comes while leftovers are being stopped, prints the unfinished tasks with their stacks and ends
/// the process at once with that exit code: no destructors, no exit handlers, but child processes are killed
/// with their groups. If the loop is blocked and answers none of them, the third does so from the
/// signal handler itself. A signal that an io::SignalSet waits for goes there instead.
///
/// std::logic_error inside a running loop (co_await instead), or when the loop was stopped before main had
/// ended. To run several mains on one loop see Runner.
template <class T, class How>
auto run(Task<T, How> main, RunOptions options = RunOptions())
    -> std::conditional_t<std::is_void_v<T>, int, T> {
  Runner runner(std::move(options));
  try {
    if constexpr (std::is_void_v<T>) {
      runner.run(std::move(main));
      runner.close();
      return 0;
    } else {
      T value = runner.run(std::move(main));
      runner.close();
      return value;
    }
  } catch (const Interrupted& interrupted) {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, int>) {
      runner.close();
      return 128 + interrupted.signo();
    } else {
      throw;
    }
  }
}

}  // namespace coterie

#pragma once
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

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
  /// named on stderr and destroyed. Duration::max(): for ever.
  Duration shutdown_timeout = std::chrono::seconds(30);
  /// Cancels main when it is requested, by any thread, with the message "stop requested". What main then
  /// throws comes out of run().
  std::stop_token stop_token;
  LoopOptions loop;

  RunOptions() = default;
};

/// Thrown by run() when a signal cancelled a main task whose value is no exit code.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int signo);
  [[nodiscard]] int signo() const noexcept { return signo_; }

 private:
  int signo_;
};

namespace detail {

/// The part of run() that does not depend on the main task's type.
class MainRunner {
 public:
  /// std::logic_error when a loop runs on this thread.
  explicit MainRunner(const RunOptions& options);
  MainRunner(const MainRunner&) = delete;
  MainRunner& operator=(const MainRunner&) = delete;
  ~MainRunner();

  [[nodiscard]] EventLoop& loop() noexcept;
  /// Runs `main` to its end, stops what is left and closes the loop.
  void drive(TaskRec& main);
  /// The signal that ended `main`; 0 when none did.
  [[nodiscard]] int interrupted_by() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

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
/// signal, or one that comes while leftovers are being stopped, prints the names of the unfinished tasks and
/// ends the process at once with that exit code: no destructors, no exit handlers, but child processes are
/// killed with their groups. If the loop is blocked and answers none of them, the third does so from the
/// signal handler itself. A signal that an io::SignalSet waits for goes there instead.
///
/// std::logic_error inside a running loop (co_await instead), or when the loop was stopped before main had
/// ended.
template <class T, class How>
auto run(Task<T, How> main, RunOptions options = RunOptions())
    -> std::conditional_t<std::is_void_v<T>, int, T> {
  detail::MainRunner runner(options);
  JoinHandle<T> task = detail::start_main(runner.loop(), std::move(main));
  detail::cancel_on_stop(options.stop_token, task.state());
  runner.drive(task.state());
  if (const int signo = runner.interrupted_by(); signo != 0) {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, int>)
      return 128 + signo;
    else
      throw Interrupted(signo);
  }
  if constexpr (std::is_void_v<T>) {
    detail::take_main(task);
    return 0;
  } else {
    return detail::take_main(task);
  }
}

}  // namespace coterie

#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coterie/loop.hpp"
#include "coterie/threads/completion.hpp"
#include "coterie/threads/spawn_on.hpp"

namespace coterie {

struct RuntimeOptions {
  /// How many loops, a thread each; 0: one per core.
  std::size_t loops = 0;
  /// The threads are named "<name>-0", "<name>-1"…, of which the system shows 15 characters.
  std::string name = "coterie";
  /// The native stack of each thread, in bytes. Recursion that does not suspend is nested on it: 16 MiB carry
  /// 20,000 levels of co_await in an unoptimised build under AddressSanitizer, some 200,000 in an optimised
  /// one. Address space only, until it is used. Not the process's `ulimit -s`, which containers often change.
  std::size_t stack_bytes = std::size_t{16} << 20;
  /// How long tasks may take to end once stop() has cancelled them. Duration::max(): for ever.
  Duration shutdown_timeout = std::chrono::seconds(30);
  LoopOptions loop;
  /// Each loop's exception handler, called on that loop's thread; null: one line on stderr.
  EventLoop::ExceptionHandler exception_handler;

  RuntimeOptions() = default;
};

/// Several loops, a thread each: for work that needs more than one core. A task stays on its loop; what
/// crosses from one to another is spawn_on(), RemoteHandle and call_soon_threadsafe().
///
///     Runtime runtime(options);                                       // the loops run
///     RemoteHandle<int> part = spawn_on(runtime.loop(1), count, path); // from anywhere
///     int lines = co_await part;                                       // in a task of any loop; get()
///     elsewhere
///
/// All members may be called from any thread, but the destructor and stop() not from one of its own.
class Runtime {
 public:
  /// Returns when the threads have been started; std::system_error when one cannot be.
  explicit Runtime(RuntimeOptions options = RuntimeOptions());
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  /// stop().
  ~Runtime();

  [[nodiscard]] std::size_t size() const noexcept;
  /// Valid as long as this Runtime, also after it has stopped. std::out_of_range.
  [[nodiscard]] EventLoop& loop(std::size_t index) const;
  /// Each in its turn: for work that may run anywhere.
  [[nodiscard]] EventLoop& next_loop() noexcept;
  /// What each scheduling class has had of all loops together, by class: see EventLoop::class_times().
  [[nodiscard]] std::vector<ClassTimes> class_times() const;

  /// Begins the orderly end and returns at once: each loop cancels all of its tasks and runs on, so that what
  /// they clean up with other loops is still served, until all loops have none left or shutdown_timeout has
  /// passed; then it is closed by its own thread, see EventLoop::close().
  void request_stop() noexcept;
  /// Awaits that end, in a task of a loop outside of this Runtime: while it waits its own loop serves what
  /// the tasks that end still want of it, which stop() would not. By any number of tasks; request_stop()
  /// first.
  [[nodiscard]] Task<void> stopped() const;
  /// request_stop(), and blocks until all threads have ended. Gives the names of the tasks that did not end
  /// in time and were destroyed. What escaped from a loop (its poller failed) is thrown, once. Idempotent.
  /// std::logic_error on a thread of its own.
  std::vector<std::string> stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coterie

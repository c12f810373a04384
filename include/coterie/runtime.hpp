#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coterie/loop.hpp"
#include "coterie/placement.hpp"
#include "coterie/threads/completion.hpp"
#include "coterie/threads/spawn_on.hpp"

namespace coterie {
namespace detail {

/// How much a loop of a Runtime has to do: one counter, which others only read and add to.
class LoopLoad {
 public:
  /// The loop's thread, between two ticks.
  void count(std::size_t tasks) noexcept {
    if (tasks == counted_) return;
    sum_.fetch_add(static_cast<std::int64_t>(tasks) - static_cast<std::int64_t>(counted_),
                   std::memory_order_relaxed);
    counted_ = tasks;
  }
  /// Any thread. While a loop is closed by force it may be less than there is.
  [[nodiscard]] std::size_t get() const noexcept {
    return static_cast<std::size_t>(std::max<std::int64_t>(sum_.load(std::memory_order_relaxed), 0));
  }

 private:
  friend class Underway;
  std::atomic<std::int64_t> sum_{0};  // tasks that have been counted, and those on their way
  std::size_t counted_ = 0;           // the loop's thread only
};

/// Counts as a task of the loop that it is on its way to.
class Underway {
 public:
  Underway(EventLoop& loop, LoopLoad& load) noexcept : loop_(&loop), load_(&load) {
    load.sum_.fetch_add(1, std::memory_order_relaxed);
  }
  Underway(Underway&& other) noexcept : loop_(other.loop_), load_(std::exchange(other.load_, nullptr)) {}
  Underway& operator=(Underway&&) = delete;
  ~Underway() {
    if (load_ == nullptr) return;
    if (EventLoop::current_or_null() == loop_)
      ++load_->counted_;  // it stays in the sum, for the task that is there now
    else
      load_->sum_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  EventLoop* loop_;
  LoopLoad* load_;
};

}  // namespace detail

struct RuntimeOptions {
  /// How many loops, a thread each; 0: one for each core that the process may use, see usable_cores().
  std::size_t loops = 0;
  /// The threads are named "<name>-0", "<name>-1"…, of which the system shows 15 characters.
  std::string name = "coterie";
  /// The native stack of each thread, in bytes. Recursion that does not suspend is nested on it: 16 MiB carry
  /// 20,000 levels of co_await in an unoptimised build under AddressSanitizer, some 200,000 in an optimised
  /// one. Address space only, until it is used. Not the process's `ulimit -s`, which containers often change.
  std::size_t stack_bytes = std::size_t{16} << 20;
  /// How long tasks may take to end once stop() has cancelled them. Duration::max(): for ever.
  Duration shutdown_timeout = std::chrono::seconds(30);
  /// See RunOptions.
  bool debug_socket = true;
  bool native_stacks = true;
  LoopOptions loop;
  /// A loop that was sent something by another thread looks for so long whether more comes before it sleeps:
  /// to wake it costs the sender a system call and the time until a core has it back, some 10 microseconds
  /// together, which a burst of messages would otherwise pay again and again. Its price is as much of a core
  /// for each time that a loop has been sent something; timers and I/O are not later than that. One that
  /// finds nothing by it, as where who sends shares its core, tries it ever more rarely, down to once in 64
  /// times, until something comes while it looks. Zero: it sleeps at once.
  Duration linger = std::chrono::microseconds(10);
  /// Each loop's exception handler, called on that loop's thread; null: one line on stderr.
  EventLoop::ExceptionHandler exception_handler;

  RuntimeOptions() = default;
};

/// Several loops, a thread each: for work that needs more than one core. A task stays on its loop; what
/// crosses from one to another is spawn(), spawn_on(), RemoteHandle and call_soon_threadsafe().
///
///     Runtime runtime(options);                                              // the loops run
///     RemoteHandle<int> part = runtime.spawn(Placement::least_loaded(), count, path);  // from anywhere
///     int lines = co_await part;                       // in a task of any loop; elsewhere part.get()
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

  /// spawn_on() the loop that `where` chooses. One that closes before the task has started ends the handle
  /// with LoopClosed: another is not tried, for who has stopped a loop or the Runtime wants an end.
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  detail::RemoteHandleOf<Fn, Args...> spawn(const Placement& where, Fn&& fn, Args&&... args) {
    COTERIE_GUARD_CALLABLE(Fn);
    COTERIE_GUARD_ARGUMENTS(Args...);
    return place(where.choose(*this), SpawnOptions(), std::forward<Fn>(fn), std::forward<Args>(args)...);
  }
  /// With a name, a scheduling class, an eager start.
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  detail::RemoteHandleOf<Fn, Args...> spawn(const Placement& where, SpawnOptions options, Fn&& fn,
                                            Args&&... args) {
    COTERIE_GUARD_CALLABLE(Fn);
    COTERIE_GUARD_ARGUMENTS(Args...);
    return place(where.choose(*this), std::move(options), std::forward<Fn>(fn), std::forward<Args>(args)...);
  }

  // --- what a Placement chooses by
  /// How many tasks of the loop have not ended, ready or waiting: as it was after its last tick, and those
  /// that spawn() has sent since. One relaxed counter a loop. Not kept up once the Runtime stops.
  /// std::out_of_range.
  [[nodiscard]] std::size_t load(std::size_t index) const;
  /// It has not been stopped alone, by EventLoop::stop() or an error of its poller. std::out_of_range.
  [[nodiscard]] bool serves(std::size_t index) const;
  /// The number of the loop that runs on this thread; nothing when it is none of this Runtime's.
  [[nodiscard]] std::optional<std::size_t> here() const noexcept;
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
  template <class Fn, class... Args>
  auto place(std::size_t index, SpawnOptions options, Fn&& fn, Args&&... args) {
    EventLoop& chosen = loop(index);
    return detail::make_remote(chosen.inbox(), detail::Underway(chosen, load_of(index)), std::move(options),
                               std::forward<Fn>(fn), std::forward<Args>(args)...);
  }
  [[nodiscard]] detail::LoopLoad& load_of(std::size_t index) const;
  std::unique_ptr<State> state_;
};

}  // namespace coterie

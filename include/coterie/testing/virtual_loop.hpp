#pragma once
#include <memory>
#include <stdexcept>
#include <utility>

#include "coterie/loop.hpp"
#include "coterie/run_until_complete.hpp"

namespace coterie::testing {

/// Every task of a virtual loop waits for something that can never happen. what() is debug::dump() of them:
/// each task, what it waits for, and its stack. Primitives are numbered in the order in which they are met,
/// so that tasks that wait at the same one can be told:
///
///     deadlock: every task waits, no timer is armed and no other thread can help
///     2 tasks
///     #1 main  pending  waits for a task: #2 'reader'
///     |  at Shop_Opens_Test::body() shop_test.cpp:31
///     '- #2 reader  pending  waits for a lock @1  spawned shop_test.cpp:28
///           at read_all() shop_test.cpp:12
class Deadlock : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A loop whose clock stands still while anything is ready and jumps to the next timer when nothing is: tests
/// of hours run in microseconds and always the same way. It looks at timers before every tick, so that tick
/// counts are exact. Of one thread.
///
/// While a task waits for another thread (to_thread(), a Completion that is awaited as WaitKind::thread) the
/// clock does not jump: such work takes no virtual time, and no timeout beats it. A thread that was merely
/// given the loop's inbox() counts only when no timer is armed.
///
/// When nothing is ready, no timer is armed and no other thread holds the inbox, `Deadlock` is thrown out of
/// run() instead of waiting for ever; when another thread holds it, after ten real seconds without an answer.
class VirtualLoop {
 public:
  /// `ready`: the scheduling policy to test under; null is first in, first out.
  explicit VirtualLoop(std::unique_ptr<ReadyQueue> ready = nullptr);
  /// With options of a loop as it is in production, which looks at timers as they say.
  VirtualLoop(std::unique_ptr<ReadyQueue> ready, LoopOptions options);
  /// Cancels the tasks that are left, lets them end, and closes the loop.
  ~VirtualLoop();
  VirtualLoop(const VirtualLoop&) = delete;
  VirtualLoop& operator=(const VirtualLoop&) = delete;

  [[nodiscard]] EventLoop& loop() noexcept { return *loop_; }
  /// Seconds since the loop was made, by its own clock.
  [[nodiscard]] double seconds() const noexcept;
  /// Moves the clock while a task runs, as if the thread had been blocked for so long.
  void block_for(Duration time) noexcept;

  /// Runs `body` as the task "main" to its end and returns its value or throws what it threw. The loop can be
  /// used again. Tasks that are left stay, see EventLoop::cancel_all_and_run().
  template <class T, class How>
  T run(Task<T, How> body) {
    return run_until_complete(*loop_, std::move(body));
  }

 private:
  class VirtualPoller;
  VirtualPoller* poller_;
  std::unique_ptr<EventLoop> loop_;
};

/// Runs `body` on a virtual loop of its own, then cancels what is left and closes the loop.
template <class T, class How>
T run_virtual(Task<T, How> body) {
  VirtualLoop loop;
  return loop.run(std::move(body));
}

}  // namespace coterie::testing

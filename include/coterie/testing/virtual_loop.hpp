#pragma once
#include <stdexcept>
#include <utility>

#include "coterie/core/main_task.hpp"
#include "coterie/loop.hpp"

namespace coterie::testing {

/// Every task of a virtual loop waits for something that can never happen.
class Deadlock : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// A loop whose clock stands still while anything is ready and jumps to the next timer when nothing is: tests
/// of hours run in microseconds and always the same way. It looks at timers before every tick, so that tick
/// counts are exact. When nothing is ready, no timer is armed and no other thread holds the loop's inbox()
/// (as to_thread() and Completion do) it throws `Deadlock` out of run() instead of waiting for ever.
class VirtualLoop {
 public:
  VirtualLoop();
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
    const JoinHandle<T> main = detail::start_main(*loop_, std::move(body));
    loop_->run_until([&] { return main.done(); });
    if (!main.done()) throw std::logic_error("Event loop stopped before the task completed.");
    return detail::take_main(main);
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

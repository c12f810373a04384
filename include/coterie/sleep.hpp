#pragma once
#include <chrono>
#include <vector>

#include "coterie/core/duration.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/loop.hpp"

namespace coterie {

/// Lets everything else that is ready run once. A cancel is delivered when the task runs again.
class YieldAwaiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) const {
    suspend(caller.promise());
  }
  void await_resume() const {
    TaskRec& task = *EventLoop::current_or_null()->current_task();
    if (task.must_cancel()) [[unlikely]]
      task.throw_cancel();
  }

 private:
  static void suspend(Frame& frame) {
    TaskRec& task = EventLoop::require_task();
    task.top_ = &frame;
    task.make_runnable();
  }
};
/// One tick (asyncio.sleep(0)).
[[nodiscard]] inline YieldAwaiter yield() noexcept {
  return YieldAwaiter();
}

namespace detail {
class SleepAwaiter final : public Leaf, private Timer {
 public:
  explicit SleepAwaiter(Duration delay) noexcept : Leaf(WaitKind::sleep, &delay_), delay_(delay) {}
  ~SleepAwaiter() { disarm(); }
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    if (delay_ <= Duration::zero()) {
      YieldAwaiter().await_suspend(caller);
      return;
    }
    EventLoop& loop = EventLoop::current();
    const TimePoint due = loop.now() + delay_;
    delay_ = due.time_since_epoch();  // where dumps find it; as positive as before
    loop.arm(*this, due);
    suspend(caller);
  }
  void await_resume() {
    if (delay_ <= Duration::zero())
      YieldAwaiter().await_resume();
    else
      deliver();
  }
  CancelReply cancel(const CancelMessage&) override {
    disarm();
    return CancelReply::detached;
  }

 private:
  void run() noexcept override { wake(); }
  [[nodiscard]] const TaskRec* of_task() const noexcept override { return task(); }
  void pass_on_class(std::vector<TaskRec*>&) noexcept override { task()->loop().requeue(*this); }
  void disarm() noexcept {
    if (armed() || queued()) task()->loop().disarm(*this);
  }
  Duration delay_;  // once it waits: when it is due
};
}  // namespace detail

/// Suspends the task for at least `delay`; zero or less is one yield(). Throws `Cancelled` when the task is
/// cancelled meanwhile, and then leaves no timer behind. NaN is std::invalid_argument. (asyncio.sleep)
template <class Rep, class Period>
[[nodiscard]] detail::SleepAwaiter sleep(std::chrono::duration<Rep, Period> delay) {
  return detail::SleepAwaiter(detail::to_duration(delay));
}

}  // namespace coterie

#pragma once
#include <optional>
#include <stdexcept>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/callable.hpp"
#include "coterie/core/done_callback.hpp"
#include "coterie/core/own_cancel.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// A deadline has passed. Nested in it (std::rethrow_if_nested) is the `Cancelled` that it came from.
class TimeoutError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The deadline of a timeout() block, to look at and to move. Lives as long as the block; loop thread only.
class Timeout final : private Timer {
 public:
  /// Moves the deadline; nothing: none. InvalidState once it has expired or the block has ended.
  void reschedule(std::optional<TimePoint> when);
  template <class Rep, class Period>
  void reschedule_after(std::chrono::duration<Rep, Period> delay) {
    reschedule(task_->loop().now() + detail::to_duration(delay));
  }
  [[nodiscard]] std::optional<TimePoint> when() const noexcept { return when_; }
  /// The deadline has passed and the cancel was requested, even if the body swallowed it.
  [[nodiscard]] bool expired() const noexcept {
    return state_ == State::expiring || state_ == State::expired;
  }

  /// For the runtime.
  Timeout(TaskRec& task, std::optional<TimePoint> when);
  ~Timeout();
  /// The block ends by a cancel (`cancelled`) or otherwise; true when that cancel is to become TimeoutError.
  [[nodiscard]] bool exit(bool cancelled) noexcept;

 private:
  enum class State : std::uint8_t { active, expiring, expired, finished };
  void run() noexcept override;
  [[nodiscard]] const TaskRec* of_task() const noexcept override { return task_; }

  TaskRec* task_;
  std::optional<TimePoint> when_;
  std::uint32_t requests_at_entry_;
  std::uint16_t deliveries_at_entry_;
  bool pending_at_entry_;
  detail::OwnCancel cancel_;
  State state_ = State::active;
};

namespace detail {
/// Waits until a task has ended. Where that is `structured` it does so whatever comes: a cancel of the waiter
/// is kept for afterwards.
class EndLeaf final : public Leaf, private DoneCallback {
 public:
  EndLeaf(TaskRec& target, bool structured) noexcept
      : Leaf(WaitKind::task, &target), target_(&target), structured_(structured) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    attach(*target_);
    suspend(caller);
  }
  void await_resume() { deliver(); }
  CancelReply cancel(const CancelMessage&) override {
    if (structured_) return CancelReply::refused;
    detach();
    return CancelReply::detached;
  }
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override {
    requeue();
    targets.push_back(target_);
  }

 private:
  void after_done(TaskRec&) noexcept override { wake(); }
  [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {Leaf::task(), this}; }
  TaskRec* target_;
  bool structured_;
};

/// Cancels the task and waits until it has really ended: TimeoutError if it ended so, else its own end.
template <class T>
Task<T> end_now(JoinHandle<T> child, bool structured);

[[noreturn]] void throw_timeout(const std::exception_ptr& cancel);

/// Awaits a task's end for one of its handles: a copy; moved out where it cannot be copied.
template <class T>
auto outcome_of(JoinHandle<T>& handle) {
  if constexpr (copies<T>)
    return outcome(std::as_const(handle));
  else
    return outcome(std::move(handle));
}

template <class T>
T end_timeout(Timeout& scope, Outcome<T>& end) {
  if (scope.exit(end.cancelled())) throw_timeout(end.error());
  return std::move(end).get();
}

template <class T, class Body>
Task<T> timeout_block(std::optional<TimePoint> when, Body body) {
  Timeout scope(EventLoop::require_task(), when);
  Outcome<T> end = co_await outcome(body(scope));
  co_return end_timeout(scope, end);
}
template <class T, class How>
Task<T> wait_for_task(Duration limit, Task<T, How> body) {
  if (limit > Duration::zero()) {
    Timeout scope(EventLoop::require_task(), EventLoop::current().now() + limit);
    Outcome<T> end = co_await outcome(std::move(body));
    co_return end_timeout(scope, end);
  }
  JoinHandle<T> child =
      spawn_borrowing(std::move(body));  // never runs: it is cancelled before its first step
  const Structured guard(child.state());
  co_return co_await end_now(std::move(child), true);
}
}  // namespace detail

/// Runs the block `body(Timeout&)` in this task; past the deadline it is cancelled, and when that cancel
/// leaves the block it becomes `TimeoutError`. A cancel from outside always wins over the deadline; an error
/// that the body throws while it is cancelled passes unchanged; if the body swallows the cancel, nothing is
/// thrown and `expired()` tells. A deadline in the past still lets the body run to its first suspension.
/// (asyncio.timeout, CPython 3.14)
template <class Rep, class Period, class Body>
  requires detail::TaskFunction<std::decay_t<Body>&, Timeout&>
[[nodiscard]] auto timeout(std::chrono::duration<Rep, Period> limit, Body&& body) {
  COTERIE_GUARD_CALLABLE(Body);
  return detail::timeout_block<detail::task_result_t<std::decay_t<Body>&, Timeout&>, std::decay_t<Body>>(
      EventLoop::current().now() + detail::to_duration(limit), std::forward<Body>(body));
}
/// The same with a deadline; nothing: none until it is rescheduled.
template <class Body>
  requires detail::TaskFunction<std::decay_t<Body>&, Timeout&>
[[nodiscard]] auto timeout_at(std::optional<TimePoint> when, Body&& body) {
  COTERIE_GUARD_CALLABLE(Body);
  return detail::timeout_block<detail::task_result_t<std::decay_t<Body>&, Timeout&>, std::decay_t<Body>>(
      when, std::forward<Body>(body));
}

/// Awaits `body` in this task, at most `limit`: then it is cancelled, waited for, and TimeoutError thrown;
/// the call may therefore last longer than the limit when the body's cleanup does. If the body answers the
/// cancel with a value or an error, that is the end. With a limit of zero or less the body never starts.
/// (asyncio.wait_for, CPython 3.12 and newer)
template <class Rep, class Period, class T, class How>
[[nodiscard]] Task<T> wait_for(std::chrono::duration<Rep, Period> limit, Task<T, How> body) {
  return detail::wait_for_task<T, How>(detail::to_duration(limit), std::move(body));
}
/// The same for a task: it is cancelled at the limit. With zero or less a task that has ended gives its
/// value.
template <class Rep, class Period, class T>
[[nodiscard]] Task<T> wait_for(std::chrono::duration<Rep, Period> limit, JoinHandle<T> handle) {
  const Duration time = detail::to_duration(limit);
  if (time <= Duration::zero() && !handle.done()) {
    detail::check_awaitable(handle.state());
    co_return co_await detail::end_now(std::move(handle), false);
  }
  Timeout scope(EventLoop::require_task(), EventLoop::current().now() + std::max(time, Duration::zero()));
  Outcome<T> end = co_await detail::outcome_of(handle);
  co_return detail::end_timeout(scope, end);
}

template <class T>
Task<T> detail::end_now(JoinHandle<T> child, bool structured) {
  {
    EndLeaf ended(child.state(), structured);
    child.cancel();
    co_await ended;
  }
  if (child.cancelled()) throw_timeout(child.state().outcome().error());
  Outcome<T> end = co_await outcome_of(child);
  co_return std::move(end).get();
}

}  // namespace coterie

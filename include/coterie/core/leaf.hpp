#pragma once
#include <coroutine>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "coterie/core/task_rec.hpp"

namespace coterie {

/// What kind of thing a suspended task waits for. Read by dumps and debuggers: values are never reused.
enum class WaitKind : std::uint8_t {
  none = 0,
  yield = 1,
  sleep = 2,
  task = 3,
  future = 4,
  gather = 5,
  group = 6,
  shield = 7,
  event = 8,
  lock = 9,
  semaphore = 10,
  queue_get = 11,
  queue_put = 12,
  queue_join = 13,
  thread = 14,
  io_readable = 15,
  io_writable = 16,
  process = 17,
  signal = 18,
  callback = 19,
  condition = 20,
  barrier = 21,
  read_lock = 22,
  write_lock = 23,
  channel_send = 24,
  channel_receive = 25,
  wait = 26,
  race = 27,
  as_completed = 28,
  scope = 29,
  asio = 30,
  wakeup = 31,
};
[[nodiscard]] std::string_view to_string(WaitKind kind) noexcept;

/// Sets of kinds, a bit for each: what WaitInfo::object points to.
using WaitKinds = std::uint64_t;
[[nodiscard]] constexpr WaitKinds wait_kinds(std::initializer_list<WaitKind> of) noexcept {
  WaitKinds set = 0;
  for (const WaitKind kind : of) set |= WaitKinds{1} << static_cast<unsigned>(kind);
  return set;
}
[[nodiscard]] constexpr bool contains(WaitKinds set, WaitKind kind) noexcept {
  return (set >> static_cast<unsigned>(kind) & 1) != 0;
}
/// A LoopBound, which may have a name.
inline constexpr WaitKinds primitive_kinds = wait_kinds(
    {WaitKind::event, WaitKind::lock, WaitKind::semaphore, WaitKind::queue_get, WaitKind::queue_put,
     WaitKind::queue_join, WaitKind::condition, WaitKind::barrier, WaitKind::read_lock, WaitKind::write_lock,
     WaitKind::channel_send, WaitKind::channel_receive});
/// A LoopBound that a task has to give back before the wait can end.
inline constexpr WaitKinds lock_kinds =
    wait_kinds({WaitKind::lock, WaitKind::read_lock, WaitKind::write_lock});
/// A Duration, since the epoch of the loop's clock: when it is due.
inline constexpr WaitKinds timer_kinds = wait_kinds({WaitKind::sleep});
/// An int: the descriptor.
inline constexpr WaitKinds descriptor_kinds = wait_kinds({WaitKind::io_readable, WaitKind::io_writable});

/// What a waiter waits for, as data: the kind, and the address of the lock, task, queue… it stands at.
struct WaitInfo {
  WaitKind kind = WaitKind::none;
  const void* object = nullptr;
};

/// The innermost end of an await chain: the base of every awaiter that really suspends its task.
///
///                  suspend()               wake()                    await_resume → deliver()
///     idle ─────────────────▶ waiting ───────────────▶ woken ────────────────────────────────▶ value
///                               │                        │ cancel() meanwhile: must_cancel
///                               │ cancel()               ▼
///                               └──────────────▶ cancelled ─────────────────────────────────▶ Cancelled
///
/// `Cancelled` is thrown by await_resume where the frame catches; a frame that does not is destroyed instead
/// of being resumed: see take_cancel(), which both ways go through.
///
/// A cancel that comes after `wake()` and before the task runs replaces the result at this same await, as in
/// asyncio; an awaiter that was given something in between (a permit, an item) overrides `undo()` to pass it
/// on, or, where that cannot be (bytes of a socket), wakes with `wake_with_result()`. Awaiters live in the
/// coroutine's frame. A destructor of an awaiter that is still waiting must take it out of whatever list it
/// stands in: frames are destroyed while suspended when a loop closes by force.
class Leaf {
 public:
  Leaf(const Leaf&) = delete;
  Leaf& operator=(const Leaf&) = delete;

  [[nodiscard]] WaitInfo wait_info() const noexcept { return {kind_, object_}; }
  [[nodiscard]] TaskRec* task() const noexcept { return task_; }
  [[nodiscard]] bool waiting() const noexcept { return state_ == State::waiting; }

  /// The task is cancelled while it waits here. Detach and return true: the task is then woken with
  /// `Cancelled`. Or pass it on and return `passed_on`: the leaf will be woken later by what it waits for.
  /// `refused` leaves the cancel pending: it is delivered when the task wakes.
  using CancelReply = coterie::CancelReply;
  virtual CancelReply cancel(const CancelMessage& message) = 0;
  /// The task that a cancel goes to instead, so that a long chain of tasks is walked in a loop.
  [[nodiscard]] virtual TaskRec* cancel_target() noexcept { return nullptr; }
  /// The class of its task has changed: adds the tasks that this waits for, which inherit it, to `targets`,
  /// and queues again what is queued to wake its task. See ReadyQueue::inherits().
  virtual void pass_on_class(std::vector<TaskRec*>& targets) noexcept { (void)targets; }

 protected:
  explicit Leaf(WaitKind kind, const void* object = nullptr) noexcept : kind_(kind), object_(object) {}
  ~Leaf() = default;

  /// In await_suspend, after the awaiter has registered itself with what it waits for.
  template <class Promise>
  void suspend(std::coroutine_handle<Promise> caller) {
    suspend_frame(caller.promise());
  }
  /// What was waited for has happened. The task runs one tick later.
  void wake() noexcept;
  /// The same, and what it gives can neither be had again nor passed on: a cancel that is pending, or comes
  /// before the task runs, does not replace it, but waits for the task's next suspension.
  void wake_with_result() noexcept {
    keeps_result_ = true;
    wake();
  }
  /// In await_resume: throws if the task was cancelled meanwhile, after `undo()` when it had been woken; or
  /// what `target_cancel()` gives, where the task was cancelled as well.
  void deliver() {
    if (suspended() && cancel_due()) [[unlikely]]
      deliver_cancel();
    state_ = State::idle;
  }
  /// For awaiters whose await_resume throws a `Cancelled` that is not the task's own: what was waited for has
  /// ended by a cancel. Gives that one, null when it did not; a pending request of the task's own is then the
  /// same delivery. Asked once the leaf was woken.
  virtual std::exception_ptr target_cancel() noexcept { return nullptr; }
  [[nodiscard]] static std::exception_ptr cancel_of(TaskRec& target) noexcept;
  [[nodiscard]] bool woken() const noexcept { return state_ == State::woken; }
  /// Its task waits here, or waited and has not been told yet how that ended: false in the await_resume of an
  /// await that did not suspend.
  [[nodiscard]] bool suspended() const noexcept { return state_ != State::idle; }
  /// The awaiter was woken but its task was cancelled before it ran: give back what it was given.
  virtual void undo() noexcept {}
  void set_wait_object(const void* object) noexcept { object_ = object; }

 private:
  friend class TaskRec;
  friend struct detail::DebugLayout;
  enum class State : std::uint8_t { idle, waiting, woken, cancelled };
  void suspend_frame(Frame& frame);
  [[nodiscard]] bool cancel_due() const noexcept {
    return state_ == State::cancelled || (task_->must_cancel() && !keeps_result_);
  }
  /// The task is about to run. Whether this await ends by a cancel; it then counts as delivered, what the
  /// leaf was given has been passed on, and `error` is what is thrown: null for a cancel without a message.
  bool take_cancel(std::exception_ptr& error) noexcept;
  void deliver_cancel();

  const WaitKind kind_;
  State state_ = State::idle;
  bool keeps_result_ = false;
  const void* object_;
  TaskRec* task_ = nullptr;
};

}  // namespace coterie

#pragma once
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/threads/remote_task.hpp"
#include "coterie/timeout.hpp"

namespace coterie {
namespace detail {

/// Awaits a task of another loop. A cancel of the waiter goes on to the task, and the waiter stays until that
/// has ended; one that comes too late for the task is delivered here.
class RemoteLeaf : public SettlementLeaf {
 public:
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    check();
    SettlementLeaf::await_suspend(caller);
  }
  CancelReply cancel(const CancelMessage& message) override {
    if (remote_->done()) return CancelReply::refused;  // its end is on the way: the cancel replaces it
    message_ = message;
    request_ = remote_->request_cancel(message);
    return CancelReply::passed_on;
  }

 protected:
  explicit RemoteLeaf(RemoteTask& remote) noexcept
      : SettlementLeaf(WaitKind::task, remote), remote_(&remote) {}
  ~RemoteLeaf() = default;
  void deliver_join() {
    remote_->mark_retrieved();
    deliver();
  }

 private:
  void check() const;
  void arrived() noexcept override;
  std::exception_ptr target_cancel() noexcept override {
    remote_->mark_retrieved();
    return remote_->ended_cancelled() ? remote_->error() : nullptr;
  }
  RemoteTask* remote_;
  std::uint32_t request_ = 0;  // the number of the last one that was passed on
  CancelMessage message_;
};

template <class T>
class RemoteAwaiter final : public RemoteLeaf {
 public:
  explicit RemoteAwaiter(RemoteRef<RemoteTaskOf<T>> remote)
      : RemoteLeaf(*remote), remote_(std::move(remote)) {}
  ~RemoteAwaiter() { leave(); }
  std::add_lvalue_reference_t<const T> await_resume() {
    deliver_join();
    return remote_->kept().get();
  }
  Outcome<T> take_outcome() {
    deliver_join();
    return remote_->kept();
  }

 private:
  RemoteRef<RemoteTaskOf<T>> remote_;
};

template <class T>
class RemoteMoveAwaiter final : public RemoteLeaf {
 public:
  explicit RemoteMoveAwaiter(RemoteRef<RemoteTaskOf<T>> remote)
      : RemoteLeaf(*remote), remote_(std::move(remote)) {}
  ~RemoteMoveAwaiter() { leave(); }
  T await_resume() { return take_outcome().get(); }
  Outcome<T> take_outcome() {
    deliver_join();
    return remote_->move_out();
  }

 private:
  RemoteRef<RemoteTaskOf<T>> remote_;
};

/// Waits for the end without a claim to it: a cancel of the waiter leaves the task alone.
template <class T>
class RemoteWaitAwaiter final : public SettlementLeaf {
 public:
  explicit RemoteWaitAwaiter(RemoteRef<RemoteTaskOf<T>> remote)
      : SettlementLeaf(WaitKind::task, *remote), remote_(std::move(remote)) {}
  ~RemoteWaitAwaiter() { leave(); }
  void await_resume() { deliver(); }
  CancelReply cancel(const CancelMessage&) override {
    leave();
    return CancelReply::detached;
  }

 private:
  RemoteRef<RemoteTaskOf<T>> remote_;
};

}  // namespace detail

/// A task of some loop, for any thread and any loop: what spawn_on() gives. Copyable, with an atomic count;
/// every member may be called from any thread. Dropping the last handle detaches the task: it runs on, and an
/// error that nobody retrieved is then reported by the loop that ran it.
///
/// The task's record and frames stay on its own loop and are freed there; its value is freed by whoever drops
/// the last handle. When that loop closes before the task has ended, those who wait get LoopClosed, also when
/// the loop cancelled the task for that reason; Cancelled means that somebody asked for it.
template <class T = void>
class RemoteHandle {
 public:
  using value_type = T;

  RemoteHandle() noexcept = default;
  /// For the runtime: takes over a reference.
  explicit RemoteHandle(detail::RemoteRef<detail::RemoteTaskOf<T>> task) noexcept : task_(std::move(task)) {}

  /// In a task of any loop, as with a JoinHandle: gives `const T&`, valid while a handle is kept; a moved or
  /// temporary handle moves the value out, once, while nobody else looks at it. Throws what the task threw,
  /// or Cancelled when it was cancelled. Cancelling the awaiter cancels the task and waits for its end; if
  /// the request finds the task ended, the awaiter is cancelled all the same and the result is lost to it.
  detail::RemoteAwaiter<T> operator co_await() const& { return detail::RemoteAwaiter<T>(ref()); }
  detail::RemoteMoveAwaiter<T> operator co_await() && { return detail::RemoteMoveAwaiter<T>(ref()); }
  /// Awaits the end, whatever it is: no value, no exception; a cancel of the awaiter leaves the task alone.
  [[nodiscard]] detail::RemoteWaitAwaiter<T> wait() const { return detail::RemoteWaitAwaiter<T>(ref()); }

  /// Requests a cancel, see JoinHandle::cancel(): a message to the task's loop, so it is over only when the
  /// task has ended. False when it has ended already.
  bool cancel(std::string message = {}) const {  // NOLINT(modernize-use-nodiscard)
    if (done()) return false;
    ref()->request_cancel(message.empty() ? nullptr
                                          : std::make_shared<const std::string>(std::move(message)));
    return true;
  }
  [[nodiscard]] bool done() const { return ref()->done(); }
  [[nodiscard]] bool cancelled() const { return done() && ref()->ended_cancelled(); }

  /// For threads without a loop: blocks until the task has ended, then as awaiting. Where a loop runs,
  /// std::logic_error unless the task has ended already.
  std::add_lvalue_reference_t<const T> get() const& {
    ref()->await_end(std::nullopt);
    return read();
  }
  T get() && {
    ref()->await_end(std::nullopt);
    ref()->mark_retrieved();
    return ref()->move_out().get();
  }
  /// The same for at most `limit`: then TimeoutError, and the task runs on.
  template <class Rep, class Period>
  std::add_lvalue_reference_t<const T> get_for(std::chrono::duration<Rep, Period> limit) const& {
    if (!ref()->await_end(Clock::now() + detail::to_duration(limit)))
      throw TimeoutError("remote task '" + name() + "' has not ended in time");
    return read();
  }

  /// What named() gave it, else "remote task".
  [[nodiscard]] std::string name() const { return ref()->name(); }
  [[nodiscard]] explicit operator bool() const noexcept { return task_.get() != nullptr; }
  friend bool operator==(const RemoteHandle&, const RemoteHandle&) = default;

  /// For the runtime.
  [[nodiscard]] const detail::RemoteRef<detail::RemoteTaskOf<T>>& ref() const {
    if (task_.get() == nullptr)
      throw InvalidState("this RemoteHandle refers to no task: it was moved from or never set");
    return task_;
  }

 private:
  std::add_lvalue_reference_t<const T> read() const {
    ref()->mark_retrieved();
    return ref()->kept().get();
  }
  detail::RemoteRef<detail::RemoteTaskOf<T>> task_;
};

/// See outcome() in await_outcome.hpp.
template <class T>
[[nodiscard]] detail::OutcomeAwaiter<detail::RemoteAwaiter<T>> outcome(const RemoteHandle<T>& handle) {
  return detail::OutcomeAwaiter<detail::RemoteAwaiter<T>>(handle.ref());
}
template <class T>
[[nodiscard]] detail::OutcomeAwaiter<detail::RemoteMoveAwaiter<T>> outcome(RemoteHandle<T>&& handle) {
  return detail::OutcomeAwaiter<detail::RemoteMoveAwaiter<T>>(handle.ref());
}

}  // namespace coterie

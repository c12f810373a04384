#pragma once
#include <coroutine>
#include <cstdint>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "coterie/core/frame.hpp"
#include "coterie/core/task_rec.hpp"
#include "coterie/outcome.hpp"

namespace coterie {

/// How a coroutine unwinds when its task is cancelled, as the second argument of its Task.
/// By the exception `Cancelled`, thrown at the innermost await: it can be caught.
struct catching {};
/// By destruction of the suspended frame, without an exception: a tenth of the price, for coroutines that
/// have nothing to say to a cancel.
///
/// **A guard that acts on success acts.** `catch` blocks and scope-success or scope-failure guards of such a
/// frame do not see the cancel: its locals die as if the block had been left, with
/// `std::uncaught_exceptions()` unchanged. A guard that commits unless an exception flies **commits**. Keep
/// such guards in a Task<T>, or let them ask for an explicit "done".
///
/// The same as with the exception: locals of an inner frame die before those of an outer one, each once, in
/// reverse order; what was waited for is passed on; callbacks run and tasks wake in the same order; and the
/// awaiter sees the same end: a Task<T> gets `Cancelled` at its await, outcome() a cancelled Outcome, and the
/// task ends cancelled with the same message. Not promised: when parameters die relative to the caller's
/// locals. `co_await outcome(...)` in such a frame is given the cancel as a value and the frame goes on.
/// A frame that is on the native stack is not destroyed: a `Cancelled` that comes out of an await that did
/// not suspend is the exception, here too. See docs/cancellation.md.
struct no_catch {};

template <class T, class How>
class Task;

namespace detail {

[[noreturn]] void throw_no_coroutine();
/// Destroys a coroutine that has not begun; reports it in debug mode.
void destroy_unawaited(Frame& frame) noexcept;

/// Inside the `catch` of a coroutine that the exception in flight leaves. True: it is `Cancelled`. Any other
/// one, when it leaves its first coroutine, is noted with the await chain: see thrown_in().
[[nodiscard]] bool leave_by_exception(const Frame& left) noexcept;

/// Hands control to the caller, or to the loop for a task's root, once the current coroutine has returned
/// there.
void ascend(Frame& finished) noexcept;
/// The same for a coroutine that ended by the cancel `error`, whose caller may be one to destroy.
void ascend_cancelled(Frame& finished, std::exception_ptr error) noexcept;

/// An awaiter whose value may be a cancel says `using takes_cancel = void;`: the coroutine that awaits it
/// goes on, also one without a catch.
template <class Awaitable>
concept TakesCancel = requires { typename std::remove_cvref_t<Awaitable>::takes_cancel; };

template <class Awaitable>
concept HasMemberCoAwait =
    requires(Awaitable&& awaitable) { static_cast<Awaitable&&>(awaitable).operator co_await(); };
template <class Awaitable>
concept HasFreeCoAwait =
    requires(Awaitable&& awaitable) { operator co_await(static_cast<Awaitable&&>(awaitable)); };
template <class Awaitable>
concept HasAwaitReady = requires(Awaitable&& awaitable) { awaitable.await_ready(); };

/// Stands for an awaiter that lives in the awaiting expression: gcc 12 would copy what await_transform
/// returns by reference.
template <class Awaiter>
class AwaiterRef {
 public:
  explicit AwaiterRef(Awaiter& awaiter) noexcept : awaiter_(&awaiter) {}
  decltype(auto) await_ready() const { return awaiter_->await_ready(); }
  template <class P>
  decltype(auto) await_suspend(std::coroutine_handle<P> caller) const {
    return awaiter_->await_suspend(caller);
  }
  decltype(auto) await_resume() const { return awaiter_->await_resume(); }

 private:
  Awaiter* awaiter_;
};

/// What every promise of a Task shares.
class PromiseBase : public Frame {
 public:
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { free_frame(block, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }

  /// If the awaiter is still inside its `await_suspend`, returning is enough: it sees that we are done. Else
  /// the loop resumes it from its trampoline, so that a chain of any length ends on a flat native stack.
  /// Never resumed from here: it may destroy this frame.
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> finished) noexcept {
      P& promise = finished.promise();
      if (promise.nested()) return;
      if (promise.outcome().cancelled()) [[unlikely]]
        ascend_cancelled(promise, promise.outcome().error());
      else
        ascend(promise);
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }

  /// Notes the line of every await.
  template <class Awaitable>
  auto await_transform(Awaitable&& awaitable, std::source_location where = std::source_location::current()) {
    set_awaiting(where);
    static_assert(
        HasMemberCoAwait<Awaitable> || HasFreeCoAwait<Awaitable> || HasAwaitReady<Awaitable>,
        "this cannot be awaited. A duration needs sleep(), a std::future wrap_future(), a call that "
        "blocks to_thread(), a coroutine function its arguments: co_await f(x)");
    if constexpr (HasMemberCoAwait<Awaitable>)
      return static_cast<Awaitable&&>(awaitable).operator co_await();
    else if constexpr (HasFreeCoAwait<Awaitable>)
      return operator co_await(static_cast<Awaitable&&>(awaitable));
    else if constexpr (std::is_empty_v<Awaitable> && std::is_trivially_copyable_v<Awaitable>)
      return awaitable;  // a yield(): there is nothing to refer to
    else
      return AwaiterRef<std::remove_reference_t<Awaitable>>(awaitable);
  }

 protected:
  using Frame::Frame;
  ~PromiseBase() = default;
};

/// How a coroutine ended, however it unwinds.
template <class T>
class ResultPromise : public PromiseBase {
 public:
  void unhandled_exception() noexcept {
    outcome_.set_exception(std::current_exception(), leave_by_exception(*this));
  }
  [[nodiscard]] Outcome<T>& outcome() noexcept { return outcome_; }

 protected:
  explicit ResultPromise(std::source_location where) noexcept : PromiseBase(where) {}
  ~ResultPromise() = default;

 private:
  Outcome<T> outcome_;
};

/// With what it returns.
template <class T>
class ReturnPromise : public ResultPromise<T> {
 public:
  template <class U = T>
  void return_value(U&& value) {
    this->outcome().set_value(std::forward<U>(value));
  }

 protected:
  using ResultPromise<T>::ResultPromise;
  ~ReturnPromise() = default;
};
template <>
class ReturnPromise<void> : public ResultPromise<void> {
 public:
  void return_void() noexcept { outcome().set_value(); }

 protected:
  using ResultPromise<void>::ResultPromise;
  ~ReturnPromise() = default;
};

template <class T, class How>
class Promise final : public ReturnPromise<T> {
 public:
  explicit Promise(std::source_location where = std::source_location::current()) noexcept
      : ReturnPromise<T>(where) {}
  Task<T, How> get_return_object() noexcept;
};

template <class T>
class Promise<T, no_catch> final : public ReturnPromise<T> {
 public:
  explicit Promise(std::source_location where = std::source_location::current()) noexcept
      : ReturnPromise<T>(where) {}
  Task<T, no_catch> get_return_object() noexcept;

  template <class Awaitable>
  auto await_transform(Awaitable&& awaitable, std::source_location where = std::source_location::current()) {
    this->set_dies_of_cancel(!TakesCancel<Awaitable>);
    return PromiseBase::await_transform(static_cast<Awaitable&&>(awaitable), where);
  }
};

/// The cancel that destroyed an awaited child; null for one without a message. First thing in await_resume.
[[nodiscard]] std::exception_ptr take_unwound() noexcept;
/// Throws it. Out of line, so that no coroutine has an exception_ptr on its stack for it.
[[noreturn]] void throw_unwound();

/// Runs a child coroutine inside its awaiter's `await_suspend`: no queue, no tail call. Owns the frame,
/// unless a cancel destroyed it while it was suspended.
template <class T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(ResultPromise<T>& child) noexcept : child_(&child) {}
  TaskAwaiter(TaskAwaiter&& other) noexcept : child_(std::exchange(other.child_, nullptr)) {}
  TaskAwaiter& operator=(TaskAwaiter&&) = delete;
  ~TaskAwaiter() {
    if (child_ != nullptr) child_->handle().destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> caller) {
    return caller.promise().run_child(child_);
  }
  T await_resume() {
    if (child_ == nullptr) [[unlikely]]
      throw_unwound();
    return std::move(outcome()).get();
  }
  /// For outcome(): the same without throwing.
  Outcome<T> take_outcome() {
    if (child_ != nullptr) [[likely]]
      return std::move(outcome());
    Outcome<T> end;
    end.set_cancelled(take_unwound());
    return end;
  }

 private:
  Outcome<T>& outcome() noexcept { return static_cast<ResultPromise<T>*>(child_)->outcome(); }
  Frame* child_;
};

}  // namespace detail

/// A coroutine: lazy, awaited at most once, running inside its awaiter's task. Move-only; destroying one that
/// was never awaited destroys its arguments without running it.
///
/// Awaiting costs no tick when the body does not suspend. A cancel of the awaiting task is delivered at the
/// innermost await and comes up through here as `Cancelled`. Not an independent task: see spawn().
template <class T = void, class How = catching>
class [[nodiscard("a Task does nothing until it is awaited: co_await it, or spawn() its function")]] Task {
  static_assert(!std::is_rvalue_reference_v<T>,
                "a Task returns a value or an lvalue reference: Task<T>, into which you can move");
  static_assert(!std::is_const_v<T>, "a Task gives its value away, so const says nothing: Task<T>");
  static_assert(std::is_same_v<How, catching> || std::is_same_v<How, no_catch>,
                "the second argument of a Task is coterie::catching or coterie::no_catch");
  static_assert(alignof(detail::Promise<T, How>) <= 16,
                "gcc 12 misaligns over-aligned values in coroutine frames: return a std::unique_ptr to it");

 public:
  using promise_type = detail::Promise<T, How>;
  using value_type = T;
  using how_type = How;

  Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task moved(std::move(other));
    std::swap(promise_, moved.promise_);
    return *this;
  }
  ~Task() {
    if (valid()) detail::destroy_unawaited(frame());
  }

  /// std::logic_error when it was moved from or awaited before.
  detail::TaskAwaiter<T> operator co_await() && {
    if (!valid()) [[unlikely]]
      detail::throw_no_coroutine();
    return detail::TaskAwaiter<T>(release());
  }
  /// False after it was moved from or awaited.
  [[nodiscard]] bool valid() const noexcept { return promise_ != nullptr; }

  /// For the runtime: takes over the frame of a coroutine that has not begun.
  explicit Task(detail::ResultPromise<T>& promise) noexcept : promise_(&promise) {}
  /// For the runtime. Precondition: valid().
  [[nodiscard]] Frame& frame() noexcept { return *promise_; }
  /// For the runtime: gives up the frame, which the caller now owns.
  [[nodiscard]] detail::ResultPromise<T>& release() noexcept { return *std::exchange(promise_, nullptr); }

 private:
  detail::ResultPromise<T>* promise_;
};

namespace detail {
template <class T, class How>
Task<T, How> Promise<T, How>::get_return_object() noexcept {
  return Task<T, How>(*this);
}
template <class T>
Task<T, no_catch> Promise<T, no_catch>::get_return_object() noexcept {
  return Task<T, no_catch>(*this);
}

template <class T>
inline constexpr bool is_task = false;
template <class T, class How>
inline constexpr bool is_task<Task<T, How>> = true;

}  // namespace detail
}  // namespace coterie

#pragma once
#include <coroutine>
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
/// By destruction, without an exception: `catch` blocks in such a frame do not see the cancel.
struct no_catch {};

template <class T, class How>
class Task;

namespace detail {

[[noreturn]] void throw_no_coroutine();
/// Destroys a coroutine that has not begun; reports it in debug mode.
void destroy_unawaited(Frame& frame) noexcept;

/// Inside a `catch`: the exception in flight is `Cancelled`. Asked without throwing it again.
[[nodiscard]] bool cancel_in_flight() noexcept;

/// Hands control to `caller`, or to the loop for a task's root, once the current coroutine has returned
/// there.
void ascend(Frame& finished) noexcept;

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
    void await_suspend(std::coroutine_handle<>) noexcept {
      if (!promise.nested()) ascend(promise);
    }
    void await_resume() noexcept {}
    PromiseBase& promise;
  };
  FinalAwaiter final_suspend() noexcept { return {*this}; }

  /// Notes the line of every await.
  template <class Awaitable>
  auto await_transform(Awaitable&& awaitable, std::source_location where = std::source_location::current()) {
    set_awaiting(where);
    if constexpr (requires { static_cast<Awaitable&&>(awaitable).operator co_await(); })
      return static_cast<Awaitable&&>(awaitable).operator co_await();
    else
      return AwaiterRef<std::remove_reference_t<Awaitable>>(awaitable);
  }

 protected:
  using Frame::Frame;
  ~PromiseBase() = default;
};

/// What a coroutine returns or throws, however it unwinds.
template <class T>
class ResultPromise : public PromiseBase {
 public:
  template <class U = T>
  void return_value(U&& value) {
    outcome_.set_value(std::forward<U>(value));
  }
  void unhandled_exception() noexcept {
    outcome_.set_exception(std::current_exception(), cancel_in_flight());
  }
  [[nodiscard]] Outcome<T>& outcome() noexcept { return outcome_; }

 protected:
  explicit ResultPromise(std::source_location where) noexcept : PromiseBase(where) {}
  ~ResultPromise() = default;

 private:
  Outcome<T> outcome_;
};

template <>
class ResultPromise<void> : public PromiseBase {
 public:
  void return_void() noexcept { outcome_.set_value(); }
  void unhandled_exception() noexcept {
    outcome_.set_exception(std::current_exception(), cancel_in_flight());
  }
  [[nodiscard]] Outcome<void>& outcome() noexcept { return outcome_; }

 protected:
  explicit ResultPromise(std::source_location where) noexcept : PromiseBase(where) {}
  ~ResultPromise() = default;

 private:
  Outcome<void> outcome_;
};

template <class T, class How>
class Promise final : public ResultPromise<T> {
 public:
  explicit Promise(std::source_location where = std::source_location::current()) noexcept
      : ResultPromise<T>(where) {}
  Task<T, How> get_return_object() noexcept;
};

/// Runs a child coroutine inside its awaiter's `await_suspend`: no queue, no tail call. Owns the frame.
template <class T>
class TaskAwaiter {
 public:
  using Handle = std::coroutine_handle<ResultPromise<T>>;
  explicit TaskAwaiter(Handle child) noexcept : child_(child) {}
  TaskAwaiter(TaskAwaiter&& other) noexcept : child_(std::exchange(other.child_, nullptr)) {}
  TaskAwaiter& operator=(TaskAwaiter&&) = delete;
  ~TaskAwaiter() {
    if (child_) child_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> caller) {
    Frame& parent = caller.promise();
    Frame& child = child_.promise();
    parent.enter(child);
    child_.resume();
    parent.leave(child);
    return !child_.done();
  }
  T await_resume() { return std::move(child_.promise().outcome()).get(); }
  /// For outcome(): the same without throwing.
  Outcome<T> take_outcome() { return std::move(child_.promise().outcome()); }

 private:
  Handle child_;
};

}  // namespace detail

/// A coroutine: lazy, awaited at most once, running inside its awaiter's task. Move-only; destroying one that
/// was never awaited destroys its arguments without running it.
///
/// Awaiting costs no tick when the body does not suspend. A cancel of the awaiting task is delivered at the
/// innermost await and comes up through here as `Cancelled`. Not an independent task: see spawn().
template <class T = void, class How = catching>
class [[nodiscard("a Task does nothing until it is awaited: co_await it, or spawn() its function")]] Task {
  static_assert(!std::is_reference_v<T>,
                "a Task returns a value: return a pointer or std::reference_wrapper");
  static_assert(std::is_same_v<How, catching> || std::is_same_v<How, no_catch>,
                "the second argument of a Task is coterie::catching or coterie::no_catch");
  static_assert(alignof(detail::Promise<T, How>) <= 16,
                "gcc 12 misaligns over-aligned values in coroutine frames: return a std::unique_ptr to it");

 public:
  using promise_type = detail::Promise<T, How>;
  using value_type = T;
  using how_type = How;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task moved(std::move(other));
    std::swap(handle_, moved.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) detail::destroy_unawaited(handle_.promise());
  }

  /// std::logic_error when it was moved from or awaited before.
  detail::TaskAwaiter<T> operator co_await() && {
    if (!handle_) [[unlikely]]
      detail::throw_no_coroutine();
    return detail::TaskAwaiter<T>(release());
  }
  /// False after it was moved from or awaited.
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(handle_); }

  /// For the runtime. Precondition: valid().
  [[nodiscard]] Frame& frame() noexcept { return handle_.promise(); }
  /// For the runtime: gives up the frame, which the caller now owns.
  [[nodiscard]] typename detail::TaskAwaiter<T>::Handle release() noexcept {
    return detail::TaskAwaiter<T>::Handle::from_promise(std::exchange(handle_, nullptr).promise());
  }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {
template <class T, class How>
Task<T, How> Promise<T, How>::get_return_object() noexcept {
  return Task<T, How>(std::coroutine_handle<Promise>::from_promise(*this));
}

template <class T>
inline constexpr bool is_task = false;
template <class T, class How>
inline constexpr bool is_task<Task<T, How>> = true;

}  // namespace detail
}  // namespace coterie

#pragma once
#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/outcome.hpp"
#include "coterie/spawn.hpp"
#include "coterie/task.hpp"

namespace coterie {
namespace detail {

/// An awaiter whose end is a value, whatever it is.
template <class Awaiter>
class OutcomeAwaiter {
 public:
  using takes_cancel = void;
  template <class... Args>
  explicit OutcomeAwaiter(Args&&... args) : awaiter_(std::forward<Args>(args)...) {}
  bool await_ready() { return awaiter_.await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> caller) {
    return awaiter_.await_suspend(caller);
  }
  auto await_resume() {
    using Result = decltype(awaiter_.take_outcome());
    try {
      return awaiter_.take_outcome();
    } catch (...) {  // the awaiting task itself was cancelled
      Result outcome;
      outcome.set_current_exception();
      return outcome;
    }
  }

 private:
  Awaiter awaiter_;
};

/// The same for an awaiter that stands in the awaiting expression.
template <class Awaiter>
class OutcomeOfRef {
 public:
  using takes_cancel = void;
  explicit OutcomeOfRef(Awaiter& awaiter) noexcept : awaiter_(&awaiter) {}
  bool await_ready() { return awaiter_->await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> caller) {
    return awaiter_->await_suspend(caller);
  }
  auto await_resume() {
    using T = std::decay_t<decltype(awaiter_->await_resume())>;
    Outcome<T> outcome;
    try {
      if constexpr (std::is_void_v<T>) {
        awaiter_->await_resume();
        outcome.set_value();
      } else {
        outcome.set_value(awaiter_->await_resume());
      }
    } catch (...) {
      outcome.set_current_exception();
    }
    return outcome;
  }

 private:
  Awaiter* awaiter_;
};

template <class T>
inline constexpr bool is_join_handle = false;
template <class T>
inline constexpr bool is_join_handle<JoinHandle<T>> = true;

/// The same for what gives an awaiter by its operator co_await.
template <class Awaiter>
class OutcomeOf {
 public:
  using takes_cancel = void;
  template <class Awaitable>
  OutcomeOf(std::in_place_t, Awaitable&& awaitable)
      : awaiter_(std::forward<Awaitable>(awaitable).operator co_await()), outcome_(awaiter_) {}
  OutcomeOf(const OutcomeOf&) = delete;
  OutcomeOf& operator=(const OutcomeOf&) = delete;
  bool await_ready() { return outcome_.await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> caller) {
    return outcome_.await_suspend(caller);
  }
  auto await_resume() { return outcome_.await_resume(); }

 private:
  Awaiter awaiter_;
  OutcomeOfRef<Awaiter> outcome_;
};

}  // namespace detail

/// Awaits and gives the end as a value: the result, the exception, or the cancel that was delivered here.
/// What must not be awaited here at all, by this task or on this loop, is InvalidState, thrown at once. What
/// a `catch` cannot do because it must not await:
///
///     Outcome<void> end = co_await outcome(talk(log));
///     co_await log.flush();   // runs on success, error and cancel; may be cancelled in its turn
///     end.get();              // goes on as if nothing had been caught
template <class T, class How>
[[nodiscard]] detail::OutcomeAwaiter<detail::TaskAwaiter<T>> outcome(Task<T, How> task) {
  return detail::OutcomeAwaiter<detail::TaskAwaiter<T>>(std::move(task).operator co_await());
}
/// Awaits a task by its handle; a cancel of the awaiter cancels the task.
template <class T>
[[nodiscard]] detail::OutcomeAwaiter<detail::JoinAwaiter<T>> outcome(const JoinHandle<T>& handle) {
  return detail::OutcomeAwaiter<detail::JoinAwaiter<T>>(handle.state());
}
template <class T>
[[nodiscard]] detail::OutcomeAwaiter<detail::MoveAwaiter<T>> outcome(JoinHandle<T>&& handle) {
  return detail::OutcomeAwaiter<detail::MoveAwaiter<T>>(handle.state());
}
/// Any other awaitable of this library, in one expression: `co_await outcome(sleep(1s))`.
template <class Awaiter>
  requires requires(Awaiter& a) { a.await_resume(); }
[[nodiscard]] detail::OutcomeOfRef<std::remove_reference_t<Awaiter>> outcome(Awaiter&& awaiter) {
  return detail::OutcomeOfRef<std::remove_reference_t<Awaiter>>(awaiter);
}

/// What gives an awaiter: a Future, a RemoteHandle.
template <class Awaitable>
  requires detail::HasMemberCoAwait<Awaitable> && (!requires(Awaitable& a) { a.await_resume(); }) &&
           (!detail::is_join_handle<std::remove_cvref_t<Awaitable>>)
[[nodiscard]] auto outcome(Awaitable&& awaitable) {
  using Awaiter = decltype(std::forward<Awaitable>(awaitable).operator co_await());
  return detail::OutcomeOf<Awaiter>(std::in_place, std::forward<Awaitable>(awaitable));
}

namespace detail {
template <class T, class How, class Cleanup>
Task<T> cleanup_block(Task<T, How> body, Cleanup cleanup) {
  Outcome<T> end = co_await outcome(std::move(body));
  co_await cleanup();
  co_return std::move(end).get();
}
}  // namespace detail

/// Awaits `body`, then `cleanup()` however the body ended, then goes on with the body's end: its value, its
/// exception or its cancel. The cleanup's awaits work normally, for the cancel has been delivered; another
/// cancel can interrupt it, as in a `finally` of asyncio. What the cleanup throws wins. If the task is
/// cancelled before it starts, neither runs.
template <class T, class How, class Cleanup>
  requires detail::TaskFunction<std::decay_t<Cleanup>&>
[[nodiscard]] Task<T> with_cleanup(Task<T, How> body, Cleanup&& cleanup) {
  COTERIE_GUARD_CALLABLE(Cleanup);
  return detail::cleanup_block<T, How, std::decay_t<Cleanup>>(std::move(body),
                                                              std::forward<Cleanup>(cleanup));
}

}  // namespace coterie

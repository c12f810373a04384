#pragma once
#include <coroutine>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/done_callback.hpp"
#include "coterie/spawn.hpp"

namespace coterie {
namespace detail {

template <class T, bool Move>
class ShieldAwaiter final : public Leaf, private DoneCallback {
 public:
  explicit ShieldAwaiter(JoinHandle<T> inner)
      : Leaf(WaitKind::shield, &inner.state()), inner_(std::move(inner)) {}
  bool await_ready() const { return inner_.done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    check_awaitable(inner_.state());
    attach(inner_.state());
    suspend(caller);
  }
  decltype(auto) await_resume() {
    deliver();
    inner_.state().mark_retrieved();
    if constexpr (Move)
      return inner_.state().take().get();
    else
      return std::as_const(inner_.state().kept()).get();
  }
  CancelReply cancel(const CancelMessage&) override {
    detach();
    return CancelReply::detached;
  }
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override {
    requeue();
    targets.push_back(&inner_.state());
  }

 private:
  void after_done(TaskRec&) noexcept override { wake(); }
  std::exception_ptr target_cancel() noexcept override { return cancel_of(inner_.state()); }
  [[nodiscard]] WaitingTask waiting_task() const noexcept override { return {Leaf::task(), this}; }
  JoinHandle<T> inner_;
};

}  // namespace detail

/// Awaits a task that a cancel of the awaiter must not reach: the awaiter gets `Cancelled` at once, the task
/// runs on. If the task itself is cancelled, the awaiter sees `Cancelled` too, with `cancelling()` unchanged.
/// An error that the task ends with later is reported, unless somebody else retrieves it. (asyncio.shield,
/// without gh-156321) Give a named handle to keep the task in reach; `shield(spawn(f))` leaves it to the
/// loop.
template <class T>
[[nodiscard]] detail::ShieldAwaiter<T, false> shield(const JoinHandle<T>& task) {
  return detail::ShieldAwaiter<T, false>(task);
}
template <class T>
[[nodiscard]] detail::ShieldAwaiter<T, true> shield(JoinHandle<T>&& task) {
  return detail::ShieldAwaiter<T, true>(std::move(task));
}

/// A section that is not interrupted: a cancel that arrives meanwhile waits until `body` has ended and is
/// then thrown instead of its result. Structured: `body` may refer to the caller's locals.
template <class T, class How>
[[nodiscard]] Task<T> shield(Task<T, How> body) {
  JoinHandle<T> child = detail::spawn_borrowing(std::move(body));
  const detail::Structured guard(child.state());
  std::exception_ptr cancel;
  while (!child.done()) {
    Outcome<void> waited = co_await outcome(child.wait());
    if (waited.cancelled()) cancel = waited.error();
  }
  if (cancel) {
    child.state().mark_retrieved();
    std::rethrow_exception(std::move(cancel));
  }
  co_return co_await std::move(child);
}

}  // namespace coterie

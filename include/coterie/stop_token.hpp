#pragma once
#include <stop_token>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/spawn.hpp"

namespace coterie {
namespace detail {

/// Joins a task; a cancel requests the stop first and then goes on to the task.
template <class T>
class StopJoinAwaiter final : public JoinLeaf {
 public:
  StopJoinAwaiter(TaskState<T>& state, std::stop_source& stop) noexcept : JoinLeaf(state), stop_(&stop) {}
  T await_resume() {
    deliver_join();
    return static_cast<TaskState<T>&>(target()).take().get();
  }
  CancelReply cancel(const CancelMessage& message) override {
    TaskRec& body = target();
    body.add_ref();  // what the stop calls may destroy it, and this
    stop_->request_stop();
    body.cancel(message);
    body.release();
    return CancelReply::passed_on;
  }
  [[nodiscard]] TaskRec* cancel_target() noexcept override { return nullptr; }

 private:
  std::stop_source* stop_;
};

template <class T, class Body>
Task<T> stop_token_block(Body body) {
  std::stop_source stop;
  JoinHandle<T> child = spawn_borrowing(body(stop.get_token()));
  const Structured guard(child.state());
  co_return co_await StopJoinAwaiter<T>(child.state(), stop);
}

}  // namespace detail

/// Cancels `task`, with the message "stop requested", once when `token` is requested: by any thread, before
/// or after this call; at the latest until the task has ended. The task's loop's thread.
template <class T>
void cancel_on_stop(std::stop_token token, const JoinHandle<T>& task) {
  detail::cancel_on_stop(std::move(token), task.state());
}

/// Awaits `body`, which is cancelled when `token` is requested, by any thread; when it was requested before,
/// `body` never starts. The caller then sees `Cancelled` with the message "stop requested" and its own
/// cancelling() unchanged; or whatever else the body answers. A cancel of the caller goes on to the body.
/// Structured: `body` may refer to the caller's locals.
template <class T, class Unwind>
[[nodiscard]] Task<T> cancel_on_stop(std::stop_token token, Task<T, Unwind> body) {
  JoinHandle<T> child = detail::spawn_borrowing(std::move(body));
  const detail::Structured guard(child.state());
  detail::cancel_on_stop(std::move(token), child.state());
  co_return co_await std::move(child);
}

/// Awaits `body(std::stop_token)`, whose token is requested as soon as the awaiting task is cancelled: for
/// what the body hands the token to, threads and other libraries. The body is cancelled right after it, as
/// usual. Structured: `body` may refer to the caller's locals.
template <class Body>
  requires detail::TaskFunction<std::decay_t<Body>&, std::stop_token>
[[nodiscard]] auto with_stop_token(Body&& body) {
  COTERIE_GUARD_CALLABLE(Body);
  return detail::stop_token_block<detail::task_result_t<std::decay_t<Body>&, std::stop_token>,
                                  std::decay_t<Body>>(std::forward<Body>(body));
}

}  // namespace coterie

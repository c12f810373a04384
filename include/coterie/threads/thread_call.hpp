#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/threads/bound_call.hpp"
#include "coterie/threads/completion.hpp"
#include "coterie/threads/pool.hpp"

namespace coterie::detail {

/// As with std::jthread: a function that can take a std::stop_token before its arguments is given one.
template <class Fn, class... Args>
inline constexpr bool takes_stop_token = std::is_invocable_v<Fn, std::stop_token, Args...>;

template <class Fn, class... Args>
struct ThreadResult {
  using type = std::invoke_result_t<Fn, Args...>;
};
template <class Fn, class... Args>
  requires takes_stop_token<Fn, Args...>
struct ThreadResult<Fn, Args...> {
  using type = std::invoke_result_t<Fn, std::stop_token, Args...>;
};
/// What a pool's function gives; not a Task.
template <class Fn, class... Args>
using thread_result_t = typename ThreadResult<Fn, Args...>::type;

template <class T>
inline constexpr bool runs_on_thread = true;
template <class T>
  requires is_task<T>
inline constexpr bool runs_on_thread<T> = false;

[[nodiscard]] std::exception_ptr pool_was_shut_down();

/// The work of to_thread(): owns what it calls.
template <class T, class Fn, class... Args>
class ThreadCall final : public ThreadPool::Work {
 public:
  template <class F, class... A>
  explicit ThreadCall(Completion<T> completion, F&& fn, A&&... args)
      : completion_(std::move(completion)),
        call_(std::in_place, std::forward<F>(fn), std::forward<A>(args)...) {}
  ~ThreadCall() override {
    if (!call_) return;
    // In a statement of its own: nothing of it is shared with this thread any more once it is published.
    auto error = pool_was_shut_down();
    completion_.set_exception(std::move(error));
  }

  void run() noexcept override {
    if (completion_.abandoned()) {  // cancelled before it started: never runs
      call_.reset();
      return;
    }
    Outcome<T> end = call_->template call<T>();
    call_.reset();  // released before the awaiter goes on
    completion_.set_outcome(std::move(end));
  }

 private:
  Completion<T> completion_;
  std::optional<BoundCall<Fn, Args...>> call_;
};

/// Queues the call; what it gives arrives in the completion.
template <class Fn, class... Args>
auto submit_call(ThreadPool& pool, Fn&& fn, Args&&... args) {
  using T = thread_result_t<std::decay_t<Fn>, std::decay_t<Args>...>;
  static_assert(runs_on_thread<T>,
                "the pool runs plain functions: a coroutine belongs on the loop, co_await it");
  Completion<T> completion;
  if constexpr (takes_stop_token<std::decay_t<Fn>, std::decay_t<Args>...>)
    pool.submit(std::make_unique<ThreadCall<T, std::decay_t<Fn>, std::stop_token, std::decay_t<Args>...>>(
        completion, std::forward<Fn>(fn), completion.stop_token(), std::forward<Args>(args)...));
  else
    pool.submit(std::make_unique<ThreadCall<T, std::decay_t<Fn>, std::decay_t<Args>...>>(
        completion, std::forward<Fn>(fn), std::forward<Args>(args)...));
  return completion;
}

}  // namespace coterie::detail

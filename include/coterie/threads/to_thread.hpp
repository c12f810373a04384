#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/threads/completion.hpp"
#include "coterie/threads/pool.hpp"

namespace coterie {
namespace detail {

template <class T, class Fn, class... Args>
class ThreadCall final : public ThreadPool::Work {
 public:
  template <class F, class... A>
  explicit ThreadCall(Completion<T> completion, F&& fn, A&&... args)
      : completion_(std::move(completion)),
        call_(std::in_place, std::forward<F>(fn), std::tuple<Args...>(std::forward<A>(args)...)) {}
  ~ThreadCall() override {
    if (call_)
      completion_.set_exception(std::make_exception_ptr(
          std::runtime_error("the thread pool was shut down before this call had begun")));
  }

  void run() noexcept override {
    if (completion_.abandoned()) {  // cancelled before it started: never runs
      call_.reset();
      return;
    }
    Outcome<T> end;
    try {
      if constexpr (std::is_void_v<T>) {
        std::apply(std::move(call_->first), std::move(call_->second));
        end.set_value();
      } else {
        end.set_value(std::apply(std::move(call_->first), std::move(call_->second)));
      }
    } catch (...) {
      end.set_exception(std::current_exception());
    }
    call_.reset();  // released before the awaiter goes on
    completion_.set_outcome(std::move(end));
  }

 private:
  Completion<T> completion_;
  std::optional<std::pair<Fn, std::tuple<Args...>>> call_;
};

}  // namespace detail

/// Runs `fn(args...)` on `pool` and gives its value or throws what it threw.
///
/// The call owns `fn` and decayed copies of `args`, for it may outlive its caller: a cancel of the awaiting
/// task is delivered at once, work that has not started never does, and work that runs goes on to its end
/// with its result dropped (asyncio.to_thread: a thread cannot be stopped from outside). What it owns is
/// released before the awaiter goes on. Where the pool is shut down first, std::runtime_error is thrown. Pass
/// no references to locals. The work is submitted by this call, not by the await.
template <class Fn, class... Args>
[[nodiscard("await it: the result and any exception are lost otherwise")]] auto to_thread_on(ThreadPool& pool,
                                                                                             Fn&& fn,
                                                                                             Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  using T = std::invoke_result_t<std::decay_t<Fn>, std::decay_t<Args>...>;
  static_assert(!detail::is_task<T>,
                "to_thread() runs plain functions: a coroutine belongs on the loop, co_await it");
  Completion<T> completion;
  pool.submit(std::make_unique<detail::ThreadCall<T, std::decay_t<Fn>, std::decay_t<Args>...>>(
      completion, std::forward<Fn>(fn), std::forward<Args>(args)...));
  return completion.wait();
}
/// On the process's shared pool.
template <class Fn, class... Args>
[[nodiscard("await it: the result and any exception are lost otherwise")]] auto to_thread(Fn&& fn,
                                                                                          Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  return to_thread_on(ThreadPool::shared(), std::forward<Fn>(fn), std::forward<Args>(args)...);
}

}  // namespace coterie

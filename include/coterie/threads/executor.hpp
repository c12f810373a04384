#pragma once
#include <chrono>
#include <utility>

#include "coterie/threads/thread_call.hpp"
#include "coterie/threads/wrap_future.hpp"

namespace coterie {

/// to_thread_on() that gives a Future: for many waiters, done-callbacks and a cancel by its handle.
/// Cancelling the future, or dropping every handle of it, takes back work that has not started; work that
/// runs goes on to its end, its result is dropped, and nothing is called on a loop that has closed meanwhile.
/// Queued by this call. std::logic_error when the pool has been shut down. (loop.run_in_executor,
/// CPython 3.14)
template <class Fn, class... Args>
[[nodiscard]] auto run_in_executor(ThreadPool& pool, Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return wrap_future(detail::submit_call(pool, std::forward<Fn>(fn), std::forward<Args>(args)...));
}
/// On the process's shared pool.
template <class Fn, class... Args>
  requires(!std::is_same_v<std::decay_t<Fn>, ThreadPool>)
[[nodiscard]] auto run_in_executor(Fn&& fn, Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return run_in_executor(ThreadPool::shared(), std::forward<Fn>(fn), std::forward<Args>(args)...);
}

/// Ends a pool without blocking the loop: drops what has not started, waits at most `limit` of the loop's
/// time for what runs and joins the threads; those that still run then are reported and left to themselves.
/// False in that case. A virtual loop has no limit for threads. (loop.shutdown_default_executor,
/// CPython 3.14)
[[nodiscard]] Task<bool> shutdown_executor(ThreadPool& pool, Duration limit = std::chrono::seconds(300));
/// Of the process's shared pool: for the end of a program, as to_thread() throws std::logic_error from then
/// on.
[[nodiscard]] Task<bool> shutdown_default_executor(Duration limit = std::chrono::seconds(300));

}  // namespace coterie

#pragma once
#include <utility>

#include "coterie/threads/thread_call.hpp"

namespace coterie {

/// Runs `fn(args...)` on `pool` and gives its value or throws what it threw.
///
/// It runs in a copy of the caller's context. The call owns `fn` and decayed copies of `args`, for it may
/// outlive its caller: a cancel of the awaiting task is delivered at once, work that has not started never
/// does, and work that runs goes on to its end with its result dropped (asyncio.to_thread: a thread cannot be
/// stopped from outside). A function that takes a std::stop_token before `args` is given one, requested by
/// that cancel, and may end early. What the call owns is released before the awaiter goes on. Where the pool
/// is shut down first, std::runtime_error is thrown. Pass no references to locals; to_thread_joined() may be
/// given some. The work is submitted by this call, not by the await.
template <class Fn, class... Args>
[[nodiscard("await it: the result and any exception are lost otherwise")]] auto to_thread_on(ThreadPool& pool,
                                                                                             Fn&& fn,
                                                                                             Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return detail::submit_call(pool, std::forward<Fn>(fn), std::forward<Args>(args)...).wait();
}
/// On the process's shared pool.
template <class Fn, class... Args>
[[nodiscard("await it: the result and any exception are lost otherwise")]] auto to_thread(Fn&& fn,
                                                                                          Args&&... args) {
  COTERIE_GUARD_CALLABLE(Fn);
  COTERIE_GUARD_ARGUMENTS(Args...);
  return to_thread_on(ThreadPool::shared(), std::forward<Fn>(fn), std::forward<Args>(args)...);
}

}  // namespace coterie

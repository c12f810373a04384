#pragma once
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "coterie/core/main_task.hpp"
#include "coterie/future.hpp"

namespace coterie {

namespace detail {
/// Runs `loop` until `awaited` is done. std::logic_error when it was stopped first.
template <class Awaited>
void run_until_done(EventLoop& loop, const Awaited& awaited) {
  loop.run_until([&awaited] { return awaited.done(); });
  if (!awaited.done()) throw std::logic_error("Event loop stopped before Future completed.");
}
}  // namespace detail

/// Runs `loop` on this thread until `task` has ended; gives its value or throws what it threw. Other tasks
/// stay as they are, and go on when the loop is run again. std::logic_error inside a running loop (co_await
/// instead), and when stop() ended the run first: the task then goes on the next time, or can be cancelled.
/// (asyncio.loop.run_until_complete, CPython 3.14)
template <class T>
std::add_lvalue_reference_t<const T> run_until_complete(EventLoop& loop, const JoinHandle<T>& task) {
  if (&task.state().loop() != &loop)
    throw InvalidState("task '" + task.state().name() +
                       "' belongs to another loop, which this one would wait for in vain");
  detail::run_until_done(loop, task);
  return task.result();
}
template <class T>
std::add_lvalue_reference_t<const T> run_until_complete(EventLoop& loop, const Future<T>& future) {
  detail::run_until_done(loop, future);
  return future.result();
}
/// The same for a coroutine, as the task "main".
template <class T, class How>
T run_until_complete(EventLoop& loop, Task<T, How> main) {
  const JoinHandle<T> task = detail::start_main(loop, std::move(main));
  detail::run_until_done(loop, task);
  return detail::take_main(task);
}

}  // namespace coterie

#pragma once
#include <utility>

#include "coterie/spawn.hpp"

/// What every way of running a loop for one task shares: coterie::run(), testing::VirtualLoop.
namespace coterie::detail {

/// `body` as the task "main" of a loop that does not run yet.
template <class T, class How>
[[nodiscard]] JoinHandle<T> start_main(EventLoop& loop, Task<T, How> body, ContextSlot context = {}) {
  loop.check_can_run();
  SpawnOptions options("main", std::source_location());
  options.context_ref() = std::move(context);
  return JoinHandle<T>(*TaskState<T>::spawn_on(loop, std::move(body), &options));
}

/// The value of a main task that has ended, or what it threw.
template <class T>
T take_main(const JoinHandle<T>& main) {
  main.state().mark_retrieved();
  return std::move(main.state().outcome()).get();
}

}  // namespace coterie::detail

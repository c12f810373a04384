#include "coterie/spawn.hpp"

namespace coterie::detail {

void check_awaitable(const TaskRec& target) {
  const TaskRec& waiter = EventLoop::require_task();
  if (&waiter == &target) throw InvalidState("task '" + waiter.name() + "' cannot await on itself");
  if (&waiter.loop() != &target.loop())
    throw InvalidState("task '" + waiter.name() + "' awaits task '" + target.name() +
                       "', which is attached to a different loop: use call_soon_threadsafe");
}

}  // namespace coterie::detail

#include "coterie/spawn.hpp"

namespace coterie::detail {

void JoinLeaf::check_target() const {
  const TaskRec& waiter = EventLoop::require_task();
  if (&waiter == target_) throw InvalidState("task '" + waiter.name() + "' cannot await on itself");
  if (&waiter.loop() != &target_->loop())
    throw InvalidState("task '" + waiter.name() + "' awaits task '" + target_->name() +
                       "', which is attached to a different loop: use call_soon_threadsafe");
}

}  // namespace coterie::detail

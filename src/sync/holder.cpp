#include "coterie/sync/holder.hpp"

#include <algorithm>
#include <limits>

namespace coterie::detail {

void Holder::hold() {
  given_back();
  TaskRec* task = EventLoop::current().current_task();
  if (task == nullptr) return;
  task->add_hook(*this);
  task->reconsider_class();
}

SchedClass Holder::lends() const noexcept {
  auto most = std::numeric_limits<SchedClass>::min();
  for (const ListedWaiter* waiter = waiters_->first(); waiter != nullptr; waiter = waiter->next())
    most = std::max(most, waiter->task()->sched_class());
  return most;
}

}  // namespace coterie::detail

#include "coterie/sync/holder.hpp"

namespace coterie::detail {

void Holder::hold(TaskRec* task) noexcept {
  given_back();
  if (task == nullptr) return;
  task->add_hook(*this);
  task->reconsider_class();
}

SchedClass Holder::lends() const noexcept {
  auto most = std::numeric_limits<SchedClass>::min();
  for (const ListedWaiter* waiter = waiters_->first(); waiter != nullptr; waiter = waiter->next()) {
    if (waiter->task() == task()) continue;  // who is woken stands there still, and lends itself nothing
    most = std::max(most, waiter->task()->sched_class());
    if (most >= most_) return most;
  }
  return most_ = most;
}

}  // namespace coterie::detail

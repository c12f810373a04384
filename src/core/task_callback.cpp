#include "coterie/core/task_callback.hpp"

#include <vector>

namespace coterie::detail {

std::size_t AnyTaskCallback::remove(TaskRec& task, const CallableId& callable) {
  std::vector<std::shared_ptr<AnyTaskCallback>> callbacks;
  for (DoneHook* hook : task.hooks())
    if (auto* callback = dynamic_cast<AnyTaskCallback*>(hook)) callbacks.push_back(callback->self_);
  std::size_t removed = 0;
  for (const auto& callback : callbacks) {
    if (!callback->hooked() || !callback->equals(callable) || !callback->hooked()) continue;
    callback->unhook();
    callback->self_.reset();
    ++removed;
  }
  return removed;
}

}  // namespace coterie::detail

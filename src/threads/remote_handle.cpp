#include "coterie/threads/remote_handle.hpp"

#include "coterie/threads/spawn_on.hpp"

namespace coterie::detail {

void RemoteLeaf::check() const {
  if (remote_->runs_here())
    throw InvalidState("task '" + EventLoop::require_task().name() + "' cannot await on itself");
}

void RemoteLeaf::arrived() noexcept {
  const bool too_late = request_ != 0 && !remote_->delivered(request_) && !remote_->ended_cancelled();
  wake();
  if (!too_late) return;
  // The task had ended when the cancel came to it: the waiter must not lose it. It was counted when it was
  // requested, so it is given again and taken back once; if all have been taken back meanwhile, nothing is
  // left.
  task()->cancel(message_);
  task()->uncancel();
}

}  // namespace coterie::detail

namespace coterie {

TaskSnapshot::TaskSnapshot(const TaskRec& task)
    : id(task.id()), parent_id(task.parent_id()), name(task.name()), spawned_at(task.spawned_at()) {
  if (const Leaf* leaf = task.waiting_on()) waits_for = leaf->wait_info();
}

RemoteHandle<std::vector<TaskSnapshot>> all_tasks_threadsafe(EventLoop& loop) {
  return call_on(loop, [] {
    std::vector<TaskSnapshot> tasks;
    for (const TaskRec* task = EventLoop::current().first_task(); task != nullptr; task = task->next_task())
      tasks.emplace_back(*task);
    return tasks;
  });
}

}  // namespace coterie

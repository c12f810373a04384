#include "coterie/debug/stack.hpp"

#include <unistd.h>

#include <algorithm>
#include <unordered_map>

namespace coterie::debug {
namespace {

void add_once(std::vector<std::uint64_t>& ids, std::uint64_t id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

TaskState state_of(const TaskSnapshot& seen, const TaskRec& task) noexcept {
  if (task.cancelled()) return TaskState::cancelled;
  if (task.done()) return TaskState::finished;
  if (seen.cancel_requests > 0) return TaskState::cancelling;
  return seen.runs ? TaskState::running : TaskState::pending;
}

/// All but `waits_for`, which is what others say of this task.
TaskSnapshot look_at(const TaskRec& task) {
  TaskSnapshot seen;
  seen.id = task.id();
  seen.parent_id = task.parent_id();
  seen.name = task.name();
  seen.cancel_requests = task.cancelling();
  seen.stack = task.stack();
  seen.spawned_at = task.spawned_at();
  seen.ready = task.queued();
  const Leaf* leaf = task.waiting_on();
  if (leaf != nullptr && !seen.ready) seen.wait = leaf->wait_info();
  // Not only the loop's current task: one that starts another eagerly is on the native stack as well.
  seen.runs = !task.done() && !seen.ready && leaf == nullptr;
  for (const WaitingTask& waiter : task.awaited_by()) add_once(seen.awaited_by, waiter.task->id());
  seen.state = state_of(seen, task);
  return seen;
}

/// That `task` is awaited at the very leaf where the waiter stands.
bool waits_here(const WaitingTask& waiter) noexcept {
  return waiter.leaf == waiter.task->waiting_on() && !waiter.task->queued();
}

}  // namespace

std::string_view to_string(TaskState state) noexcept {
  switch (state) {
    case TaskState::pending:
      return "pending";
    case TaskState::running:
      return "running";
    case TaskState::cancelling:
      return "cancelling";
    case TaskState::cancelled:
      return "cancelled";
    case TaskState::finished:
      return "finished";
  }
  return "unknown";
}

TaskSnapshot snapshot(const TaskRec& task) {
  TaskSnapshot seen = look_at(task);
  if (task.done()) return seen;  // its loop may be gone
  for (const TaskRec* other = task.loop().first_task(); other != nullptr; other = other->next_task())
    for (const WaitingTask& waiter : other->awaited_by())
      if (waiter.task == &task && waits_here(waiter)) add_once(seen.waits_for, other->id());
  return seen;
}

LoopSnapshot snapshot(const EventLoop& loop) {
  LoopSnapshot seen;
  seen.thread = ::gettid();
  seen.tasks.reserve(loop.task_count());
  std::unordered_map<const TaskRec*, std::size_t> place;
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task()) {
    place.emplace(task, seen.tasks.size());
    seen.tasks.push_back(look_at(*task));
  }
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    for (const WaitingTask& waiter : task->awaited_by())
      if (const auto found = place.find(waiter.task); found != place.end() && waits_here(waiter))
        add_once(seen.tasks[found->second].waits_for, task->id());
  return seen;
}

}  // namespace coterie::debug

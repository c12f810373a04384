#include "coterie/task_ref.hpp"

#include "coterie/loop.hpp"

namespace coterie {

TaskRef current_task() {
  TaskRec* task = EventLoop::current().current_task();
  return task == nullptr ? TaskRef() : TaskRef(*task);
}

std::vector<TaskRef> all_tasks() {
  return all_tasks(EventLoop::current());
}

std::vector<TaskRef> all_tasks(const EventLoop& loop) {
  std::vector<TaskRef> tasks;
  tasks.reserve(loop.task_count());
  for (TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    tasks.emplace_back(*task);
  return tasks;
}

}  // namespace coterie

#pragma once
#include <utility>
#include <vector>

#include "coterie/core/task_rec.hpp"

namespace coterie {

class EventLoop;

/// Refers to a task of any type: name, state, stack, cancel(); not its result. Keeps the task's record, not
/// the task running. Copyable; of the loop's thread.
class TaskRef {
 public:
  TaskRef() noexcept = default;
  explicit TaskRef(TaskRec& task) noexcept : task_(&task) { task.add_ref(); }
  TaskRef(const TaskRef& other) noexcept : task_(other.task_) {
    if (task_ != nullptr) task_->add_ref();
  }
  TaskRef(TaskRef&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
  TaskRef& operator=(TaskRef other) noexcept {
    std::swap(task_, other.task_);
    return *this;
  }
  ~TaskRef() {
    if (task_ != nullptr) task_->release();
  }

  [[nodiscard]] explicit operator bool() const noexcept { return task_ != nullptr; }
  [[nodiscard]] TaskRec& operator*() const noexcept { return *task_; }
  [[nodiscard]] TaskRec* operator->() const noexcept { return task_; }
  friend bool operator==(const TaskRef&, const TaskRef&) noexcept = default;

 private:
  TaskRec* task_ = nullptr;
};

/// The task that calls; empty in a plain callback. std::logic_error when no loop runs on this thread.
/// (asyncio.current_task)
[[nodiscard]] TaskRef current_task();
/// The tasks of this thread's loop that have not ended, in order of their creation. std::logic_error when
/// none runs. (asyncio.all_tasks)
[[nodiscard]] std::vector<TaskRef> all_tasks();
[[nodiscard]] std::vector<TaskRef> all_tasks(const EventLoop& loop);

}  // namespace coterie

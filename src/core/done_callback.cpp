#include "coterie/core/done_callback.hpp"

#include <utility>

#include "coterie/loop.hpp"

namespace coterie {

void DoneCallback::attach(TaskRec& task) {
  task_ = &task;
  task.add_ref();
  if (task.done())
    task.loop().push(*this);
  else
    task.add_hook(*this);
}

void DoneCallback::detach() noexcept {
  if (task_ == nullptr) return;
  if (queued()) task_->loop().remove(*this);
  unhook();
  std::exchange(task_, nullptr)->release();
}

void DoneCallback::task_done(TaskRec& task) noexcept {
  task.loop().push(*this);
}

const TaskRec* DoneCallback::of_task() const noexcept {
  const TaskRec* waiter = waiting_task().task;
  return waiter != nullptr ? waiter : task_;
}

void DoneCallback::requeue() noexcept {
  if (queued()) task_->loop().requeue(*this);
}

void DoneCallback::run() noexcept {
  after_done(*task_);
}

}  // namespace coterie

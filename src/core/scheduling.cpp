// What a loop does beyond its work where it has a scheduling policy: classes, their inheritance, measuring.
#include <algorithm>
#include <utility>
#include <vector>

#include "coterie/core/leaf.hpp"
#include "coterie/loop.hpp"

namespace coterie {

void EventLoop::push_by_class(Runnable& node) noexcept {
  if (const TaskRec* task = node.of_task())
    node.set_sched_class(inherits_ ? task->due_class() : task->own_class());
  policy_->push(node);
}

void EventLoop::requeue(Runnable& node) noexcept {
  if (!node.queued()) return;
  policy_->remove(node);
  push_by_class(node);
}

void EventLoop::pass_by_class() {
  const bool measures = policy_->measures();
  TimePoint start = measures ? now() : TimePoint();
  pass(*policy_, [&](Runnable& next) {
    ++steps_since_poll_;
    const SchedClass its_class = next.sched_class();
    current_class_ = its_class == runtime_class ? 0 : its_class;  // what a message starts is none
    if (debug())
      debug_step(next);
    else
      next.run();
    if (measures) {
      const TimePoint end = now();
      policy_->charge(its_class, end - std::exchange(start, end));
    }
  });
  current_class_ = 0;
}

SchedClass DoneHook::lends() const noexcept {
  const TaskRec* waiter = waiting_task().task;
  return waiter != nullptr ? waiter->sched_class() : std::numeric_limits<SchedClass>::min();
}

SchedClass TaskRec::due_class() const noexcept {
  SchedClass due = own_class_;
  if (cancel_requests_ > 0 && notes_ != nullptr) due = std::max(due, notes_->lent);
  for (const DoneHook* hook = first_hook_; hook != nullptr; hook = hook->next_)
    due = std::max(due, hook->lends());
  return due;
}

void TaskRec::reconsider_class() noexcept {
  std::vector<TaskRec*> tasks{this};
  for (std::size_t i = 0; i < tasks.size();
       ++i) {  // a list that grows: what is near, and what is older, first
    TaskRec& task = *tasks[i];
    if (task.ended_) continue;
    const SchedClass due = task.due_class();
    if (due == task.sched_class_ || (due < task.sched_class_ && task.queued())) continue;
    if (task.queued())
      loop_->requeue(task);
    else
      task.sched_class_ = due;
    if (task.waiting_on_ != nullptr) task.waiting_on_->pass_on_class(tasks);
  }
}

/// It has begun to wait: what it waits for inherits its class.
void TaskRec::pass_on_class() noexcept {
  std::vector<TaskRec*> targets;
  waiting_on_->pass_on_class(targets);
  for (TaskRec* target : targets) target->reconsider_class();
}

void TaskRec::lend_class(SchedClass value) {
  if (notes_ != nullptr && cancel_requests_ == 1) notes_->lent = value;  // an older cancel was taken back
  if (value <= own_class_) return;
  notes().lent = std::max(notes().lent, value);
  reconsider_class();
}

}  // namespace coterie

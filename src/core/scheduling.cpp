// What a loop does beyond its work where it has a scheduling policy: classes, their inheritance, measuring.
#include <algorithm>
#include <utility>
#include <vector>

#include "coterie/core/leaf.hpp"
#include "coterie/loop.hpp"
#include "src/core/class_meter.hpp"
#include "src/core/loop_registry.hpp"
#include "src/core/step_sample.hpp"

namespace coterie {

constinit thread_local const EventLoop* detail::StepSample::loop_ = nullptr;
thread_local std::function<void(Duration)> detail::StepSample::told_;

void detail::StepSample::ask(EventLoop& loop, std::function<void(Duration)> told) {
  loop_ = &loop;
  told_ = std::move(told);
  LoopRegistry::observe(loop, true);
}

void detail::StepSample::tell(EventLoop& loop, Duration took) {
  loop_ = nullptr;
  LoopRegistry::observe(loop, false);
  const std::function<void(Duration)> told = std::move(told_);
  told(took);
}

void EventLoop::push_by_class(Runnable& node) noexcept {
  if (const TaskRec* task = node.of_task())
    node.set_sched_class(inherits_ ? task->due_class() : task->own_class());
  if (meter_ != nullptr) [[unlikely]]
    meter_->pushed(node.sched_class());
  policy_->push(node);
}

void EventLoop::remove_by_class(Runnable& node) noexcept {
  if (meter_ != nullptr) [[unlikely]]
    meter_->removed(node.sched_class());
  policy_->remove(node);
}

void EventLoop::requeue(Runnable& node) noexcept {
  if (!node.queued()) return;
  remove_by_class(node);
  push_by_class(node);
}

std::vector<ClassTimes> EventLoop::class_times() const {
  return meter_ != nullptr ? meter_->read() : std::vector<ClassTimes>();
}

/// A tick in which steps have a class, are timed, or are watched.
void EventLoop::pass_observed() {
  ReadyQueue& queue = policy_ != nullptr ? *policy_ : fifo_;
  const bool charges = queue.measures();
  const bool timed = charges || meter_ != nullptr;
  TimePoint start = timed ? now() : TimePoint();
  pass(queue, [&](Runnable& next) {
    const SchedClass its_class = next.sched_class();
    if (policy_ != nullptr)
      current_class_ = its_class == runtime_class ? 0 : its_class;  // a message starts what has none
    if (meter_ != nullptr) meter_->begins(its_class, start);
    const Duration limit =
        debug() ? std::min(options_.slow_callback_duration, options_.long_step) : options_.long_step;
    const bool sampled = detail::StepSample::wanted_of(*this);
    const TimePoint began = sampled ? now() : TimePoint();
    if (limit < Duration::max())
      watch_step(next, limit);
    else
      next.run();
    if (sampled) [[unlikely]]
      detail::StepSample::tell(*this, now() - began);
    const TimePoint end = timed ? now() : TimePoint();
    if (charges) queue.charge(its_class, end - start);
    start = end;
    if (--steps_to_poll_ != 0) return;
    if (meter_ != nullptr) meter_->rests(end);
    look_around(false);
    if (timed) start = now();
  });
  if (meter_ != nullptr) meter_->rests(start);
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

/// It has begun to wait: what it waits for inherits its class, where it has not a greater one.
void TaskRec::pass_on_class() noexcept {
  std::vector<TaskRec*> targets;
  waiting_on_->pass_on_class(targets);
  for (TaskRec* target : targets)
    if (target->sched_class_ < sched_class_) target->reconsider_class();
}

void TaskRec::lend_class(SchedClass value) {
  if (notes_ != nullptr && cancel_requests_ == 1) notes_->lent = value;  // an older cancel was taken back
  if (value <= own_class_) return;
  notes().lent = std::max(notes().lent, value);
  reconsider_class();
}

}  // namespace coterie

// How a loop ends: ask every task to stop, wait, name what refuses, then destroy what is left.
#include <stdexcept>

#include "coterie/loop.hpp"

namespace coterie {

std::vector<std::string> EventLoop::cancel_all_and_run(Duration limit) {
  struct Reporter final : DoneHook {
    void task_done(TaskRec& task) noexcept override {
      const std::exception_ptr error = task.cancelled() ? nullptr : task.error();
      task.mark_retrieved();
      if (error)
        task.loop().report(
            ErrorContext("unhandled exception during shutdown", error, task.name(), task.spawned_at()));
    }
    explicit Reporter(TaskRec& task) : watched(&task) { task.add_ref(); }
    Reporter(const Reporter&) = delete;
    ~Reporter() {
      unhook();
      watched->release();
    }
    TaskRec* watched;
  };
  std::vector<TaskRec*> tasks;
  for (TaskRec* task = first_task_; task != nullptr; task = task->next_task()) tasks.push_back(task);
  std::vector<std::unique_ptr<Reporter>> reporters;
  for (TaskRec* task : tasks) {
    reporters.push_back(std::make_unique<Reporter>(*task));
    task->add_hook(*reporters.back());
    task->cancel(nullptr);
  }
  bool expired = false;
  CallbackHandle timer;
  const bool limited = limit < Duration::max();
  if (limited && task_count_ > 0) timer = call_later(limit, [&expired] { expired = true; });
  stopping_tasks_ = true;
  if (task_count_ > 0) run_until([&] { return task_count_ == 0 || expired; });
  stopping_tasks_ = false;
  timer.cancel();

  std::vector<std::string> refused;
  for (TaskRec* task = first_task_; task != nullptr; task = task->next_task())
    refused.push_back(task->name());
  return refused;
}

void EventLoop::close() noexcept {
  if (closing_ || running_) return;
  closing_ = true;
  inbox_->close();
  // Newest first: a task that awaits another was there before it, or holds a handle that outlives the frame.
  while (TaskRec* task = last_task_) {
    if (task->queued()) remove(*task);
    report(ErrorContext("Task was destroyed but it is pending!", nullptr, task->name(), task->spawned_at()));
    task->destroy_frames();
    task->end_cancelled(std::make_exception_ptr(Cancelled("the loop was closed")));
  }
  while (Timer* timer = timers_.pop_any()) timer->drop();
  for (;;) {
    Runnable* next = nullptr;
    if (policy_ == nullptr) {
      fifo_.begin_tick();
      next = fifo_.pop();
    } else {
      policy_->begin_tick();
      next = policy_->pop();
    }
    if (next == nullptr) break;
    next->drop();
  }
  for (Posted* item = inbox_->take(); item != nullptr;) std::exchange(item, Inbox::next(*item))->drop();
  closed_ = true;
}

}  // namespace coterie

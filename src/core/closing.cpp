// How a loop ends: ask every task to stop, wait, name what refuses, then destroy what is left.
#include <stdexcept>

#include "coterie/fatal.hpp"
#include "coterie/loop.hpp"

namespace coterie {

std::vector<std::string> EventLoop::cancel_all_and_run(Duration limit) {
  struct Reporter final : DoneHook {
    void task_done(TaskRec& task) noexcept override {
      const std::exception_ptr error = task.cancelled() ? nullptr : task.error();
      task.mark_retrieved();
      if (error && !detail::is_fatal(error))  // that one comes out of the run
        task.loop().report(task, "unhandled exception during shutdown", error);
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
  struct Limit {
    EventLoop& loop;
    CallbackHandle timer;
    explicit Limit(EventLoop& of) : loop(of) { loop.stopping_tasks_ = true; }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    ~Limit() {  // also when a task ends the run with Fatal
      timer.cancel();
      loop.stopping_tasks_ = false;
    }
  } limited(*this);
  if (limit < Duration::max() && task_count_ > 0)
    limited.timer = call_later(limit, [&expired] { expired = true; });
  if (task_count_ > 0) run_until([&] { return task_count_ == 0 || expired; });

  std::vector<std::string> refused;
  for (TaskRec* task = first_task_; task != nullptr; task = task->next_task())
    refused.push_back(task->name());
  return refused;
}

void EventLoop::close() {
  if (running()) throw std::logic_error("Cannot close a running event loop");
  if (closing_) return;
  closing_ = true;
  inbox_->close();
  const Current here(*this);
  do {  // again, for what destructors start
    // Newest first: a task that awaits another was there before it, or holds a handle that outlives the
    // frame.
    while (TaskRec* task = last_task_) {
      report(*task, "Task was destroyed but it is pending!", nullptr);
      task->destroy_unfinished();
    }
    while (Timer* timer = timers_.pop_any()) timer->drop();
    while (!nothing_ready()) pass([](Runnable& next) { next.drop(); });
    for (Posted* item = inbox_->take(); item != nullptr;) std::exchange(item, Inbox::next(*item))->drop();
  } while (last_task_ != nullptr || !timers_.empty() || !nothing_ready());
  closed_ = closed_or_debug_ = true;
}

}  // namespace coterie

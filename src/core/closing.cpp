// How a loop ends: ask every task to stop, wait, name what refuses, then destroy what is left.
#include <algorithm>
#include <deque>
#include <stdexcept>

#include "coterie/fatal.hpp"
#include "coterie/loop.hpp"
#include "src/core/class_meter.hpp"

namespace coterie {

namespace {

/// Cancels a task for the loop that closes, and learns of its end.
class Farewell final : private DoneHook {
 public:
  Farewell(TaskRec& task, std::size_t& pending) : task_(&task), pending_(&pending) {
    task.add_ref();
    task.add_hook(*this);
    ++pending;
  }
  void cancel() {
    if (!task_->done()) task_->cancel(nullptr);
  }
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell() {
    unhook();
    task_->release();
  }

 private:
  void task_done(TaskRec& task) noexcept override {
    --*pending_;
    const std::exception_ptr error = task.cancelled() ? nullptr : task.error();
    task.mark_retrieved();
    if (error && !detail::is_fatal(error))  // that one comes out of the run
      task.loop().report(task, "unhandled exception during shutdown", error);
  }
  TaskRec* task_;
  std::size_t* pending_;
};

}  // namespace

void EventLoop::cancel_round(Duration limit) {
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
  std::size_t pending = 0;
  std::deque<Farewell> round;
  // All of them first: a cancel may have others start, and what it sets off may destroy some of these.
  for (TaskRec* task = first_task_; task != nullptr; task = task->next_task())
    round.emplace_back(*task, pending);
  for (Farewell& farewell : round) farewell.cancel();
  const auto over = [&] { return pending == 0 || expired; };
  while (!over()) run_until(over);  // also after a stop() of theirs: they are cancelled once
}

std::vector<std::string> EventLoop::cancel_all_and_run(Duration limit) {
  const bool limited = limit < Duration::max();
  const TimePoint deadline = limited ? now() + limit : TimePoint::max();
  // In rounds: what they spawn while they clean up, and what other threads had sent, is theirs to wait for,
  // and is cancelled only when they are through.
  while (task_count_ > 0) {
    cancel_round(limited ? std::max(deadline - now(), Duration::zero()) : limit);
    if (limited && now() >= deadline) break;
  }
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
  if (meter_ != nullptr) meter_->close();
  const Current here(*this);
  do {  // again, for what destructors start
    // Newest first: a task that awaits another was there before it, or holds a handle that outlives the
    // frame.
    while (TaskRec* task = last_task_) {
      report(*task, "Task was destroyed but it is pending!", nullptr);
      task->destroy_unfinished();
    }
    while (Timer* timer = timers_.pop_any()) timer->drop();
    const auto drop = [](Runnable& next) { next.drop(); };
    while (!nothing_ready())
      if (policy_ != nullptr)
        pass(*policy_, drop);
      else
        pass(fifo_, drop);
    for (Posted* item = inbox_->take(); item != nullptr;) std::exchange(item, Inbox::next(*item))->drop();
  } while (last_task_ != nullptr || !timers_.empty() || !nothing_ready());
  closed_ = closed_or_debug_ = true;
}

}  // namespace coterie

#include "coterie/threads/remote_task.hpp"

namespace coterie::detail {

RemoteTask::RemoteTask(std::shared_ptr<Inbox> owner, std::string name)
    : owner_(std::move(owner)), name_(std::move(name)) {}

RemoteTask::~RemoteTask() {
  if (!error_ || retrieved_.load(std::memory_order_relaxed)) return;
  // By the owner, wherever the last handle went; when that is gone by whatever loop runs here.
  auto report = [context = *error_] { EventLoop::report_anywhere(context); };
  if (on_owner() || !owner_->post(make_posted(report))) report();
}

bool RemoteTask::on_owner() const noexcept {
  const EventLoop* here = EventLoop::current_or_null();
  return here != nullptr && here->inbox() == owner_;
}

bool RemoteTask::runs_here() const noexcept {
  return on_owner() && task_ != nullptr && task_ == EventLoop::current().current_task();
}

void RemoteTask::start(TaskRec& task) {
  task_ = &task;
  task.add_ref();
  task.add_hook(*this);
  add_ref();  // until task_done()
}

void RemoteTask::task_done(TaskRec& task) noexcept {
  // Ended because its loop is closing, and not because somebody asked for it here.
  const bool lost = task.cancelled() && requests_.load(std::memory_order_relaxed) == 0 &&
                    (!owner_->open() || task.loop().stopping_tasks());
  if (lost) {
    lose();
  } else {
    if (!task.cancelled() && task.error())
      error_ = std::make_unique<ErrorContext>("Task exception was never retrieved", task.error(), task.name(),
                                              task.spawned_at());
    settle([&] { take(task); });
  }
  task.mark_retrieved();  // it is this object's now
  task_ = nullptr;
  task.release();
  release();
}

std::uint32_t RemoteTask::request_cancel(CancelMessage message) {
  const std::uint32_t number = requests_.fetch_add(1, std::memory_order_relaxed) + 1;
  add_ref();
  const EventLoop* sender = EventLoop::current_or_null();
  const SchedClass sender_class = sender != nullptr ? sender->current_class() : SchedClass{0};
  auto deliver = [self = RemoteRef<RemoteTask>(this), message = std::move(message), number, sender_class] {
    if (self->task_ == nullptr || !self->task_->cancel(message)) return;
    TaskRec& task = *self->task_;
    if (task.loop().inherits()) task.lend_class(sender_class);
    if (self->delivered_ < number) self->delivered_ = number;
  };
  owner_->post(make_posted(std::move(deliver)));
  return number;
}

void RemoteTask::mark_moved() {
  if (moved_.exchange(true, std::memory_order_acq_rel)) require_kept();
}

void RemoteTask::require_kept() const {
  if (moved_.load(std::memory_order_acquire))
    throw InvalidState("the result of remote task '" + name() + "' was moved out before");
}

std::string RemoteTask::name() const {
  return name_.empty() ? "remote task" : name_;
}

void RemoteTask::lose() noexcept {
  settle([&] {
    set_error(std::make_exception_ptr(LoopClosed("the loop of " + name() + " closed before it had ended")));
  });
}

void RemoteTask::fail(std::exception_ptr error) noexcept {
  settle([&] { set_error(std::move(error)); });
}

bool RemoteTask::await_end(std::optional<TimePoint> until) {
  if (!done() && EventLoop::current_or_null() != nullptr)
    throw std::logic_error("get() would block the event loop of this thread: co_await the handle instead");
  return block(until);
}

}  // namespace coterie::detail

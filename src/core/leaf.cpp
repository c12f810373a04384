#include "coterie/core/leaf.hpp"

#include "coterie/loop.hpp"

namespace coterie {

std::string_view to_string(WaitKind kind) noexcept {
  switch (kind) {
    case WaitKind::none:
      return "nothing";
    case WaitKind::yield:
      return "its turn";
    case WaitKind::sleep:
      return "a timer";
    case WaitKind::task:
      return "a task";
    case WaitKind::future:
      return "a future";
    case WaitKind::gather:
      return "a gather";
    case WaitKind::group:
      return "a task group's children";
    case WaitKind::shield:
      return "a shielded task";
    case WaitKind::event:
      return "an event";
    case WaitKind::lock:
      return "a lock";
    case WaitKind::semaphore:
      return "a semaphore";
    case WaitKind::queue_get:
      return "an item of a queue";
    case WaitKind::queue_put:
      return "room in a queue";
    case WaitKind::queue_join:
      return "a queue's items to be done";
    case WaitKind::thread:
      return "a thread";
    case WaitKind::io_readable:
      return "a descriptor to become readable";
    case WaitKind::io_writable:
      return "a descriptor to become writable";
    case WaitKind::process:
      return "a process to exit";
    case WaitKind::signal:
      return "a signal";
    case WaitKind::wait:
      return "several tasks";
    case WaitKind::race:
      return "the first of several tasks";
    case WaitKind::as_completed:
      return "the next task to end";
    case WaitKind::scope:
      return "a scope's tasks";
    case WaitKind::wakeup:
      return "a wake-up";
    case WaitKind::asio:
      return "an operation of Asio";
    case WaitKind::callback:
      return "a callback";
    case WaitKind::condition:
      return "a condition";
    case WaitKind::barrier:
      return "the others at a barrier";
    case WaitKind::read_lock:
      return "a lock to read";
    case WaitKind::write_lock:
      return "a lock to write";
    case WaitKind::channel_send:
      return "room in a channel";
    case WaitKind::channel_receive:
      return "an item of a channel";
  }
  return "something unknown";
}

void Leaf::suspend_frame(Frame& frame) {
  TaskRec& task = EventLoop::require_task();
  task_ = &task;
  task.top_ = &frame;
  task.waiting_on_ = this;
  state_ = State::waiting;
  if (task.loop_->inherits()) [[unlikely]]
    task.pass_on_class();
  if (!task.must_cancel_) [[likely]]
    return;
  // Cancelled before it began to wait: the wait is registered, so that what it waits for is cancelled too.
  const CancelMessage message = task.message_ ? *task.message_ : nullptr;
  if (TaskRec* target = cancel_target()) {
    if (target->cancel(message)) task.must_cancel_ = false;
    return;
  }
  task.must_cancel_ = false;
  task.take_reply(*this, cancel(message), message);
}

void Leaf::wake() noexcept {
  state_ = State::woken;
  task_->make_runnable();
}

std::exception_ptr Leaf::cancel_of(TaskRec& target) noexcept {
  return target.cancelled() ? target.error() : nullptr;
}

bool Leaf::take_cancel(std::exception_ptr& error) noexcept {
  if (state_ == State::woken) error = target_cancel();
  if (error) {
    task_->absorb_cancel();
  } else if (cancel_due()) {
    if (state_ == State::woken) undo();
    error = task_->take_cancel();
  } else {
    return false;
  }
  state_ = State::idle;
  return true;
}

void Leaf::deliver_cancel() {
  std::exception_ptr error;
  if (take_cancel(error)) detail::raise_cancel(std::move(error));
}

}  // namespace coterie

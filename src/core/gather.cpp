#include "coterie/gather.hpp"

namespace coterie::detail {

void GatherLeaf::watch(Child& child, TaskRec& task) {
  child.owner = this;
  task.mark_retrieved();  // the gather speaks for its children: nothing of theirs is reported besides
  child.attach(task);
}

Leaf::CancelReply GatherLeaf::cancel(const CancelMessage& message) {
  bool any = false;
  for (std::size_t i = 0; i < count_; ++i) {
    TaskRec* task = children_[i].task();
    if (task != nullptr && task->cancel(message)) any = true;
  }
  if (!any)
    return CancelReply::refused;  // all have ended; their values are lost to the cancel, as in asyncio
  cancel_requested_ = true;
  message_ = message;
  return CancelReply::passed_on;
}

void GatherLeaf::child_ended(TaskRec& task) noexcept {
  --pending_;
  if (!waiting()) return;  // the first error has decided
  if (fail_fast_ && !first_error_ && task.error()) {
    first_error_ = task.error();
    first_error_is_cancel_ = task.cancelled();
    if (!joins_) {
      wake();
      return;
    }
    for (std::size_t i = 0; i < count_; ++i)
      if (TaskRec* other = children_[i].task(); other != nullptr && !other->done()) other->cancel(nullptr);
  }
  if (pending_ == 0) wake();
}

std::exception_ptr GatherLeaf::target_cancel() noexcept {
  if (cancel_requested_) return std::make_exception_ptr(Cancelled(message_));
  return first_error_is_cancel_ ? first_error_ : nullptr;
}

void GatherLeaf::finish() {
  deliver();
  if (cancel_requested_) throw Cancelled(message_);
  if (first_error_) std::rethrow_exception(std::move(first_error_));
}

}  // namespace coterie::detail

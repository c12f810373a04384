#include "coterie/core/children.hpp"

#include "coterie/loop.hpp"

namespace coterie::detail {

ChildrenLeaf::Child::~Child() {
  if (task() == nullptr || owner_->claim_ != Claim::structured) return;
  const Structured child(*task());
  detach();
}

void ChildrenLeaf::begin_once() {
  if (begun_) throw InvalidState("this was awaited before: what waits for several tasks waits once");
  begun_ = true;
}

void ChildrenLeaf::watch(Child& child, TaskRec& task) {
  child.owner_ = this;
  if (claim_ != Claim::none) task.mark_retrieved();
  child.attach(task);
  ++pending_;
}

bool ChildrenLeaf::decides(const TaskRec& task) const noexcept {
  switch (until_) {
    case Until::all_ended:
      return false;
    case Until::first_failure:
      return task.error() != nullptr;
    case Until::first_error:
      return task.error() != nullptr && !task.cancelled();
    case Until::first_end:
      return true;
  }
  return false;
}

void ChildrenLeaf::child_ended(Child& child, TaskRec& task) noexcept {
  --pending_;
  if (!waiting()) return;  // decided before
  if (decider_ == nullptr && decides(task)) {
    decider_ = &child;
    if (claim_ != Claim::structured) {
      wake();
      return;
    }
    cancel_rest(nullptr);
  }
  if (pending_ == 0) wake();
}

bool ChildrenLeaf::cancel_rest(const CancelMessage& message) noexcept {
  bool any = false;
  for (Child& child : children_) {
    TaskRec* task = child.task();
    if (task != nullptr && !task->done() && task->cancel(message)) any = true;
    if (!waiting()) break;  // the cancel came back to us and has released us
  }
  return any;
}

void ChildrenLeaf::detach_all() noexcept {
  for (Child& child : children_) child.detach();
}

Leaf::CancelReply ChildrenLeaf::cancel(const CancelMessage& message) {
  // A cancel that comes back: a child waits, by whatever way, for the task that waits here, and nobody would
  // ever wake. Where the children may refer to our frame it has to stay so.
  if (passing_cancel_ && claim_ == Claim::structured) return CancelReply::refused;
  if (passing_cancel_ || claim_ == Claim::none) {
    detach_all();
    return CancelReply::detached;
  }
  passing_cancel_ = true;
  const bool any = cancel_rest(message);
  passing_cancel_ = false;
  if (!waiting()) return CancelReply::passed_on;
  if (!any)
    return CancelReply::refused;  // all have ended; their values are lost to the cancel, as in asyncio
  cancel_requested_ = true;
  message_ = message;
  return CancelReply::passed_on;
}

void ChildrenLeaf::pass_on_class(std::vector<TaskRec*>& targets) noexcept {
  for (Child& child : children_) {
    child.requeue();
    if (child.task() != nullptr) targets.push_back(child.task());
  }
}

std::exception_ptr ChildrenLeaf::target_cancel() noexcept {
  if (cancel_requested_) return std::make_exception_ptr(Cancelled(message_));
  const bool ours = decider_ != nullptr && claim_ != Claim::none && decider_->task()->cancelled();
  return ours ? decider_->task()->error() : nullptr;
}

void ChildrenLeaf::finish() {
  deliver();
  if (cancel_requested_) throw Cancelled(message_);
  if (decider_ == nullptr || claim_ == Claim::none) return;
  if (std::exception_ptr error = decider_->task()->error()) std::rethrow_exception(std::move(error));
}

}  // namespace coterie::detail

#include "coterie/group.hpp"

#include <algorithm>
#include <utility>

#include "coterie/fatal.hpp"

namespace coterie {

TaskGroup::~TaskGroup() {
  destroy_all();  // the frame of the block is being destroyed, and children may refer to it
}

void TaskGroup::check_open() const {
  if (ended_ || (exiting_ && size() == 0))
    throw InvalidState("TaskGroup is finished: it takes no more tasks");
  if (aborting_) throw InvalidState("TaskGroup is shutting down: it takes no more tasks");
}

void TaskGroup::cancel() {
  if (ended_) return;
  const bool first =
      !std::exchange(parent_cancel_requested_, true);  // before the children: they may come back here
  if (!aborting_) abort();
  if (first) parent_cancel_.request(*parent_);
}

void TaskGroup::abort() noexcept {
  aborting_ = true;
  cancel_all(nullptr);
}

void TaskGroup::child_ended(TaskRec& task) noexcept {
  task.mark_retrieved();
  const std::exception_ptr error = task.cancelled() ? nullptr : task.error();
  if (size() == 0 && drained_.waiting()) drained_.wake();
  if (!error) return;
  errors_.push_back(error);
  if (aborting_ || parent_cancel_requested_) return;
  cancel();
}

void TaskGroup::body_ended(OutcomeKind kind, const std::exception_ptr& error) noexcept {
  exiting_ = true;
  if (kind == OutcomeKind::value) return;
  (kind == OutcomeKind::cancelled ? propagate_ : body_error_) = error;
  if (!aborting_) abort();
}

void TaskGroup::wait_cancelled(const std::exception_ptr& cancel) noexcept {
  last_cancel_ = cancel;
  if (aborting_) return;  // children are never abandoned: the wait goes on, the request stays counted
  propagate_ = cancel;
  abort();
}

/// `Fatal` goes out bare: then only the exception handler hears of the other errors (gh-135736).
std::exception_ptr TaskGroup::take_fatal() const {
  const auto fatal = std::find_if(errors_.begin(), errors_.end(), detail::is_fatal);
  if (fatal == errors_.end()) return nullptr;
  for (auto other = errors_.begin(); other != errors_.end(); ++other)
    if (*other != *fatal)  // by way of a child and by way of the body it is the same
      parent_->loop().report(*parent_, "unhandled error in a TaskGroup that a fatal one ended", *other);
  return *fatal;
}

std::exception_ptr TaskGroup::settle() {
  ended_ = true;
  if (parent_cancel_requested_) {
    if (parent_cancel_.take_back(*parent_) == 0)
      propagate_ = nullptr;  // it was our own request, and it has done its work
    else if (!propagate_)
      propagate_ = last_cancel_;  // somebody else wants the task to end too (gh-155433)
  }
  if (propagate_ && errors_.empty() && !body_error_) return propagate_;
  if (body_error_) errors_.push_back(body_error_);
  if (errors_.empty()) return nullptr;
  if (std::exception_ptr fatal = take_fatal()) return fatal;
  if (parent_->cancelling() > 0) {  // the errors come first; the cancel is armed again for the next await
    parent_->uncancel();
    parent_->cancel(nullptr);
  }
  return std::make_exception_ptr(ExceptionGroup("unhandled errors in a TaskGroup", std::move(errors_)));
}

}  // namespace coterie

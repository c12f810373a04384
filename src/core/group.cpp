#include "coterie/group.hpp"

namespace coterie {

struct TaskGroup::Child final : DoneCallback {
  Child(TaskGroup& owner, TaskRec& task) : group(&owner) { attach(task); }
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { free_frame(block, bytes); }
  void after_done(TaskRec& task) noexcept override { group->child_ended(*this, task); }
  // Also while the body still runs: the parent cannot leave before its children.
  [[nodiscard]] WaitingTask waiting_task() const noexcept override {
    return {group->parent_, &group->drained_};
  }
  TaskGroup* group;
  Child* next = nullptr;
  Child* prev = nullptr;
};

TaskGroup::~TaskGroup() {
  while (Child* child = first_) {
    first_ = child->next;
    delete child;
  }
}

void TaskGroup::check_open() const {
  if (ended_ || (exiting_ && size_ == 0)) throw InvalidState("TaskGroup is finished: it takes no more tasks");
  if (aborting_) throw InvalidState("TaskGroup is shutting down: it takes no more tasks");
}

void TaskGroup::adopt(TaskRec& task) {
  auto* child = new Child(*this, task);
  child->prev = last_;
  (last_ != nullptr ? last_->next : first_) = child;
  last_ = child;
  ++size_;
}

void TaskGroup::cancel() {
  if (ended_) return;
  if (!aborting_) abort();
  if (parent_cancel_requested_) return;
  parent_cancel_requested_ = true;
  parent_->cancel(nullptr);
}

void TaskGroup::abort() noexcept {
  aborting_ = true;
  for (Child* child = first_; child != nullptr; child = child->next)
    if (!child->task()->done()) child->task()->cancel(nullptr);
}

void TaskGroup::child_ended(Child& child, TaskRec& task) noexcept {
  task.mark_retrieved();
  const std::exception_ptr error = task.cancelled() ? nullptr : task.error();
  (child.prev != nullptr ? child.prev->next : first_) = child.next;
  (child.next != nullptr ? child.next->prev : last_) = child.prev;
  delete &child;
  --size_;
  if (size_ == 0 && drained_.waiting()) drained_.wake();
  if (!error) return;
  errors_.push_back(error);
  if (aborting_ || parent_cancel_requested_) return;
  abort();
  parent_cancel_requested_ = true;
  parent_->cancel(nullptr);
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

std::exception_ptr TaskGroup::settle() {
  ended_ = true;
  if (parent_cancel_requested_) {
    if (parent_->uncancel() == 0)
      propagate_ = nullptr;  // it was our own request, and it has done its work
    else if (!propagate_)
      propagate_ = last_cancel_;  // somebody else wants the task to end too (gh-155433)
  }
  if (propagate_ && errors_.empty() && !body_error_) return propagate_;
  if (body_error_) errors_.push_back(body_error_);
  if (errors_.empty()) return nullptr;
  if (parent_->cancelling() > 0) {  // the errors come first; the cancel is armed again for the next await
    parent_->uncancel();
    parent_->cancel(nullptr);
  }
  return std::make_exception_ptr(ExceptionGroup("unhandled errors in a TaskGroup", std::move(errors_)));
}

}  // namespace coterie

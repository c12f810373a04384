#include "coterie/scope.hpp"

#include <cstdio>
#include <exception>

namespace coterie {

/// Stands in the scope's list until its task goes on, so that it hears when the scope goes before.
class TaskScope::Drained final : public Leaf, public ListNode {
 public:
  explicit Drained(TaskScope& scope) noexcept : Leaf(WaitKind::scope, &scope), scope_(&scope) {}
  bool await_ready() const noexcept { return scope_->size() == 0; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    scope_->waiters_.push_back(*this);
    suspend(caller);
  }
  void await_resume() {
    unlink();
    deliver();
    if (scope_ == nullptr && !drained_)
      throw InvalidState("the TaskScope was destroyed while this task waited for its end");
  }
  CancelReply cancel(const CancelMessage&) override { return CancelReply::detached; }
  void pass_on_class(std::vector<TaskRec*>& targets) noexcept override {
    if (scope_ != nullptr) scope_->pass_on_class(targets);
  }
  void scope_drained() noexcept {
    if (!waiting()) return;
    drained_ = true;
    wake();
  }
  void scope_gone() noexcept {
    scope_ = nullptr;
    if (waiting()) wake();
  }
  /// The scope must not be touched any more.
  [[nodiscard]] bool orphaned() const noexcept { return scope_ == nullptr; }
  /// All of its tasks had ended.
  [[nodiscard]] bool drained() const noexcept { return drained_; }

 private:
  TaskScope* scope_;
  bool drained_ = false;
};

TaskScope::TaskScope(std::string name) : name_(std::move(name)) {}

TaskScope::~TaskScope() {
  if (size() > 0) {
    EventLoop::report_anywhere(ErrorContext(
        "TaskScope '" + name_ + "' was destroyed while its tasks run: co_await close() first: " + names(),
        nullptr));
    destroy_all();
  }
  while (Drained* waiter = waiters_.pop_front()) waiter->scope_gone();
}

void TaskScope::check_open() const {
  if (closed_) throw InvalidState("TaskScope '" + name_ + "' is closed: it takes no more tasks");
}

void TaskScope::check_waiter() const {
  const TaskRec& task = EventLoop::require_task();
  if (contains(task))
    throw InvalidState("task '" + task.name() + "' cannot wait for TaskScope '" + name_ +
                       "', to which it belongs");
}

void TaskScope::cancel(std::string message) {
  cancel_all(message.empty() ? nullptr : std::make_shared<const std::string>(std::move(message)));
}

Task<void> TaskScope::join() {
  check_waiter();
  while (size() > 0) {
    Drained drained(*this);
    co_await drained;
    if (drained.orphaned()) co_return;
  }
}

Task<void> TaskScope::close() {
  check_waiter();
  closed_ = true;
  cancel_all(nullptr);
  std::exception_ptr cancel;
  while (size() > 0) {
    Drained drained(*this);
    const Outcome<void> waited = co_await outcome(drained);
    if (waited.cancelled()) cancel = waited.error();
    if (!drained.orphaned()) continue;
    if (!drained.drained()) std::rethrow_exception(waited.error());
    break;
  }
  if (cancel) std::rethrow_exception(cancel);
}

void TaskScope::child_ended(TaskRec&) noexcept {
  if (size() > 0) return;
  for (Drained* waiter = waiters_.first(); waiter != nullptr; waiter = waiters_.next(*waiter))
    waiter->scope_drained();
}

WaitingTask TaskScope::waiter() const noexcept {
  const Drained* first = waiters_.first();
  return first == nullptr ? WaitingTask{} : WaitingTask{first->task(), first};
}

}  // namespace coterie

#pragma once
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "coterie/core/callable.hpp"
#include "coterie/core/child_list.hpp"
#include "coterie/core/own_cancel.hpp"
#include "coterie/exception_group.hpp"
#include "coterie/spawn.hpp"

namespace coterie {

/// Tasks that end together: see task_group(). Loop thread only.
class TaskGroup final : private detail::ChildList {
 public:
  /// Starts `fn(args...)` as a child. Children may start children, also while the group waits for its end.
  /// InvalidState when the group has ended or is shutting down; the arguments are then released.
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  auto spawn(SpawnOptions options, Fn&& fn, Args&&... args) {
    check_open();
    const std::optional<bool> eager = options.eager_value();
    return begin(
        coterie::spawn(std::move(options).eager(false), std::forward<Fn>(fn), std::forward<Args>(args)...),
        eager);
  }
  template <class Fn, class... Args>
    requires detail::TaskFunction<std::decay_t<Fn>&, std::decay_t<Args>...>
  auto spawn(Fn&& fn, Args&&... args) {
    COTERIE_GUARD_CALLABLE(Fn);
    check_open();
    return begin(
        detail::spawn_borrowing(detail::make_owning_task(std::forward<Fn>(fn), std::forward<Args>(args)...)),
        std::nullopt);
  }

  /// Cancels the children and the body: the group then ends without a Cancelled, with the errors of its
  /// children if there are any. Idempotent; after the end nothing. (TaskGroup.cancel, CPython 3.15)
  void cancel();
  /// Children that have not ended.
  using ChildList::size;

  /// For task_group().
  explicit TaskGroup(TaskRec& parent) noexcept : parent_(&parent), drained_(*this) {}
  ~TaskGroup();
  void body_ended(OutcomeKind kind, const std::exception_ptr& error) noexcept;
  void wait_cancelled(const std::exception_ptr& cancel) noexcept;
  /// What the whole ends with; null: by the body's own value, or by nothing where that was cancelled by us.
  [[nodiscard]] std::exception_ptr settle();

  class Drained final : public Leaf {
   public:
    explicit Drained(TaskGroup& group) noexcept : Leaf(WaitKind::group, &group), group_(&group) {}
    bool await_ready() const noexcept { return group_->size() == 0; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      suspend(caller);
    }
    void await_resume() { deliver(); }
    CancelReply cancel(const CancelMessage&) override { return CancelReply::detached; }
    void pass_on_class(std::vector<TaskRec*>& targets) noexcept override { group_->pass_on_class(targets); }

   private:
    friend class TaskGroup;
    TaskGroup* group_;
  };
  [[nodiscard]] Drained& drained() noexcept { return drained_; }

 private:
  template <class T>
  JoinHandle<T> begin(JoinHandle<T> child, std::optional<bool> eager) {
    adopt(child.state());
    detail::start_if_eager(child.state(), eager);
    return child;
  }
  void check_open() const;
  void child_ended(TaskRec& task) noexcept override;
  [[nodiscard]] WaitingTask waiter() const noexcept override { return {parent_, &drained_}; }
  void abort() noexcept;
  [[nodiscard]] std::exception_ptr take_fatal() const;

  TaskRec* parent_;
  bool exiting_ = false;
  bool aborting_ = false;
  bool ended_ = false;
  bool parent_cancel_requested_ = false;
  detail::OwnCancel parent_cancel_;
  std::exception_ptr body_error_;
  std::exception_ptr propagate_;    // the cancel that leaves the group unless errors do
  std::exception_ptr last_cancel_;  // the newest cancel that arrived while waiting
  std::vector<std::exception_ptr> errors_;
  Drained drained_;
};

namespace detail {
template <class T, class Body>
Task<T> group_block(Body body) {
  TaskGroup group(EventLoop::require_task());
  Outcome<T> end = co_await outcome(body(group));
  group.body_ended(end.kind(), end.error());
  while (group.size() > 0) {
    Outcome<void> waited = co_await outcome(group.drained());
    if (waited.cancelled()) group.wait_cancelled(waited.error());
  }
  if (std::exception_ptr error = group.settle()) std::rethrow_exception(std::move(error));
  if constexpr (std::is_void_v<T>)
    co_return;
  else
    co_return std::move(end).get();
}
}  // namespace detail

/// Runs the block `body(TaskGroup&)` in this task and leaves when it and every child have ended. The first
/// child that fails cancels the others and the body; all errors come as one ExceptionGroup. A cancel from
/// outside goes to the body and the children, in order of creation, and comes out when all have ended, unless
/// one of them failed: then the errors come out and the cancel follows at the next await. A child that was
/// cancelled by itself or by hand is no error. Children may refer to what stands outside of the block: it
/// outlives them. Gives what the body returns; where cancel() ended a body that returns a value, `Cancelled`
/// is thrown, for there is none. (asyncio.TaskGroup, CPython 3.14, with the corrections of 3.15)
template <class Body>
  requires detail::TaskFunction<std::decay_t<Body>&, TaskGroup&>
[[nodiscard]] auto task_group(Body&& body) {
  COTERIE_GUARD_CALLABLE(Body);
  using T = detail::task_result_t<std::decay_t<Body>&, TaskGroup&>;
  return detail::group_block<T, std::decay_t<Body>>(std::forward<Body>(body));
}

}  // namespace coterie

#pragma once
#include <algorithm>
#include <limits>

#include "coterie/loop.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie::detail {

/// 0: no task runs on this thread.
[[nodiscard]] inline std::uint64_t current_task_id() noexcept {
  const EventLoop* loop = EventLoop::current_or_null();
  const TaskRec* task = loop != nullptr ? loop->current_task() : nullptr;
  return task != nullptr ? task->id() : 0;
}

/// The task that holds a lock, or is woken to take it, which has the class of the most urgent that waits for
/// it. Known only where the loop's policy inherits (ReadyQueue::inherits()), and as long as it has not ended.
/// A guard that goes to another task stays with the one that took it.
class Holder final : private DoneHook {
 public:
  explicit Holder(const WaitList& waiters) noexcept : waiters_(&waiters) {}
  ~Holder() { given_back(); }

  /// By the task that runs now, whose id it gives; 0: none does.
  std::uint64_t taken() {
    const EventLoop* loop = EventLoop::current_or_null();
    if (loop == nullptr) return 0;
    TaskRec* task = loop->current_task();
    if (loop->inherits()) [[unlikely]]
      hold(task);
    return task != nullptr ? task->id() : 0;
  }
  /// To a task that is woken to take it: those behind wait for that one from now on.
  void promised_to(TaskRec* task) noexcept {
    const EventLoop* loop = EventLoop::current_or_null();
    if (loop != nullptr && loop->inherits()) [[unlikely]]
      hold(task);
  }
  void given_back() noexcept {
    if (hooked()) [[unlikely]]
      unhook();
  }
  /// Of a task that has come to wait, or waits and has become more urgent.
  void waited_for_by(SchedClass value) noexcept { most_ = std::max(most_, value); }
  /// A task that waited does so no more.
  void given_up_on() noexcept {
    if (hooked()) [[unlikely]]
      task()->reconsider_class();
  }
  /// Null when nobody is known to.
  [[nodiscard]] TaskRec* task() const noexcept { return hooked_to(); }

 private:
  void hold(TaskRec* task) noexcept;
  void task_done(TaskRec&) noexcept override {}
  [[nodiscard]] SchedClass lends() const noexcept override;
  const WaitList* waiters_;
  // None of those that wait is more urgent: who has found one of them as urgent need not look at the rest.
  mutable SchedClass most_ = std::numeric_limits<SchedClass>::min();
};

}  // namespace coterie::detail

#pragma once
#include "coterie/loop.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie::detail {

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
  /// Null when nobody is known to.
  [[nodiscard]] TaskRec* task() const noexcept { return hooked_to(); }

 private:
  void hold(TaskRec* task) noexcept;
  void task_done(TaskRec&) noexcept override {}
  [[nodiscard]] SchedClass lends() const noexcept override;
  const WaitList* waiters_;
};

}  // namespace coterie::detail

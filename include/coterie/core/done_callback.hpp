#pragma once
#include "coterie/core/task_rec.hpp"

namespace coterie {

/// A done-callback that needs no allocation: runs one tick after its task has ended, like asyncio's. Whoever
/// waits embeds it; detaching or destroying it takes it back at any moment.
class DoneCallback : private DoneHook, private Runnable {
 public:
  /// Precondition: not attached. Keeps the task's record until detached.
  void attach(TaskRec& task);
  void detach() noexcept;
  [[nodiscard]] TaskRec* task() const noexcept { return task_; }

  /// It has been queued already, and its waiter's class has changed.
  void requeue() noexcept;

 protected:
  DoneCallback() = default;
  ~DoneCallback() { detach(); }
  /// The task has ended; may detach or destroy this.
  virtual void after_done(TaskRec& task) noexcept = 0;

 private:
  void task_done(TaskRec& task) noexcept final;
  void run() noexcept final;
  [[nodiscard]] const TaskRec* of_task() const noexcept final;
  TaskRec* task_ = nullptr;
};

}  // namespace coterie

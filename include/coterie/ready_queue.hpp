#pragma once
#include <chrono>

#include "coterie/core/runnable.hpp"

namespace coterie {

/// The seam between the loop and a scheduling policy: the order in which what is ready runs. See
/// LoopOptions::policy, and docs/scheduling.md for those that are there.
///
/// A *tick* is as many steps as were ready when it began. The loop calls `begin_tick()`, then `pop()` until
/// it returns null. Each step is chosen among all that is ready by then, what was pushed meanwhile included,
/// so that what is urgent need not wait for the next tick; with all in one class, first in, first out, a tick
/// is exactly what was ready at its start. Between ticks, and in the middle of a long one, the loop looks at
/// timers and I/O and pushes what they wake, so no policy starves those.
///
/// All calls come from the loop's thread, must not throw and must not read a clock. A node's class does not
/// change while it is queued.
class ReadyQueue {
 public:
  ReadyQueue() = default;
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;
  virtual ~ReadyQueue() = default;

  /// Precondition: the node is in no queue.
  virtual void push(Runnable& node) noexcept = 0;
  /// What is queued now is the tick that begins.
  virtual void begin_tick() noexcept = 0;
  /// The next of this tick; null when the tick is over.
  [[nodiscard]] virtual Runnable* pop() noexcept = 0;
  /// Precondition: the node is in this queue.
  virtual void remove(Runnable& node) noexcept = 0;
  /// True when nothing is queued, for this tick or the next.
  [[nodiscard]] virtual bool empty() const noexcept = 0;

  /// Greater classes go before smaller ones, so that a task must have the class of who waits for it, if that
  /// is greater: of a task that awaits it or waits for its group, or for a lock that it holds, as long as it
  /// does; of one that has cancelled it, until the cancel was taken back or it has ended.
  [[nodiscard]] virtual bool inherits() const noexcept { return false; }
  /// The loop looks at its clock after each step, and tells charge() what it took.
  [[nodiscard]] virtual bool measures() const noexcept { return false; }
  virtual void charge(SchedClass sched_class, std::chrono::nanoseconds time) noexcept {
    (void)sched_class, (void)time;
  }
};

/// First in, first out: asyncio's order, and the default.
class FifoQueue final : public ReadyQueue {
 public:
  void push(Runnable& node) noexcept override { next_.push_back(node); }
  void begin_tick() noexcept override { tick_.splice_back(next_); }
  [[nodiscard]] Runnable* pop() noexcept override { return tick_.pop_front(); }
  void remove(Runnable& node) noexcept override { RunList::remove(node); }
  [[nodiscard]] bool empty() const noexcept override { return tick_.empty() && next_.empty(); }

 private:
  RunList tick_;
  RunList next_;
};

}  // namespace coterie

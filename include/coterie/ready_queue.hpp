#pragma once
#include "coterie/core/runnable.hpp"

namespace coterie {

/// The seam between the loop and a scheduling policy: the order in which what is ready runs.
///
/// A *tick* is one pass over exactly what was ready when it began. The loop calls `begin_tick()`, then
/// `pop()` until it returns null; what is pushed meanwhile belongs to the next tick. All calls come from the
/// loop's thread, must not throw and must not read a clock.
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

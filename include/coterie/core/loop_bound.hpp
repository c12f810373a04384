#pragma once
#include "coterie/core/leaf.hpp"

namespace coterie {

class ListedWaiter;

/// The base of everything that tasks wait at: it belongs to the loop of the first task that had to wait, for
/// good. A task of another loop that would have to wait gets InvalidState. (asyncio.mixins)
///
/// In debug mode, what would wake a task that waits here is refused on another thread than the one on which
/// the loop runs: std::logic_error, and nothing has changed. These are set() of an Event, release() of a Lock
/// and a Semaphore, notify() of a Condition, wait(), reset() and abort() of a Barrier, putting into and
/// getting from a Queue, its task_done() and shutdown(), sending and receiving without waiting of a Channel,
/// and what ends or cancels a Future. What must not throw does not look: guards that give back, the ends of a
/// channel, close(). Nor can it be seen while nobody waits, as in asyncio.
///
/// It must outlive the tasks that wait. If it does not: who waits then waits for its cancel, and who was
/// woken but has not run gets InvalidState, where what it waited for is used again.
class LoopBound {
 public:
  LoopBound(const LoopBound&) = delete;
  LoopBound& operator=(const LoopBound&) = delete;
  /// The id of the task that took it last and has not given it back, for dumps; 0: nobody is known to. A
  /// guard that goes to another task stays with the one that took it, which may have ended.
  [[nodiscard]] std::uint64_t holder_id() const noexcept { return holder_id_; }
  /// What dumps call it. Not copied: a string literal, or what lives as long. Null: it has no name.
  void set_name(const char* name) noexcept { name_ = name; }
  [[nodiscard]] const char* name() const noexcept { return name_; }

 protected:
  LoopBound() = default;
  explicit LoopBound(const char* name) noexcept : name_(name) {}
  ~LoopBound() = default;
  /// InvalidState where another loop than its own runs.
  void bind(WaitKind kind);
  /// The last that had to wait here did so in debug mode.
  [[nodiscard]] bool watched() const noexcept { return watched_; }
  /// Before anything is changed that may wake somebody. `somebody_waits`: then the loop is there.
  void check_thread(bool somebody_waits) const {
    if (watched_ && somebody_waits) [[unlikely]]
      check_loop();
  }

  void set_holder_id(std::uint64_t task) noexcept { holder_id_ = task; }

 private:
  friend class ListedWaiter;
  friend struct detail::DebugLayout;
  void check_loop() const;
  EventLoop* loop_ = nullptr;
  bool watched_ = false;
  std::uint64_t holder_id_ = 0;
  const char* name_ = nullptr;
};

}  // namespace coterie

#pragma once
#include <memory>

#include "coterie/core/inbox.hpp"

namespace coterie {

class EventLoop;

/// What lives on a loop, typically in a coroutine's frame, and may be called by another thread: once, and the
/// call may find it gone.
///
///     connect()              ring(), any thread            its message has arrived, loop thread
///        └─────▶ connected ──────────────▶ under way ──────────────────▶ answer()
///                    └──────── destroyed ──────┴─▶ the message finds nobody
///
/// Precondition of ring(): connected and not being destroyed; whoever rings makes sure of it by a lock or by
/// a std::stop_callback. Everything else belongs to the loop's thread.
class Doorbell {
  struct Message;

 public:
  /// Bells to be rung when this goes: made before a lock is taken, it rings once the lock has been given
  /// back. A thread that is woken on the core of the one that wakes it runs at once, and would want the lock.
  class Rings {
   public:
    Rings() noexcept = default;
    Rings(const Rings&) = delete;
    Rings& operator=(const Rings&) = delete;
    ~Rings();
    /// As ring(); the bell may be gone when this goes.
    void add(Doorbell& bell) noexcept;

   private:
    Message* first_ = nullptr;
    Message* last_ = nullptr;
  };

  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

 protected:
  Doorbell() noexcept = default;
  ~Doorbell();

  /// At most once.
  void connect(EventLoop& loop);
  /// At most once, after connect().
  void ring() noexcept;
  /// May destroy this.
  virtual void answer() noexcept = 0;

 private:
  Message* message_ = nullptr;
};

}  // namespace coterie

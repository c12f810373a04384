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
 public:
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

 protected:
  Doorbell() noexcept = default;
  ~Doorbell();

  /// At most once.
  void connect(EventLoop& loop);
  void ring() noexcept;
  /// May destroy this.
  virtual void answer() noexcept = 0;

 private:
  struct Message;
  Message* message_ = nullptr;
  std::shared_ptr<Inbox> inbox_;
};

}  // namespace coterie

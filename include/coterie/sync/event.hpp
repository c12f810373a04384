#pragma once
#include "coterie/sync/wait_list.hpp"

namespace coterie {

/// A flag that tasks of one loop wait for (asyncio.Event). Not thread-safe.
class Event : public LoopBound {
 public:
  class [[nodiscard("co_await it: it does not wait by itself")]] Awaiter final : public ListedWaiter {
   public:
    explicit Awaiter(Event& event) noexcept
        : ListedWaiter(WaitKind::event, event.waiters_, event), event_(&event) {}
    bool await_ready() const noexcept { return event_->set_; }
    void await_resume() { arrive(); }

   private:
    Event* event_;
  };

  Event() = default;
  /// With a name for dumps: see LoopBound::set_name().
  explicit Event(const char* name) noexcept : LoopBound(name) {}

  /// Returns at once when the flag is set; else waits for the next set(), even if clear() follows
  /// immediately.
  Awaiter wait() noexcept { return Awaiter(*this); }
  /// Sets the flag and wakes every task that waits now, in the order of their coming. Throws in debug mode
  /// only: see LoopBound.
  void set() {
    if (set_) return;
    check_thread(!waiters_.empty());
    set_ = true;
    waiters_.wake_all();
  }
  void clear() noexcept { set_ = false; }
  [[nodiscard]] bool is_set() const noexcept { return set_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  WaitList waiters_;
  bool set_ = false;
};

}  // namespace coterie

#pragma once
#include "coterie/core/leaf.hpp"
#include "coterie/core/timer_heap.hpp"
#include "coterie/loop.hpp"

namespace coterie::queue {

/// What one task sleeps on until a time comes or somebody calls notify(). A notify() while nobody waits is
/// kept. Allocates nothing. Loop thread only.
class Wakeup {
 public:
  class Awaiter;
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup() = default;

  void notify() noexcept;
  /// TimePoint::max(): only a notify() ends it.
  [[nodiscard]] Awaiter until(TimePoint deadline) noexcept;

 private:
  bool pending_ = false;
  Awaiter* waiter_ = nullptr;
};

class Wakeup::Awaiter final : public Leaf, private Timer {
 public:
  Awaiter(Wakeup& owner, TimePoint deadline) noexcept
      : Leaf(WaitKind::wakeup, &owner), owner_(&owner), deadline_(deadline) {}
  ~Awaiter() { detach(); }
  bool await_ready() const noexcept { return owner_->pending_; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    owner_->waiter_ = this;
    if (deadline_ != TimePoint::max()) EventLoop::current().arm(*this, deadline_);
    suspend(caller);
  }
  void await_resume() {
    detach();
    owner_->pending_ = false;
    deliver();
  }
  CancelReply cancel(const CancelMessage&) override {
    detach();
    return CancelReply::detached;
  }
  void notify() noexcept {
    if (!waiting()) return;
    disarm();
    wake();
  }

 private:
  void run() noexcept override {
    if (waiting()) wake();
  }
  void disarm() noexcept {
    if (armed() || queued()) task()->loop().disarm(*this);
  }
  void detach() noexcept {
    disarm();
    if (owner_->waiter_ == this) owner_->waiter_ = nullptr;
  }
  Wakeup* owner_;
  TimePoint deadline_;
};

inline void Wakeup::notify() noexcept {
  pending_ = true;
  if (waiter_ != nullptr) waiter_->notify();
}
inline Wakeup::Awaiter Wakeup::until(TimePoint deadline) noexcept {
  return Awaiter(*this, deadline);
}

}  // namespace coterie::queue

#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "coterie/core/doorbell.hpp"
#include "coterie/core/leaf.hpp"
#include "coterie/loop.hpp"

namespace coterie::detail {

/// Where one result and those who wait for it meet, each on a thread of its own. What the result is belongs
/// to the class that derives from this.
class Settlement {
 public:
  /// Intrusive; whoever waits embeds it and removes it before it is destroyed.
  class Waiter {
   public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   protected:
    Waiter() = default;
    ~Waiter() = default;

   private:
    friend class Settlement;
    /// On the settling thread, under the lock: only passes the news on, by `rings` where that wakes a loop.
    virtual void settled(Doorbell::Rings& rings) noexcept = 0;
    Waiter* next_ = nullptr;
    Waiter* prev_ = nullptr;
    bool linked_ = false;
  };

  Settlement() = default;
  Settlement(const Settlement&) = delete;
  Settlement& operator=(const Settlement&) = delete;

  /// The result is there: it may be read. Any thread.
  [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  /// False when it is settled already: the waiter is not kept and hears nothing.
  bool add(Waiter& waiter);
  /// When this returns the waiter hears nothing any more. Harmless when it is not there.
  void remove(Waiter& waiter) noexcept;
  /// `set()` stores the result; only the first call does, and gives true.
  template <class Set>
  bool settle(Set set) {
    Doorbell::Rings rings;
    const std::lock_guard lock(mutex_);
    if (done()) return false;
    set();
    publish(rings);
    return true;
  }
  /// Blocks this thread, until the end or `until`; false when that came first.
  bool block(std::optional<TimePoint> until);

 protected:
  ~Settlement() = default;

 private:
  void publish(Doorbell::Rings& rings) noexcept;

  std::mutex mutex_;
  std::atomic<bool> done_{false};
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

/// Awaits a settlement. What derives from this keeps the settlement alive, and calls leave() in its
/// destructor.
class SettlementLeaf : public Leaf, private Settlement::Waiter, private Doorbell {
 public:
  [[nodiscard]] bool await_ready() const noexcept { return settlement_->done(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    connect(EventLoop::current());
    const bool joined = settlement_->add(*this);
    suspend(caller);
    if (!joined && waiting()) arrived();
  }

 protected:
  SettlementLeaf(WaitKind kind, Settlement& settlement) noexcept
      : Leaf(kind, &settlement), settlement_(&settlement) {}
  ~SettlementLeaf() = default;
  void leave() noexcept { settlement_->remove(*this); }
  /// Loop thread: the settlement is done.
  virtual void arrived() noexcept { wake(); }

 private:
  void settled(Doorbell::Rings& rings) noexcept final { rings.add(*this); }
  void answer() noexcept final {
    if (waiting()) arrived();
  }
  Settlement* settlement_;
};

/// Awaits a settlement that is sure to outlive the wait; a cancel ends the wait at once.
class SettledAwaiter final : public SettlementLeaf {
 public:
  explicit SettledAwaiter(Settlement& settlement, WaitKind kind = WaitKind::thread) noexcept
      : SettlementLeaf(kind, settlement) {}
  ~SettledAwaiter() { leave(); }
  void await_resume() { deliver(); }
  CancelReply cancel(const CancelMessage&) override {
    leave();
    return CancelReply::detached;
  }
};

}  // namespace coterie::detail

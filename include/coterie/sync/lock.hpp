#pragma once
#include <utility>

#include "coterie/spawn.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie {

class LockGuard;

/// Mutual exclusion between the tasks of one loop, first come, first served: who releases it and asks again
/// goes to the end (asyncio.Lock). Not owned by a task, not reentrant: any task may release it. Not
/// thread-safe.
class Lock {
  class Base : public ListedWaiter {
   public:
    explicit Base(Lock& lock) noexcept : ListedWaiter(WaitKind::lock, lock.waiters_, &lock), lock_(&lock) {}
    bool await_ready() const noexcept {
      if (lock_->locked_ || !lock_->waiters_.empty()) return false;
      lock_->locked_ = true;
      return true;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      enter();
      suspend(caller);
    }

   protected:
    void take() {
      if (task() == nullptr) return;  // it was free
      leave();
      deliver();
      lock_->locked_ = true;
    }
    void undo() noexcept override {  // woken, then cancelled: the turn goes to the next
      if (!lock_->locked_) lock_->wake_next();
    }
    Lock* lock_;
  };

 public:
  class Awaiter final : public Base {
   public:
    using Base::Base;
    void await_resume() { take(); }
  };
  class GuardAwaiter final : public Base {
   public:
    using Base::Base;
    LockGuard await_resume();
  };

  /// `Cancelled` means that the lock was not taken.
  [[nodiscard]] Awaiter acquire() noexcept { return Awaiter(*this); }
  /// The same as a guard that releases it: `LockGuard guard = co_await lock.scoped();`
  [[nodiscard]] GuardAwaiter scoped() noexcept { return GuardAwaiter(*this); }
  /// InvalidState when it is not held.
  void release() {
    if (!locked_) throw InvalidState("Lock is not acquired.");
    locked_ = false;
    wake_next();
  }
  [[nodiscard]] bool locked() const noexcept { return locked_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  void wake_next() noexcept {
    if (ListedWaiter* next = waiters_.first_unless_woken()) WaitList::wake(*next);
  }
  WaitList waiters_;
  bool locked_ = false;
};

/// Holds a Lock and releases it at the end of its scope. Movable.
class [[nodiscard("the lock is released when this goes")]] LockGuard {
 public:
  explicit LockGuard(Lock& lock) noexcept : lock_(&lock) {}
  LockGuard(LockGuard&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
  LockGuard& operator=(LockGuard&& other) noexcept {
    std::swap(lock_, other.lock_);
    return *this;
  }
  ~LockGuard() { unlock(); }
  void unlock() {
    if (lock_ != nullptr) std::exchange(lock_, nullptr)->release();
  }

 private:
  Lock* lock_;
};

inline LockGuard Lock::GuardAwaiter::await_resume() {
  take();
  return LockGuard(*lock_);
}

}  // namespace coterie

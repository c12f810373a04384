#pragma once
#include "coterie/spawn.hpp"
#include "coterie/sync/hold.hpp"
#include "coterie/sync/holder.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie {

class LockGuard;

/// Mutual exclusion between the tasks of one loop, first come, first served: who releases it and asks again
/// goes to the end (asyncio.Lock). Not owned by a task, not reentrant: any task may release it. Not
/// thread-safe; it outlives who holds it.
class Lock : public LoopBound {
  class Base : public ListedWaiter {
   public:
    explicit Base(Lock& lock) noexcept : ListedWaiter(WaitKind::lock, lock.waiters_, lock), lock_(&lock) {}
    bool await_ready() {
      if (lock_->locked_ || !lock_->waiters_.empty()) return false;
      lock_->take();
      return true;
    }
    void pass_on_class(std::vector<TaskRec*>& targets) noexcept override {
      lock_->holder_.waited_for_by(task()->sched_class());
      if (TaskRec* holder = lock_->holder_.task()) targets.push_back(holder);
    }

   protected:
    ~Base() { abandon(); }
    void take() {
      if (!suspended()) return;  // it was free
      arrive_at_primitive();
      lock_->take();
    }
    void gave_up(bool woken) noexcept override {
      if (woken) lock_->holder_.given_back();
      if (!lock_->locked_) lock_->wake_next();  // its turn goes to the next
      lock_->holder_.given_up_on();
    }
    Lock* lock_;
  };

 public:
  class [[nodiscard("co_await it: nothing is acquired before")]] Awaiter final : public Base {
   public:
    using Base::Base;
    void await_resume() { take(); }
  };
  class [[nodiscard("co_await it: nothing is acquired before")]] GuardAwaiter final : public Base {
   public:
    using Base::Base;
    LockGuard await_resume();
  };

  Lock() = default;
  /// With a name for dumps: see LoopBound::set_name().
  explicit Lock(const char* name) noexcept : LoopBound(name) {}

  /// `Cancelled` means that the lock was not taken.
  Awaiter acquire() noexcept { return Awaiter(*this); }
  /// The same as a guard that releases it: `LockGuard guard = co_await lock.scoped();`
  GuardAwaiter scoped() noexcept { return GuardAwaiter(*this); }
  /// InvalidState when it is not held.
  void release() {
    if (!locked_) throw InvalidState("Lock is not acquired.");
    check_thread(!waiters_.empty());
    give_back();
  }
  [[nodiscard]] bool locked() const noexcept { return locked_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  friend class LockGuard;
  void take() {
    locked_ = true;
    set_holder_id(holder_.taken());
  }
  void give_back() noexcept {
    locked_ = false;
    set_holder_id(0);
    holder_.given_back();
    wake_next();
  }
  void wake_next() noexcept {
    if (ListedWaiter* next = waiters_.first_unless_woken()) {
      holder_.promised_to(next->task());
      WaitList::wake(*next);
    }
  }
  WaitList waiters_;
  detail::Holder holder_{waiters_};
  bool locked_ = false;
};

/// Holds a Lock and releases it at the end of its scope. Movable.
class [[nodiscard("the lock is released when this goes")]] LockGuard
    : public detail::Hold<Lock, &Lock::give_back> {
 public:
  using Hold::Hold;
  void unlock() noexcept { give_up(); }
};

inline LockGuard Lock::GuardAwaiter::await_resume() {
  take();
  return LockGuard(*lock_);
}

}  // namespace coterie

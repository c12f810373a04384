#pragma once
#include <cstddef>
#include <utility>

#include "coterie/sync/wait_list.hpp"

namespace coterie {

class Permit;

/// A number of permits, first come, first served (asyncio.Semaphore). A permit that is released while tasks
/// wait is handed over at once, so that the releaser cannot take it back. Of one loop; not thread-safe.
class Semaphore {
  class Base : public ListedWaiter {
   public:
    explicit Base(Semaphore& owner) noexcept
        : ListedWaiter(WaitKind::semaphore, owner.waiters_, &owner), semaphore_(&owner) {}
    bool await_ready() const noexcept {
      if (semaphore_->locked()) return false;
      --semaphore_->value_;
      return true;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> caller) {
      enter();
      suspend(caller);
    }

   protected:
    void take() {
      if (task() == nullptr) return;
      leave();
      deliver();
      semaphore_->hand_over();
    }
    void undo() noexcept override {  // it had the permit already: give it back
      ++semaphore_->value_;
      semaphore_->hand_over();
    }
    Semaphore* semaphore_;
  };

 public:
  class Awaiter final : public Base {
   public:
    using Base::Base;
    void await_resume() { take(); }
  };
  class PermitAwaiter final : public Base {
   public:
    using Base::Base;
    Permit await_resume();
  };

  explicit Semaphore(std::size_t permits = 1) noexcept : value_(permits) {}

  /// `Cancelled` means that no permit was taken.
  [[nodiscard]] Awaiter acquire() noexcept { return Awaiter(*this); }
  /// The same as a guard that gives it back: `Permit permit = co_await semaphore.scoped();`
  [[nodiscard]] PermitAwaiter scoped() noexcept { return PermitAwaiter(*this); }
  void release() noexcept {
    ++value_;
    wake_next();
  }
  /// acquire() would wait now.
  [[nodiscard]] bool locked() const noexcept { return value_ == 0 || !waiters_.empty(); }
  [[nodiscard]] std::size_t value() const noexcept { return value_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  bool wake_next() noexcept {
    ListedWaiter* next = waiters_.first_waiting();
    if (next == nullptr) return false;
    --value_;
    WaitList::wake(*next);
    return true;
  }
  /// Those who came meanwhile had to wait in line: as many as there are permits may go on.
  void hand_over() noexcept {
    while (value_ > 0 && wake_next()) {
    }
  }
  WaitList waiters_;
  std::size_t value_;
};

/// Holds a permit and gives it back at the end of its scope. Movable.
class [[nodiscard("the permit is given back when this goes")]] Permit {
 public:
  explicit Permit(Semaphore& semaphore) noexcept : semaphore_(&semaphore) {}
  Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept {
    std::swap(semaphore_, other.semaphore_);
    return *this;
  }
  ~Permit() { release(); }
  void release() noexcept {
    if (semaphore_ != nullptr) std::exchange(semaphore_, nullptr)->release();
  }

 private:
  Semaphore* semaphore_;
};

inline Permit Semaphore::PermitAwaiter::await_resume() {
  take();
  return Permit(*semaphore_);
}

}  // namespace coterie

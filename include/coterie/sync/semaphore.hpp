#pragma once
#include <concepts>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

#include "coterie/spawn.hpp"
#include "coterie/sync/hold.hpp"
#include "coterie/sync/holder.hpp"
#include "coterie/sync/wait_list.hpp"

namespace coterie {

class Permit;

/// A number of permits, first come, first served (asyncio.Semaphore). A permit that is released while tasks
/// wait is handed over at once, so that the releaser cannot take it back. Of one loop; not thread-safe; it
/// outlives who holds a permit.
class Semaphore : public LoopBound {
  class Base : public ListedWaiter {
   public:
    explicit Base(Semaphore& owner) noexcept
        : ListedWaiter(WaitKind::semaphore, owner.waiters_, owner), semaphore_(&owner) {}
    bool await_ready() const noexcept {
      if (semaphore_->locked()) return false;
      --semaphore_->value_;
      semaphore_->set_holder_id(detail::current_task_id());
      return true;
    }

   protected:
    ~Base() { abandon(); }
    void take() {
      if (!suspended()) return;
      arrive_at_primitive();
      semaphore_->hand_over();
    }
    void gave_up(bool woken) noexcept override {
      if (woken) ++semaphore_->value_;  // it had the permit already
      semaphore_->hand_over();
    }
    Semaphore* semaphore_;
  };

 public:
  class [[nodiscard("co_await it: nothing is acquired before")]] Awaiter final : public Base {
   public:
    using Base::Base;
    void await_resume() { take(); }
  };
  class [[nodiscard("co_await it: nothing is acquired before")]] PermitAwaiter final : public Base {
   public:
    using Base::Base;
    Permit await_resume();
  };

  Semaphore() noexcept : Semaphore(1) {}
  /// std::invalid_argument when `permits` is negative. `name`: for dumps, see LoopBound::set_name().
  template <std::integral Number>
  explicit Semaphore(Number permits, const char* name = nullptr)
      : Semaphore(permits, std::numeric_limits<std::size_t>::max(), name) {}

  /// `Cancelled` means that no permit was taken.
  Awaiter acquire() noexcept { return Awaiter(*this); }
  /// The same as a guard that gives it back: `Permit permit = co_await semaphore.scoped();`
  PermitAwaiter scoped() noexcept { return PermitAwaiter(*this); }
  /// InvalidState when it is bounded and no permit is out.
  void release() {
    if (value_ >= bound_) throw InvalidState("BoundedSemaphore released too many times");
    check_thread(!waiters_.empty());
    give_back();
  }
  /// acquire() would wait now.
  [[nodiscard]] bool locked() const noexcept { return value_ == 0 || !waiters_.empty(); }
  [[nodiscard]] std::size_t value() const noexcept { return value_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 protected:
  struct Bounded {};
  template <std::integral Number>
  Semaphore(Number permits, Bounded, const char* name)
      : Semaphore(permits, static_cast<std::size_t>(permits), name) {}

 private:
  friend class Permit;
  template <std::integral Number>
  Semaphore(Number permits, std::size_t bound, const char* name)
      : LoopBound(name), value_(static_cast<std::size_t>(permits)), bound_(bound) {
    if (std::cmp_less(permits, 0))
      throw std::invalid_argument("a Semaphore cannot have fewer than 0 permits");
  }
  /// For a guard, whose destructor must not throw. Its permit is out, unless somebody released one too many.
  void give_back() noexcept {
    if (holder_id() == detail::current_task_id()) set_holder_id(0);
    if (value_ < bound_) ++value_;
    wake_next();
  }
  bool wake_next() noexcept {
    ListedWaiter* next = waiters_.first_waiting();
    if (next == nullptr) return false;
    --value_;
    set_holder_id(next->task()->id());
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
  const std::size_t bound_;
};

/// A Semaphore that holds at most the permits that it began with: one release too many is InvalidState.
/// (asyncio.BoundedSemaphore)
class BoundedSemaphore final : public Semaphore {
 public:
  BoundedSemaphore() : BoundedSemaphore(1) {}
  template <std::integral Number>
  explicit BoundedSemaphore(Number permits, const char* name = nullptr)
      : Semaphore(permits, Bounded(), name) {}
};

/// Holds a permit and gives it back at the end of its scope. Movable.
class [[nodiscard("the permit is given back when this goes")]] Permit
    : public detail::Hold<Semaphore, &Semaphore::give_back> {
 public:
  using Hold::Hold;
  void release() noexcept { give_up(); }
};

inline Permit Semaphore::PermitAwaiter::await_resume() {
  take();
  return Permit(*semaphore_);
}

}  // namespace coterie

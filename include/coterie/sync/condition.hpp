#pragma once
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/core/callable.hpp"
#include "coterie/core/linked_list.hpp"
#include "coterie/core/under_lock.hpp"
#include "coterie/sync/lock.hpp"
#include "coterie/sync/wait_list.hpp"
#include "coterie/task.hpp"

namespace coterie {

/// Waits, under a lock, for something that other tasks change under the same lock (asyncio.Condition):
///
///     LockGuard guard = co_await condition.scoped();
///     co_await condition.wait_for([&] { return !jobs.empty(); });
///
/// Of one loop; not thread-safe; it outlives who waits.
class Condition : public UnderLock {
 public:
  /// With a lock of its own.
  Condition() noexcept { set_lock(own_); }
  /// With a lock that others use too; it outlives the condition.
  explicit Condition(Lock& lock) noexcept { set_lock(lock); }

  /// The lock's own: see Lock.
  Lock::Awaiter acquire() noexcept { return lock().acquire(); }
  Lock::GuardAwaiter scoped() noexcept { return lock().scoped(); }
  void release() { lock().release(); }
  [[nodiscard]] bool locked() const noexcept { return static_cast<const Lock*>(its_lock())->locked(); }
  [[nodiscard]] Lock& lock() noexcept { return static_cast<Lock&>(bound_lock()); }

  /// Releases the lock, waits for a notify, and takes the lock again. May return without a notify, so look
  /// again, or use wait_for(). InvalidState when the lock is not held.
  ///
  /// However it ends, the lock is held afterwards: a cancel interrupts the wait, but not the way back to the
  /// lock; the last one that came is thrown once the lock is held. A notify that the cancelled task had
  /// already got goes to the next that waits. A condition that is destroyed meanwhile is InvalidState, then
  /// without the lock if that went with it.
  [[nodiscard("co_await it: it does not wait by itself")]] Task<void> wait();

  /// Waits until `predicate()`, asked under the lock, gives something true, and returns that. Needs no lock
  /// when it is true at once. Cancels as wait().
  template <class Predicate>
  [[nodiscard("co_await it: it does not wait by itself")]] auto wait_for(Predicate&& predicate) {
    COTERIE_GUARD_CALLABLE(Predicate);
    return wait_until_true<std::decay_t<Predicate>>(std::forward<Predicate>(predicate));
  }

  /// Wakes the first `count` tasks that wait; they go on one by one, once the lock is released. InvalidState
  /// when the lock is not held.
  void notify(std::size_t count = 1) {
    require_lock("cannot notify on un-acquired lock");
    check_thread(!waiters_.empty());
    waiters_.wake_some(count);
  }
  void notify_all() { notify(waiters_.size()); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiters_.size(); }

 private:
  /// Stands in two lists: of those that wait for a notify, and of those inside wait(), the way back to the
  /// lock included.
  class Waiter final : public ListedWaiter, public ListNode {
   public:
    explicit Waiter(Condition& condition) noexcept
        : ListedWaiter(WaitKind::condition, condition.waiters_, condition), condition_(&condition) {
      condition.inside_.push_back(*this);
    }
    ~Waiter() {
      abandon();
      if (notified_ && !condition_gone()) condition_->waiters_.wake_one();
    }
    bool await_ready() const noexcept { return false; }
    void await_resume() {
      notified_ = woken();
      arrive();
    }
    /// The notify did what it was for: it need not go to the next.
    void used() noexcept { notified_ = false; }
    [[nodiscard]] bool condition_gone() const noexcept { return !linked(); }
    using ListedWaiter::throw_gone;

   private:
    void gave_up(bool woken) noexcept override { notified_ = woken; }
    Condition* condition_;
    bool notified_ = false;
  };

  void require_lock(const char* message) const {
    if (!locked()) throw InvalidState(message);
  }
  template <class Predicate>
  Task<std::decay_t<std::invoke_result_t<Predicate&>>> wait_until_true(Predicate predicate) {
    auto result = std::invoke(predicate);
    while (!result) {
      co_await wait();
      result = std::invoke(predicate);
    }
    co_return result;
  }

  Lock own_;
  WaitList waiters_;
  LinkedList<Waiter> inside_;
};

}  // namespace coterie

#pragma once
#include <coroutine>
#include <cstddef>

#include "coterie/core/leaf.hpp"
#include "coterie/core/loop_bound.hpp"

namespace coterie {

class ListedWaiter;
class WaitList;

/// An awaiter that stands in a primitive's list until its task has run again: also after it was woken, so
/// that nobody overtakes it in between. A cancel takes it out at once.
class ListedWaiter : public Leaf {
 public:
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    enter();
    suspend(caller);
  }
  CancelReply cancel(const CancelMessage&) final {
    if (leave()) gave_up(false);
    return CancelReply::detached;
  }
  /// Behind this one in the line.
  [[nodiscard]] ListedWaiter* next() const noexcept { return next_; }

 protected:
  ListedWaiter(WaitKind kind, WaitList& list, LoopBound& primitive) noexcept
      : Leaf(kind, &primitive), list_(&list), primitive_(&primitive) {}
  ~ListedWaiter() { leave(); }
  /// In await_suspend, before suspend(): to the end of the line, unless it stands there already.
  void enter();
  /// False when it stood in no line.
  bool leave() noexcept {
    if (!listed_) return false;
    unlink();
    return true;
  }
  /// In await_resume: out of the line, or `Cancelled`. False when the primitive has gone after it woke this.
  bool arrive() {
    deliver();
    return leave();
  }
  /// The same for what is used again after the wait: InvalidState when it has gone.
  void arrive_at_primitive() {
    if (!arrive()) [[unlikely]]
      throw_gone();
  }
  [[noreturn]] void throw_gone() const;
  [[nodiscard]] bool listed() const noexcept { return listed_; }
  /// For the destructor of whoever overrides gave_up(): its frame is destroyed while it waits, or after it
  /// was woken.
  void abandon() noexcept {
    if (leave()) gave_up(woken());
  }
  /// It left the line because its task was cancelled. `woken`: it had been woken before, and what it was
  /// given, or woken for, goes to another. Not called once the primitive is gone.
  virtual void gave_up(bool woken) noexcept { (void)woken; }

 private:
  friend class WaitList;
  void unlink() noexcept;
  void undo() noexcept final {
    if (leave()) gave_up(true);
  }

  WaitList* list_;
  LoopBound* primitive_;
  ListedWaiter* next_ = nullptr;
  ListedWaiter* prev_ = nullptr;
  bool listed_ = false;
};

/// The tasks that wait at a primitive, first come, first served. Intrusive: waiting never allocates.
class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  /// Who still waits then waits for its cancel: a main task that returns leaves tasks that wait at its
  /// locals.
  ~WaitList();

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] ListedWaiter* first() const noexcept { return first_; }
  /// The first, if it has not been woken yet: null otherwise. (One is on its way already.)
  [[nodiscard]] ListedWaiter* first_unless_woken() const noexcept {
    return first_ != nullptr && first_->waiting() ? first_ : nullptr;
  }
  /// The first that has not been woken.
  [[nodiscard]] ListedWaiter* first_waiting() const noexcept {
    ListedWaiter* waiter = first_;
    while (waiter != nullptr && !waiter->waiting()) waiter = waiter->next();
    return waiter;
  }
  static void wake(ListedWaiter& waiter) noexcept { waiter.wake(); }
  /// Wakes the first `count` of those that have not been woken.
  void wake_some(std::size_t count) noexcept;
  void wake_one() noexcept {
    if (ListedWaiter* waiter = first_waiting()) wake(*waiter);
  }
  void wake_all() noexcept { wake_some(static_cast<std::size_t>(-1)); }

 private:
  friend class ListedWaiter;
  ListedWaiter* first_ = nullptr;
  ListedWaiter* last_ = nullptr;
};

}  // namespace coterie

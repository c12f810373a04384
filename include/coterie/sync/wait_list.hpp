#pragma once
#include <coroutine>

#include "coterie/core/leaf.hpp"

namespace coterie {

class WaitList;

/// An awaiter that stands in a primitive's list until its task has run again: also after it was woken, so
/// that nobody overtakes it in between. A cancel takes it out at once.
class ListedWaiter : public Leaf {
 public:
  CancelReply cancel(const CancelMessage&) override {
    leave();
    return CancelReply::detached;
  }

 protected:
  ListedWaiter(WaitKind kind, WaitList& list, const void* primitive) noexcept
      : Leaf(kind, primitive), list_(&list) {}
  ~ListedWaiter() { leave(); }
  void enter() noexcept;
  void leave() noexcept;

 private:
  void withdraw() noexcept final { leave(); }
  friend class WaitList;
  WaitList* list_;
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
  /// The first, if it has not been woken yet: null otherwise. (One is on its way already.)
  [[nodiscard]] ListedWaiter* first_unless_woken() const noexcept;
  /// The first that has not been woken.
  [[nodiscard]] ListedWaiter* first_waiting() const noexcept;
  static void wake(ListedWaiter& waiter) noexcept { waiter.wake(); }
  void wake_all() noexcept;

 private:
  friend class ListedWaiter;
  ListedWaiter* first_ = nullptr;
  ListedWaiter* last_ = nullptr;
};

}  // namespace coterie

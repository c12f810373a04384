#include "coterie/sync/rw_lock.hpp"

#include "coterie/sync/holder.hpp"

namespace coterie {

bool RwLock::take(const Base& waiter) noexcept {
  if (writing_ || (waiter.writes() && readers_ > 0)) return false;
  if (waiter.writes())
    writing_ = true;
  else
    ++readers_;
  set_holder_id(waiter.suspended() ? waiter.task()->id() : detail::current_task_id());
  return true;
}

void RwLock::give_back_read() noexcept {
  // Of several readers the newest is known, until it goes.
  if (--readers_ == 0 || detail::current_task_id() == holder_id()) set_holder_id(0);
  hand_over();
}

void RwLock::give_back_write() noexcept {
  writing_ = false;
  set_holder_id(0);
  hand_over();
}

void RwLock::hand_over() noexcept {
  while (ListedWaiter* next = waiters_.first_waiting()) {
    if (!take(static_cast<Base&>(*next))) return;
    WaitList::wake(*next);
  }
}

}  // namespace coterie

#include "coterie/sync/rw_lock.hpp"

namespace coterie {

bool RwLock::take(const Base& waiter) noexcept {
  if (writing_ || (waiter.writes() && readers_ > 0)) return false;
  if (waiter.writes())
    writing_ = true;
  else
    ++readers_;
  return true;
}

void RwLock::give_back_read() noexcept {
  --readers_;
  hand_over();
}

void RwLock::give_back_write() noexcept {
  writing_ = false;
  hand_over();
}

void RwLock::hand_over() noexcept {
  while (ListedWaiter* next = waiters_.first_waiting()) {
    if (!take(static_cast<Base&>(*next))) return;
    WaitList::wake(*next);
  }
}

}  // namespace coterie

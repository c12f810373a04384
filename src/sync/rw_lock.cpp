#include "coterie/sync/rw_lock.hpp"

#include "coterie/loop.hpp"

namespace coterie {

bool RwLock::take(const Base& waiter) noexcept {
  if (writing_ || (waiter.writes() && readers_ > 0)) return false;
  if (!waiter.writes()) {
    ++readers_;
    return true;
  }
  writing_ = true;
  const EventLoop* loop = EventLoop::current_or_null();
  const TaskRec* task = waiter.suspended() ? waiter.task() : loop != nullptr ? loop->current_task() : nullptr;
  set_holder_id(task != nullptr ? task->id() : 0);
  return true;
}

void RwLock::give_back_read() noexcept {
  --readers_;
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

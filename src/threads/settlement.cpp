#include "coterie/threads/settlement.hpp"

namespace coterie::detail {

bool Settlement::add(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (done()) return false;
  waiter.prev_ = last_;
  waiter.next_ = nullptr;
  waiter.linked_ = true;
  (last_ != nullptr ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  return true;
}

void Settlement::remove(Waiter& waiter) noexcept {
  const std::lock_guard lock(mutex_);
  if (!waiter.linked_) return;
  (waiter.prev_ != nullptr ? waiter.prev_->next_ : first_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->prev_ : last_) = waiter.prev_;
  waiter.linked_ = false;
}

void Settlement::publish(Doorbell::Rings& rings) noexcept {
  done_.store(true, std::memory_order_release);
  for (Waiter* waiter = std::exchange(first_, nullptr); waiter != nullptr;) {
    Waiter* next = waiter->next_;
    waiter->linked_ = false;
    waiter->settled(rings);  // its owner cannot go before it gets the lock: remove()
    waiter = next;
  }
  last_ = nullptr;
}

bool Settlement::block(std::optional<TimePoint> until) {
  struct Sleeper final : Waiter {
    void settled(Doorbell::Rings&) noexcept override { news.notify_one(); }
    std::condition_variable news;
  };
  if (done()) return true;
  Sleeper sleeper;
  if (!add(sleeper)) return true;
  bool settled = true;
  {
    std::unique_lock lock(mutex_);
    const auto ended = [this] { return done(); };
    if (until)
      settled = sleeper.news.wait_until(lock, *until, ended);
    else
      sleeper.news.wait(lock, ended);
  }
  remove(sleeper);
  return settled;
}

}  // namespace coterie::detail

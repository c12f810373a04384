#include "coterie/sync/barrier.hpp"

namespace coterie {

Barrier::Barrier(std::size_t parties) : parties_(parties) {
  if (parties == 0) throw std::invalid_argument("a Barrier needs at least one party");
}

std::size_t Barrier::Awaiter::await_resume() {
  if (suspended() && arrive()) barrier_->left(*this);
  if (place_ == Place::failed)
    throw BrokenBarrier("the barrier was reset or aborted before this round was over");
  return index_;
}

bool Barrier::pass_at_once(Awaiter& awaiter) {
  check_thread(!waiters_.empty());
  awaiter.place_ = Awaiter::Place::outside;  // it may have been awaited before
  if (phase_ == Phase::broken) {
    awaiter.place_ = Awaiter::Place::failed;
    return true;
  }
  if (phase_ != Phase::filling || inside_ + 1 < parties_) return false;
  awaiter.place_ = Awaiter::Place::passed;
  awaiter.index_ = inside_;
  pass_all();
  return true;
}

// Inside is everyone whose task has not run since: the round is over when the last has left.
void Barrier::let_in(Awaiter& awaiter) noexcept {
  awaiter.place_ = Awaiter::Place::inside;
  awaiter.counted_ = true;
  if (++inside_ == parties_) pass_all();
}

void Barrier::pass_all() noexcept {
  if (inside_ > 0) phase_ = Phase::draining;
  std::size_t index = 0;
  for (ListedWaiter* waiter = waiters_.first(); waiter != nullptr; waiter = waiter->next()) {
    auto& awaiter = static_cast<Awaiter&>(*waiter);
    if (awaiter.place_ != Awaiter::Place::inside) continue;
    awaiter.place_ = Awaiter::Place::passed;
    awaiter.index_ = index++;
    WaitList::wake(awaiter);
  }
}

void Barrier::left(Awaiter& awaiter) noexcept {
  if (!awaiter.counted_) return;
  awaiter.counted_ = false;
  if (--inside_ > 0 || (phase_ != Phase::draining && phase_ != Phase::resetting)) return;
  phase_ = Phase::filling;
  for (ListedWaiter* waiter = waiters_.first(); waiter != nullptr; waiter = waiter->next()) {
    auto& next = static_cast<Awaiter&>(*waiter);
    if (phase_ == Phase::filling && next.place_ == Awaiter::Place::outside) let_in(next);
  }
}

void Barrier::fail(bool outside_too) noexcept {
  for (ListedWaiter* waiter = waiters_.first(); waiter != nullptr; waiter = waiter->next()) {
    auto& awaiter = static_cast<Awaiter&>(*waiter);
    if (awaiter.place_ == Awaiter::Place::outside && !outside_too) continue;
    awaiter.place_ = Awaiter::Place::failed;
    if (awaiter.waiting()) WaitList::wake(awaiter);
  }
}

void Barrier::reset() {
  check_thread(!waiters_.empty());
  phase_ = inside_ > 0 ? Phase::resetting : Phase::filling;
  fail(false);
}

void Barrier::abort() {
  check_thread(!waiters_.empty());
  phase_ = Phase::broken;
  fail(true);
}

}  // namespace coterie

#include "coterie/sync/condition.hpp"

namespace coterie {

Task<void> Condition::wait() {
  require_lock("cannot wait on un-acquired lock");
  bind(WaitKind::condition);  // throws while the lock is still held
  Waiter waiter(*this);
  lock_->release();
  Outcome<void> end = co_await outcome(waiter);
  if (waiter.orphaned()) end.get();  // cancelled, and there is no lock to come back to
  for (;;) {
    Lock::Awaiter acquire = lock_->acquire();
    Outcome<void> acquired = co_await outcome(acquire);
    if (acquired.has_value()) break;
    end = std::move(acquired);
  }
  if (end.has_value()) waiter.used();  // else the waiter passes the notify on as it goes
  end.get();
}

}  // namespace coterie

#include "coterie/sync/condition.hpp"

namespace coterie {

Task<void> Condition::wait() {
  require_lock("cannot wait on un-acquired lock");
  bind(WaitKind::condition);  // throws while the lock is still held
  Waiter waiter(*this);
  Lock* const its = &lock();  // one of others is there also when the condition has gone
  const bool lock_goes_with_it = its == &own_;
  its->release();
  Outcome<void> end = co_await outcome(waiter);
  for (;;) {
    if (lock_goes_with_it && waiter.condition_gone()) {
      end.get();
      waiter.throw_gone();
    }
    Lock::Awaiter acquire = its->acquire();
    Outcome<void> acquired = co_await outcome(acquire);
    if (acquired.has_value()) break;
    if (!acquired.cancelled()) acquired.get();
    end = std::move(acquired);
  }
  end.get();  // the waiter passes its notify on as it goes
  if (waiter.condition_gone()) waiter.throw_gone();
  waiter.used();
}

}  // namespace coterie

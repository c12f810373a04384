#include "coterie/core/callback.hpp"

#include <utility>

#include "coterie/loop.hpp"

namespace coterie {

CallbackHandle::Call::Call(EventLoop& owner, std::source_location origin)
    : loop(&owner), where(origin), context(detail::ContextSlot::capture()) {
  set_sched_class(owner.current_class());
  if (owner.debug()) [[unlikely]]
    created = std::make_unique<const Stack>(owner.debug_stack());
}

void CallbackHandle::Call::run() noexcept {
  {
    const detail::ContextScope scope(context);
    try {
      invoke();
    } catch (...) {
      detail::report_callback_error(*this, where, created.get());
    }
    forget();
  }
  release();
}

std::string CallbackHandle::Call::describe() const {
  return (when ? "<TimerHandle " : "<Handle ") + detail::place(where) + ">";
}

void CallbackHandle::cancel() noexcept {
  if (call_ == nullptr || call_->cancelled) return;
  call_->cancelled = true;
  const bool due = call_->armed() || call_->queued();
  if (!due) return;
  Call& call = *call_;  // what is forgotten may hold this handle
  call.loop->disarm(call);
  call.forget();
  call.release();  // the loop's reference
}

void CallbackHandle::queue() {
  call_->loop->check_usable();
  call_->loop->receive();  // what other threads have posted was there before
  ++call_->refs;
  call_->loop->push(*call_);
}

void CallbackHandle::arm(TimePoint when) {
  call_->loop->check_usable();
  call_->when = when;
  call_->loop->arm(*call_, when);
  ++call_->refs;
}

}  // namespace coterie

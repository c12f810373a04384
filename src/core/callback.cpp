#include "coterie/core/callback.hpp"

#include <stdexcept>
#include <utility>

#include "coterie/loop.hpp"

namespace coterie {

void CallbackHandle::Call::run() noexcept {
  try {
    invoke();
  } catch (...) {
    loop->report(ErrorContext("Exception in callback", std::current_exception()));
  }
  release();
}

void CallbackHandle::cancel() noexcept {
  if (call_ == nullptr || call_->cancelled) return;
  call_->cancelled = true;
  const bool due = call_->armed() || call_->queued();
  if (!due) return;
  call_->loop->disarm(*call_);
  call_->release();  // the loop's reference
}

void CallbackHandle::queue() {
  if (call_->loop->closed()) throw std::logic_error("Event loop is closed");
  call_->loop->receive();  // what other threads have posted was there before
  ++call_->refs;
  call_->loop->push(*call_);
}

void CallbackHandle::arm(TimePoint when) {
  if (call_->loop->closed()) throw std::logic_error("Event loop is closed");
  call_->loop->arm(*call_, when);
  ++call_->refs;
}

}  // namespace coterie

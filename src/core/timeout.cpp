#include "coterie/timeout.hpp"

namespace coterie {

Timeout::Timeout(TaskRec& task, std::optional<TimePoint> when)
    : task_(&task),
      requests_at_entry_(task.cancelling()),
      deliveries_at_entry_(task.deliveries()),
      pending_at_entry_(task.must_cancel()) {
  reschedule(when);
}

Timeout::~Timeout() {
  if (armed() || queued()) task_->loop().disarm(*this);
}

void Timeout::reschedule(std::optional<TimePoint> when) {
  if (state_ != State::active)
    throw InvalidState(state_ == State::finished  ? "Cannot change state of finished Timeout"
                       : state_ == State::expired ? "Cannot change state of expired Timeout"
                                                  : "Cannot change state of expiring Timeout");
  EventLoop& loop = task_->loop();
  loop.disarm(*this);
  when_ = when;
  if (!when) return;
  if (*when <= loop.now())
    loop.push(*this);  // already due: before anything that becomes ready from here on
  else
    loop.arm(*this, *when);
}

void Timeout::run() noexcept {
  state_ = State::expiring;
  // A cancel that was pending when the block was entered and is so still is somebody else's: it must come out
  // as a cancel. (gh-134471: asyncio turns it into TimeoutError.)
  if (pending_at_entry_ && task_->deliveries() == deliveries_at_entry_) --requests_at_entry_;
  cancel_.request(*task_);
}

bool Timeout::exit(bool cancelled) noexcept {
  if (armed() || queued()) task_->loop().disarm(*this);
  if (state_ != State::expiring) {
    state_ = State::finished;
    return false;
  }
  state_ = State::expired;
  return cancel_.take_back(*task_) <= requests_at_entry_ && cancelled;
}

void detail::throw_timeout(const std::exception_ptr& cancel) {
  try {
    std::rethrow_exception(cancel);
  } catch (const Cancelled&) {
    std::throw_with_nested(TimeoutError("the deadline has passed"));
  }
}

}  // namespace coterie

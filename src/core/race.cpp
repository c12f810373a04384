#include "coterie/race.hpp"

namespace coterie::detail {

void StaggeredLeaf::begin(std::span<Child> attempts) {
  attempts_ = attempts;
  set_children(attempts);
  start_next();
}

void StaggeredLeaf::start_next() {
  EventLoop& loop = EventLoop::current();
  loop.disarm(*this);
  const std::size_t index = started_++;
  watch(attempts_[index], start_attempt(index));
  if (started_ < attempts_.size()) loop.arm(*this, loop.now() + delay_);
}

void StaggeredLeaf::stop_starting() noexcept {
  if (armed() || queued()) task()->loop().disarm(*this);
  started_ = attempts_.size();
}

void StaggeredLeaf::run() noexcept {
  const EventLoop::OnBehalfOf racer(*task());
  start_next();
}

void StaggeredLeaf::child_ended(Child& child, TaskRec& attempt) noexcept {
  one_ended();
  if (decider() == nullptr && attempt.error() == nullptr) {
    decide(child);
    stop_starting();
    cancel_rest(nullptr);
  } else if (started_ < attempts_.size()) {
    run();
  }
  if (pending() == 0) wake();
}

Leaf::CancelReply StaggeredLeaf::cancel(const CancelMessage& message) {
  stop_starting();
  return ChildrenLeaf::cancel(message);
}

std::size_t StaggeredLeaf::winner() {
  finish();
  if (decider() != nullptr) return index_of(*decider());
  std::vector<std::exception_ptr> errors;
  for (const Child& attempt : attempts_)
    if (attempt.task() != nullptr) errors.push_back(attempt.task()->error());
  throw ExceptionGroup("every attempt of a staggered_race failed", std::move(errors));
}

}  // namespace coterie::detail

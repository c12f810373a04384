#include "coterie/as_completed.hpp"

namespace coterie::detail {

Completions::~Completions() {
  disarm();
}

void Completions::watch(const std::vector<TaskRec*>& tasks, std::optional<Duration> limit) {
  for (const TaskRec* task : tasks) check_awaitable(*task);
  loop_ = &EventLoop::current();
  count_ = running_ = unreceived_ = tasks.size();
  children_ = std::make_unique<Child[]>(count_);
  for (std::size_t i = 0; i < count_; ++i) {
    children_[i].owner = this;
    children_[i].attach(*tasks[i]);
  }
  if (limit && count_ > 0) loop_->arm(*this, loop_->now() + *limit);
}

/// The first of those: any end may be what it waits for.
WaitingTask Completions::most_urgent() const noexcept {
  const Next* found = consumers_.first();
  for (const Next* next = found; next != nullptr; next = consumers_.next(*next))
    if (next->task()->sched_class() > found->task()->sched_class()) found = next;
  return found == nullptr ? WaitingTask{} : WaitingTask{found->task(), found};
}

void Completions::pass_on_class(std::vector<TaskRec*>& targets) noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    children_[i].requeue();
    if (children_[i].task() != nullptr) targets.push_back(children_[i].task());
  }
}

void Completions::disarm() noexcept {
  if (armed() || queued()) loop_->disarm(*this);
}

void Completions::child_ended(Child& child) noexcept {
  ended_.push_back(static_cast<std::size_t>(&child - children_.get()));
  if (--running_ == 0) disarm();
  offer();
}

void Completions::offer() noexcept {
  if (ended_.empty()) return;
  Next* consumer = consumers_.pop_front();
  if (consumer == nullptr) return;
  consumer->index_ = ended_.front();
  ended_.pop_front();
  consumer->wake();
}

void Completions::run() noexcept {
  expired_ = true;
  for (std::size_t i = 0; i < count_; ++i) children_[i].detach();
  release_consumers();
}

void Completions::release_consumers() noexcept {
  while (Next* consumer = consumers_.pop_front()) consumer->wake();
}

Completions::Next::~Next() {
  give_back();
}

void Completions::Next::give_back() noexcept {
  if (!index_) return;
  completions_->ended_.push_front(*index_);
  index_.reset();
  completions_->offer();
}

std::optional<std::size_t> Completions::Next::receive() {
  deliver();
  Completions& all = *completions_;
  if (!index_ && !all.ended_.empty()) {
    index_ = all.ended_.front();
    all.ended_.pop_front();
  }
  if (!index_) {
    if (all.unreceived_ == 0) return std::nullopt;
    throw TimeoutError("the tasks of as_completed() have not ended by its deadline");
  }
  if (--all.unreceived_ == 0) all.release_consumers();
  return std::exchange(index_, std::nullopt);
}

}  // namespace coterie::detail

#include "src/core/class_meter.hpp"

#include <algorithm>
#include <utility>

namespace coterie::detail {

/// The system's steady clock may be read by any thread; a virtual one has no others.
TimePoint ClassMeter::now() const noexcept {
  if (closed_) return *closed_;
  return poller_->is_virtual() ? poller_->now() : Clock::now();
}

ClassMeter::Entry& ClassMeter::entry(SchedClass sched_class) {
  const auto found = entries_.find(sched_class);
  if (found != entries_.end()) return found->second;
  const std::lock_guard lock(mutex_);
  Entry& made = entries_[sched_class];
  made.times.sched_class = sched_class;
  made.since = now();
  return made;
}

void ClassMeter::enter(Entry& its, Duration ClassTimes::* state, TimePoint now) noexcept {
  its.times.*its.counts += now - std::exchange(its.since, now);
  its.counts = state;
}

void ClassMeter::pushed(SchedClass sched_class) {
  Entry& its = entry(sched_class);
  if (its.ready++ > 0 || &its == running_) return;
  const std::lock_guard lock(mutex_);
  enter(its, &ClassTimes::starved, now());
}

void ClassMeter::removed(SchedClass sched_class) {
  Entry& its = entry(sched_class);
  if (--its.ready > 0 || &its == running_) return;
  const std::lock_guard lock(mutex_);
  enter(its, &ClassTimes::waiting, now());
}

void ClassMeter::begins(SchedClass sched_class, TimePoint now) {
  Entry& its = entry(sched_class);
  --its.ready;
  const std::lock_guard lock(mutex_);
  ++its.times.steps;
  if (running_ == &its) return;
  leave(now);
  enter(its, &ClassTimes::runtime, now);
  running_ = &its;
}

void ClassMeter::rests(TimePoint now) {
  if (running_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  leave(now);
}

/// Precondition: the lock is held.
void ClassMeter::leave(TimePoint now) noexcept {
  if (running_ == nullptr) return;
  enter(*running_, running_->ready > 0 ? &ClassTimes::starved : &ClassTimes::waiting, now);
  running_ = nullptr;
}

void ClassMeter::close() {
  const std::lock_guard lock(mutex_);
  closed_ = now();
}

std::vector<ClassTimes> ClassMeter::read() const {
  std::vector<ClassTimes> all;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint until = now();
    for (const auto& [sched_class, its] : entries_) {
      ClassTimes& times = all.emplace_back(its.times);
      times.*its.counts += std::max(until - its.since, Duration::zero());
    }
  }
  std::sort(all.begin(), all.end(),
            [](const ClassTimes& a, const ClassTimes& b) { return a.sched_class < b.sched_class; });
  return all;
}

}  // namespace coterie::detail

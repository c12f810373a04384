#include "src/queue/pulse.hpp"

#include <algorithm>

namespace coterie::queue {

void Pulse::show(std::vector<Held>& list) {
  const std::lock_guard lock(mutex_);
  list_.swap(list);
  moved_ = false;
  ++progress_;
}

void Pulse::collect() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(moved_, false)) return;
  for (const Held& held : list_) {
    // A record that runs another job by now has a lease of its own.
    if (held.run != nullptr && held.run->number() == held.number)
      held.run->lease_until = std::max(held.run->lease_until, held.until);
  }
}

void Pulse::forget(const JobRun& run) {
  const std::lock_guard lock(mutex_);
  for (Held& held : list_)
    if (held.run == &run) held.run = nullptr;
}

std::uint64_t Pulse::progress() {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void Pulse::note_progress() {
  const std::lock_guard lock(mutex_);
  ++progress_;
}

TimePoint Pulse::give_up(TimePoint now) {
  const std::lock_guard lock(mutex_);
  TimePoint earliest = list_.empty() ? nothing_held : all_over;
  for (Held& held : list_) {
    if (held.until > now) {
      if (can_be_kept(held)) earliest = std::min(earliest, held.until);
    } else if (!std::exchange(held.over, true) && held.run != nullptr) {
      held.run->note_lost(held.number);
    }
  }
  return earliest;
}

std::vector<LeaseRef> Pulse::held() {
  const std::lock_guard lock(mutex_);
  std::vector<LeaseRef> leases;
  leases.reserve(list_.size());
  for (const Held& held : list_)
    if (can_be_kept(held)) leases.push_back(held.lease);
  return leases;
}

void Pulse::extended(const std::vector<LeaseRef>& leases, const std::vector<Verdict>& verdicts,
                     TimePoint until) {
  const std::lock_guard lock(mutex_);
  // In the order of the list, unless the session has put up another one meanwhile; that one knows better.
  std::size_t i = 0;
  for (Held& held : list_) {
    if (i == leases.size() || i == verdicts.size()) return;
    if (held.lease.id != leases[i].id || held.lease.token != leases[i].token) continue;
    if (verdicts[i++] == Verdict::accepted) {
      held.until = std::max(held.until, until);
      moved_ = true;
    } else {
      held.refused =
          true;  // its end is being reported, or another worker has it: the session will hear which
    }
  }
}

std::vector<std::shared_ptr<const Secrets>> Pulse::secrets() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Secrets>> all;
  for (const Held& held : list_)
    if (held.secrets) all.push_back(held.secrets);
  return all;
}

Pulse::Running Pulse::running(const TaskRec* busy_with) {
  const std::lock_guard lock(mutex_);
  Running running;
  for (const Held& held : list_) {
    if (held.handler == nullptr) continue;
    running.jobs.push_back("'" + *held.handler + "' " + held.lease.id.str());
    if (held.task != nullptr && held.task == busy_with) running.busy_with = running.jobs.back();
  }
  return running;
}

}  // namespace coterie::queue

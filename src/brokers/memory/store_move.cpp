// Pausing queues, and taking jobs to another broker.
#include "src/brokers/memory/store.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::memory {

void Store::pause(std::string&& queue) {
  const Session session(*this);
  if (paused_.find(queue) == paused_.end() && paused_.size() >= queue::paused_queues)
    queue::refuse_pause(queue);
  paused_.insert(std::move(queue));
}

void Store::resume(const std::string& queue) {
  const Session session(*this);
  if (paused_.erase(queue) > 0) changed_ = true;
}

std::vector<std::string> Store::paused() {
  const Session session(*this);
  return {paused_.begin(), paused_.end()};
}

queue::JobExport Store::export_job(const Record& record, bool payloads) const {
  queue::JobExport job;
  job.state = record.state;
  job.spec.id = record.id;
  job.spec.queue = queues_[record.queue]->name;
  job.spec.name = record.stream->name;
  job.spec.payload = payloads ? record.payload : std::string();
  job.spec.priority = record.priority;
  job.spec.run_at = record.run_at;
  job.spec.expires_at = record.may_expire() ? record.expires_at : 0;
  job.spec.max_attempts = queue::attempts_left(record.attempt, record.max_attempts);
  job.spec.timeout = record.timeout;
  job.spec.result_ttl = record.result_ttl;
  job.spec.max_crashes = record.max_crashes;
  if (record.rare) {
    job.spec.backoff = record.rare->backoff;
    job.spec.headers = record.rare->headers;
    if (record.rare->failures && payloads)
      job.spec.attempts = queue::portable_attempts(record.rare->failures->attempts);
  }
  job.waits_for = record.waits_for;
  for (std::uint32_t edge = record.edges; edge != no_slot; edge = edges_[edge].next)
    if (const Record* const dependent = waiting_at(edge)) job.dependents.push_back(dependent->id);
  return job;
}

/// Who waits at the other end; nothing where it waits no more.
const Record* Store::waiting_at(std::uint32_t edge) const {
  const Record& dependent = pool_[edges_[edge].dependent];
  const bool waits = dependent.generation == edges_[edge].generation && dependent.state == JobState::blocked;
  return waits ? &dependent : nullptr;
}

bool Store::is_awaited(const Record& record) const {
  for (std::uint32_t edge = record.edges; edge != no_slot; edge = edges_[edge].next)
    if (waiting_at(edge) != nullptr) return true;
  return false;
}

std::vector<std::optional<queue::JobExport>> Store::export_jobs(const std::vector<JobId>& ids,
                                                                bool payloads) {
  const Session session(*this);
  std::vector<std::optional<queue::JobExport>> found(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Record* const record = find(ids[i]);
    if (record != nullptr && !is_final(record->state)) found[i] = export_job(*record, payloads);
  }
  return found;
}

std::vector<queue::Withdrawn> Store::withdraw(const std::vector<JobId>& ids) {
  const Session session(*this);
  std::vector<queue::Withdrawn> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    Slot slot = no_slot;
    const Record* const record = find(id, &slot);
    if (record == nullptr) {
      results.push_back(queue::Withdrawn::unknown);
    } else if (is_final(record->state)) {
      results.push_back(queue::Withdrawn::final);
    } else if (record->state == JobState::leased) {
      results.push_back(queue::Withdrawn::leased);
    } else if (is_awaited(*record)) {
      results.push_back(queue::Withdrawn::awaited);
    } else {
      finish(slot, JobState::cancelled);
      forget(slot);
      withdrawn_.insert(id);
      results.push_back(queue::Withdrawn::withdrawn);
    }
  }
  compact_order();
  return results;
}

void Store::readmit(const std::vector<JobId>& ids) {
  const Session session(*this);
  for (const JobId& id : ids)
    if (withdrawn_.erase(id) > 0) tombs_.erase(id);
}

}  // namespace coterie::brokers::memory

#include <algorithm>

#include "src/brokers/memory/store.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::memory {

std::vector<queue::Enqueued> Store::enqueue(std::vector<queue::JobSpec>&& jobs, const Limits& limits) {
  queue::validate_enqueue(jobs, limits);
  const Session session(*this);
  check_dependencies(jobs);
  std::vector<queue::Enqueued> verdicts;
  verdicts.reserve(jobs.size());
  for (queue::JobSpec& job : jobs) {
    if (remembers(job.id)) {
      verdicts.push_back(queue::Enqueued::exists);
      continue;
    }
    const Slot slot = pool_.take();
    ids_.emplace(job.id, slot);
    create(slot, std::move(job));
    verdicts.push_back(queue::Enqueued::created);
  }
  return verdicts;
}

void Store::check_dependencies(const std::vector<queue::JobSpec>& jobs) const {
  std::unordered_map<JobId, std::size_t> places;  // of the batch; made only when somebody waits for it
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].after.empty() || remembers(jobs[i].id)) continue;
    for (const JobId& id : jobs[i].after) {
      if (can_be_awaited(id)) continue;
      if (places.empty()) {
        places.reserve(jobs.size());
        for (std::size_t k = 0; k < jobs.size(); ++k) places.try_emplace(jobs[k].id, k);
      }
      const auto self = places.find(jobs[i].id);
      if (self->second != i) break;  // the second of two with the same id: it will `exist`
      const auto found = places.find(id);
      if (found == places.end() || found->second >= i) queue::refuse_unknown_dependency(i, jobs[i], id);
    }
  }
}

/// One that was withdrawn may not have ended where it is now.
bool Store::can_be_awaited(const JobId& id) const {
  return ids_.find(id) != ids_.end() || (remembers(id) && withdrawn_.find(id) == withdrawn_.end());
}

void Store::create(Slot slot, queue::JobSpec&& job) {
  Record& record = pool_[slot];
  record.id = job.id;
  record.queue = queue_index(job.queue);
  record.stream = &queues_[record.queue]->add_to_stream(job.name);
  record.payload = std::move(job.payload);
  record.order = ++last_order_;
  record.created_at = now_;
  record.run_at = std::max(now_ + job.delay.count(), job.run_at);
  record.expires_at = job.expires_at;
  record.timeout = job.timeout;
  record.result_ttl = job.result_ttl;
  record.max_attempts = job.max_attempts;
  record.max_crashes = job.max_crashes;
  record.priority = static_cast<std::int16_t>(job.priority);
  const Backoff usual;
  if (job.backoff.base != usual.base || job.backoff.factor != usual.factor || job.backoff.cap != usual.cap ||
      job.backoff.jitter != usual.jitter) {
    record.need_rare().backoff = job.backoff;
  }
  if (!job.headers.empty()) record.need_rare().headers = std::move(job.headers);
  if (!job.attempts.empty()) {
    record.need_rare().failures = std::make_unique<Failures>();
    record.rare->failures->last = job.attempts.back().error;
    record.rare->failures->attempts = std::move(job.attempts);
  }
  order_.emplace_back(record.order, slot);
  if (!job.after.empty()) wait_for(slot, std::move(job.after));
  if (record.waits_for > 0) {
    enter(slot, JobState::blocked);
  } else {
    make_runnable(slot, record.run_at);
  }
}

void Store::wait_for(Slot slot, std::vector<JobId>&& after) {
  std::sort(after.begin(), after.end());
  after.erase(std::unique(after.begin(), after.end()), after.end());
  Record& record = pool_[slot];
  for (const JobId& id : after) {
    Record* const other = find(id);
    if (other == nullptr || is_final(other->state)) continue;
    std::uint32_t edge = free_edge_;
    if (edge == no_slot) {
      edge = static_cast<std::uint32_t>(edges_.size());
      edges_.emplace_back();
    } else {
      free_edge_ = edges_[edge].next;
    }
    edges_[edge] = Edge{slot, record.generation, other->edges};
    other->edges = edge;
    ++record.waits_for;
  }
}

}  // namespace coterie::brokers::memory

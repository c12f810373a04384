// What becomes of a job: the edges of the state chart in coterie/queue/job.hpp.
#include <algorithm>
#include <utility>

#include "src/brokers/memory/store.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::memory {
namespace {

/// The fence: only the token in the record counts, and only from the incarnation that it was given to.
bool is_held(const Record& record, const queue::Uuid& by, const LeaseRef& lease) {
  return record.state == JobState::leased && record.token == lease.token &&
         record.worker->ref.incarnation == by;
}

/// Whether its newest lease was settled, by this token and this incarnation. The token alone would not do: a
/// store that was set back to an older copy could give it out twice.
bool is_settled(const Record& record, const queue::Uuid& by, const LeaseRef& lease) {
  return record.settled_token == lease.token && record.token == lease.token && lease.token != 0 &&
         record.worker->ref.incarnation == by;
}

/// `brief`: the same error as it is kept of each attempt.
void keep_failure(Record& record, JobError error, JobError brief, UnixMillis now) {
  Rare& rare = record.need_rare();
  if (!rare.failures) rare.failures = std::make_unique<Failures>();
  rare.failures->last = std::move(error);
  std::vector<queue::Attempt>& attempts = rare.failures->attempts;
  if (attempts.size() == queue::attempts_kept) attempts.erase(attempts.begin());
  queue::Attempt& attempt = attempts.emplace_back();
  attempt.number = record.attempt;
  attempt.started_at = record.started_at;
  attempt.ended_at = now;
  attempt.worker = record.worker->ref.name;
  attempt.error = std::move(brief);
}

}  // namespace

/// From outside every structure to `ready`, or to `scheduled` where `at` is still to come.
void Store::make_runnable(Slot slot, UnixMillis at) {
  pool_[slot].run_at = at;
  enter(slot, at > now_ ? JobState::scheduled : JobState::ready);
}

void Store::finish(Slot slot, JobState state) {
  leave(slot);
  Record& record = pool_[slot];
  record.finished_at = now_;
  record.cancel_requested = false;
  enter(slot, state);
  if (record.edges != no_slot) release_dependents(record);
}

void Store::release_dependents(Record& record) {
  std::vector<Slot> released;
  std::uint32_t edge = record.edges;
  record.edges = no_slot;
  while (edge != no_slot) {
    const Edge found = edges_[edge];
    edges_[edge].next = free_edge_;
    free_edge_ = edge;
    edge = found.next;
    Record& dependent = pool_[found.dependent];
    if (dependent.generation != found.generation || dependent.state != JobState::blocked) continue;
    if (--dependent.waits_for == 0) released.push_back(found.dependent);
  }
  // The newest edge came first; jobs become ready in the order in which they were created.
  std::reverse(released.begin(), released.end());
  for (const Slot slot : released) {
    leave(slot);
    make_runnable(slot, std::max(pool_[slot].run_at, now_));
  }
}

Verdict Store::settle_done(const Worker& worker, queue::Done& done) {
  Slot slot = no_slot;
  Record* const record = find(done.lease, slot);
  if (record == nullptr) return Verdict::unknown;
  if (is_settled(*record, worker.ref.incarnation, done.lease)) {
    return record->settled_done ? Verdict::already_accepted : Verdict::fenced;
  }
  if (!is_held(*record, worker.ref.incarnation, done.lease)) return Verdict::fenced;
  record->settled_token = record->token;
  record->settled_done = true;
  if (record->result_ttl > Milliseconds{0}) record->result = std::move(done.result);
  finish(slot, JobState::done);
  return Verdict::accepted;
}

Verdict Store::settle_failed(const Worker& worker, const queue::Failed& failed, const Limits& limits) {
  Slot slot = no_slot;
  Record* const found = find(failed.lease, slot);
  if (found == nullptr) return Verdict::unknown;
  Record& record = *found;
  if (is_settled(record, worker.ref.incarnation, failed.lease)) {
    return record.settled_done ? Verdict::fenced : Verdict::already_accepted;
  }
  if (!is_held(record, worker.ref.incarnation, failed.lease)) return Verdict::fenced;
  record.settled_token = record.token;
  record.settled_done = false;
  record.lost_before = false;
  if (!failed.error.type.empty() || !failed.error.message.empty()) {
    keep_failure(record, queue::clean_error(failed.error, limits), queue::brief_error(failed.error, limits),
                 now_);
  }
  using queue::FailKind;
  const bool cancelled = failed.kind == FailKind::cancelled || record.cancel_requested;
  const bool last = record.attempt >= record.max_attempts;
  if (cancelled && failed.kind != FailKind::dead) {
    finish(slot, JobState::cancelled);
  } else if (failed.kind == FailKind::dead || (failed.kind == FailKind::retry && last)) {
    finish(slot, JobState::dead);
  } else {
    Milliseconds delay = failed.delay;
    if (failed.kind == FailKind::give_back) {
      --record.attempt;
    } else if (delay < Milliseconds{0}) {
      delay = (record.rare ? record.rare->backoff : Backoff{}).delay_after(record.attempt, random());
    }
    leave(slot);
    make_runnable(slot, now_ + std::max(delay, Milliseconds{0}).count());
  }
  return Verdict::accepted;
}

Verdict Store::extend(const Worker& worker, const queue::Alive& alive, Milliseconds lease,
                      std::vector<JobId>& cancel) {
  Slot slot = no_slot;
  Record* const record = find(alive.lease, slot);
  if (record == nullptr) return Verdict::unknown;
  if (!is_held(*record, worker.ref.incarnation, alive.lease)) return Verdict::fenced;
  leases_.move(*record, now_ + lease.count());
  record->started = record->started || alive.started;
  if (alive.progress >= 0) {
    Rare& rare = record->need_rare();
    rare.progress = alive.progress;
    rare.note = queue::clean_text(alive.note, queue::progress_note_bytes);
  }
  if (record->cancel_requested) cancel.push_back(record->id);
  return Verdict::accepted;
}

std::vector<Verdict> Store::extend(const queue::Uuid& worker, const std::vector<LeaseRef>& leases,
                                   Milliseconds lease) {
  const Session session(*this);
  std::vector<Verdict> verdicts;
  verdicts.reserve(leases.size());
  for (const LeaseRef& ref : leases) {
    Slot slot = no_slot;
    Record* const record = find(ref, slot);
    if (record == nullptr) {
      verdicts.push_back(Verdict::unknown);
    } else if (!is_held(*record, worker, ref)) {
      verdicts.push_back(Verdict::fenced);
    } else {
      leases_.move(*record, now_ + lease.count());
      verdicts.push_back(Verdict::accepted);
    }
  }
  return verdicts;
}

/// The worker that has it is gone, or has not been heard of for a lease.
void Store::recover(Slot slot) {
  Record& record = pool_[slot];
  bool quarantine = false;
  if (record.started) {
    ++record.crashes;
    if (record.alone) ++record.alone_crashes;
    quarantine = record.alone && record.max_crashes != 0 && record.alone_crashes >= record.max_crashes;
    const JobError error = queue::lost_error(record.worker->ref.name, quarantine ? record.alone_crashes : 0);
    keep_failure(record, error, error, now_);
  }
  --record.attempt;
  record.lost_before = true;
  if (record.cancel_requested) {
    finish(slot, JobState::cancelled);
  } else if (quarantine) {
    finish(slot, JobState::dead);
  } else if (record.may_expire() && record.expires_at <= now_) {
    finish(slot, JobState::expired);
  } else {
    leave(slot);
    make_runnable(slot, now_);
  }
}

std::vector<queue::CancelResult> Store::cancel(const std::vector<JobId>& ids) {
  const Session session(*this);
  std::vector<queue::CancelResult> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    Slot slot = no_slot;
    Record* const record = find(id, &slot);
    if (record == nullptr) {
      results.push_back(queue::CancelResult::unknown);
    } else if (is_final(record->state)) {
      // Repeating a cancel whose reply was lost tells that it did happen.
      results.push_back(record->state == JobState::cancelled ? queue::CancelResult::cancelled
                                                             : queue::CancelResult::final);
    } else if (record->state == JobState::leased) {
      changed_ = changed_ || !record->cancel_requested;
      record->cancel_requested = true;
      results.push_back(queue::CancelResult::requested);
    } else {
      finish(slot, JobState::cancelled);
      results.push_back(queue::CancelResult::cancelled);
    }
  }
  return results;
}

std::vector<bool> Store::retry(const std::vector<JobId>& ids) {
  const Session session(*this);
  std::vector<bool> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    Slot slot = no_slot;
    Record* const record = find(id, &slot);
    const bool can = record != nullptr && is_final(record->state) && record->state != JobState::done;
    results.push_back(can);
    if (!can) continue;
    leave(slot);
    record->attempt = 0;
    record->alone_crashes = 0;
    record->lost_before = false;
    record->waits_for = 0;
    record->expires_at = 0;
    record->finished_at = 0;
    make_runnable(slot, now_);
  }
  return results;
}

/// splitmix64: backoff needs to scatter, not to be unguessable.
double Store::random() {
  std::uint64_t z = random_state_ += 0x9E37'79B9'7F4A'7C15U;
  z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9U;
  z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBU;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

}  // namespace coterie::brokers::memory

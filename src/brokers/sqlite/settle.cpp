// The first half of a cycle: what its worker reports about the leases that it holds.
#include "src/brokers/sqlite/engine.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

/// Finds the lease that `ref` speaks for. Anything but `accepted` is the verdict, and `lease` says nothing.
Verdict Engine::settle(const LeaseRef& ref, const WorkerRow& worker, bool success, LeaseRow& lease) {
  const auto token = static_cast<std::int64_t>(ref.token);
  auto job = static_cast<std::int64_t>(ref.hint);
  bool leased = job > 0 && load_lease(job, lease) && lease.id == ref.id;
  if (!leased) {
    job = find_job_number(ref.id);
    if (job == 0) return Verdict::unknown;
    leased = load_lease(job, lease);
  }
  if (leased && lease.token == token && lease.owner == worker.id && worker.id != 0) return Verdict::accepted;

  // Not held so any more. Was this its newest lease, and did this worker end it, in this way? The token alone
  // would not do: a file that was set back to an older copy could give it out twice.
  std::int64_t last_token = 0;
  std::int64_t last_owner = 0;
  Decision decision = Decision::none;
  if (Statement& final = sql_.find_final.with(db_, job); final.step()) {
    last_token = final.integer(1);
    last_owner = final.integer(2);
    decision = static_cast<Decision>(final.integer(3));
    final.reset();
  } else {
    JobRow row;
    if (!load_job(job, row)) return Verdict::unknown;
    last_token = row.token;
    last_owner = leased ? 0 : row.owner;
    decision = row.decision;
  }
  const bool same = decision != Decision::none && last_token == token && last_owner == worker.id &&
                    worker.id != 0 && success == (decision == Decision::done);
  return same ? Verdict::already_accepted : Verdict::fenced;
}

Verdict Engine::settle_done(const Done& done, const WorkerRow& worker) {
  LeaseRow lease;
  const Verdict verdict = settle(done.lease, worker, true, lease);
  if (verdict != Verdict::accepted) return verdict;
  drop_lease(lease);
  count(lease.queue, JobState::leased, -1);
  Ending ending;
  ending.state = JobState::done;
  ending.decision = Decision::done;
  ending.attempt = lease.attempt;
  ending.started_at = lease.started_at;
  ending.token = lease.token;
  ending.owner = lease.owner;
  finish(lease.job, lease.queue, lease.result_ttl, ending, &done.result);
  return Verdict::accepted;
}

Verdict Engine::settle_failed(const Failed& failed, const WorkerRow& worker) {
  LeaseRow lease;
  const Verdict verdict = settle(failed.lease, worker, false, lease);
  if (verdict != Verdict::accepted) return verdict;
  JobRow row;
  if (!load_job(lease.job, row)) throw SqliteError(SQLITE_CORRUPT, "a lease without its job");
  drop_lease(lease);
  count(lease.queue, JobState::leased, -1);

  row.token = lease.token;
  row.owner = lease.owner;
  row.started_at = lease.started_at;
  row.lost = 0;
  const bool stop = (lease.flags & lease_cancel) != 0;
  Ending ending;
  ending.attempt = lease.attempt;
  ending.started_at = lease.started_at;
  ending.token = lease.token;
  ending.owner = lease.owner;
  switch (failed.kind) {
    case FailKind::retry:
      row.decision = Decision::retry;
      break;
    case FailKind::dead:
      row.decision = Decision::dead;
      break;
    case FailKind::cancelled:
      row.decision = Decision::cancelled;
      break;
    case FailKind::give_back:
      row.decision = Decision::give_back;
      break;
  }
  ending.decision = row.decision;
  if (!failed.error.type.empty() || !failed.error.message.empty()) fail(lease, failed.error);

  if (failed.kind == FailKind::give_back && !stop) {
    // The attempt does not count: job.attempt still has the number before it.
    row.run_at = failed.delay.count() > 0 ? now_ + failed.delay.count() : now_;
    to_waiting(row);
    return Verdict::accepted;
  }
  row.attempt = lease.attempt;
  if (failed.kind == FailKind::retry && !stop && row.attempt < row.max_attempts) {
    const double random = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
    const Milliseconds delay = failed.delay.count() >= 0
                                   ? failed.delay
                                   : row.backoff.delay_after(static_cast<std::uint32_t>(row.attempt), random);
    row.run_at = now_ + delay.count();
    to_waiting(row);
    return Verdict::accepted;
  }
  // Where somebody wants it stopped, no attempt follows.
  const bool dead = failed.kind == FailKind::dead || (failed.kind == FailKind::retry && !stop);
  ending.state = dead ? JobState::dead : JobState::cancelled;
  store_job(row);
  finish(row.job, row.queue, row.result_ttl, ending, nullptr);
  return Verdict::accepted;
}

/// Nothing is settled by being alive: what is not held is fenced, however it ended.
Verdict Engine::find_held(const LeaseRef& ref, const WorkerRow& worker, LeaseRow& lease) {
  const Verdict verdict = settle(ref, worker, false, lease);
  return verdict == Verdict::already_accepted ? Verdict::fenced : verdict;
}

void Engine::move_deadline(const LeaseRow& lease, Milliseconds lease_time, std::int64_t flags) {
  const std::int64_t until = now_ + lease_time.count();
  sql_.extend.with(db_, lease.job, until, flags).run();
  if (lease.until <= min_until_) min_until_known_ = false;
  if (min_until_known_ && (min_until_ == 0 || until < min_until_)) min_until_ = until;
}

Verdict Engine::extend(const Alive& alive, const WorkerRow& worker, Milliseconds lease_time,
                       std::vector<JobId>& cancel) {
  LeaseRow lease;
  const Verdict verdict = find_held(alive.lease, worker, lease);
  if (verdict != Verdict::accepted) return verdict;
  const std::int64_t flags = lease.flags | (alive.started ? lease_started : no_flags);
  move_deadline(lease, lease_time, flags);
  if (alive.progress >= 0)
    sql_.put_progress
        .with(db_, lease.job, alive.progress > 1 ? 1.0 : alive.progress,
              clean_text(alive.note, progress_note_bytes))
        .run();
  if ((flags & lease_cancel) != 0) cancel.push_back(lease.id);
  return Verdict::accepted;
}

std::vector<Verdict> Engine::extend(const Uuid& incarnation, const std::vector<LeaseRef>& leases,
                                    Milliseconds lease_time) {
  const WorkerRow worker = find_worker(incarnation);
  std::vector<Verdict> verdicts;
  verdicts.reserve(leases.size());
  for (const LeaseRef& ref : leases) {
    LeaseRow lease;
    verdicts.push_back(find_held(ref, worker, lease));
    if (verdicts.back() == Verdict::accepted) move_deadline(lease, lease_time, lease.flags);
  }
  return verdicts;
}

}  // namespace coterie::brokers::sqlite

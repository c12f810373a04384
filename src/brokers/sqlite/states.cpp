// The transitions that every call shares: a job that waits, a job that ended, and those that waited for it.
#include "src/brokers/sqlite/engine.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

namespace {
constexpr std::int64_t number(JobState state) noexcept {
  return static_cast<std::int64_t>(state);
}
}  // namespace

/// Puts a job that is nowhere (neither leased, final nor waiting) where its numbers say: blocked, scheduled,
/// ready, or expired if it was not started in time. Stores its row.
void Engine::to_waiting(JobRow& row) {
  if (row.waits > 0) {
    row.state = number(JobState::blocked);
    store_job(row);
    count(row.queue, JobState::blocked, 1);
    return;
  }
  const bool may_expire = row.expires_at != 0 && !row.begun();
  if (may_expire && row.expires_at <= now_) {
    store_job(row);
    Ending ending = row.last_settlement();
    ending.state = JobState::expired;
    finish(row.job, row.queue, row.result_ttl, ending, nullptr);
    return;
  }
  if (may_expire) sql_.add_expiring.with(db_, row.expires_at, row.job).run();
  if (row.run_at > now_) {
    row.state = number(JobState::scheduled);
    store_job(row);
    sql_.add_scheduled.with(db_, row.run_at, row.job).run();
    count(row.queue, JobState::scheduled, 1);
    touch();  // whoever sleeps until the next due time must look again
    return;
  }
  row.state = number(JobState::ready);
  row.key = ready_key(row.priority, next_number());
  store_job(row);
  sql_.add_ready.with(db_, lane_of(row.queue, row.suspect()), row.name, row.key, row.job).run();
  count(row.queue, JobState::ready, 1);
  touch();
}

/// The reverse: takes a waiting job out of where it waits.
void Engine::leave_waiting(const JobRow& row) {
  const auto state = static_cast<JobState>(row.state);
  if (row.expires_at != 0 && !row.begun()) sql_.drop_expiring.with(db_, row.expires_at, row.job).run();
  if (state == JobState::scheduled) sql_.drop_scheduled.with(db_, row.run_at, row.job).run();
  if (state == JobState::ready)
    sql_.drop_ready.with(db_, lane_of(row.queue, row.suspect()), row.name, row.key).run();
  count(row.queue, state, -1);
}

void Engine::finish(std::int64_t job, std::int64_t queue, std::int64_t result_ttl, const Ending& ending,
                    const std::string* result) {
  const auto state = number(ending.state);
  const auto decision = static_cast<std::int64_t>(ending.decision);
  if (result != nullptr)
    sql_.add_final
        .with(db_, job, state, ending.attempt, ending.started_at, now_, result_ttl, ending.token,
              ending.owner, decision, *result)
        .run();
  else
    sql_.add_final
        .with(db_, job, state, ending.attempt, ending.started_at, now_, result_ttl, ending.token,
              ending.owner, decision, nullptr)
        .run();
  count(queue, ending.state, 1);
  retire_later(job, now_ + result_ttl);
  touch();

  if (!dependencies_) {
    Statement& any = sql_.any_dependency.with(db_);
    any.step();
    dependencies_ = any.integer(0) != 0;
    any.reset();
  }
  if (!*dependencies_) return;
  bool found = false;
  Statement& children = sql_.children.with(db_, job);
  while (children.step()) {
    ++released_[children.integer(0)];
    found = true;
  }
  if (found) {
    sql_.drop_children.with(db_, job).run();
    dependencies_.reset();
  }
}

/// The lease ended with that: it is the job's last error, and one of its attempts.
void Engine::fail(const LeaseRow& lease, const JobError& error) {
  const JobError kept = clean_error(error, limits_);
  sql_.put_failure.with(db_, lease.job, kept.type, kept.message).run();
  Attempt attempt;
  attempt.number = static_cast<std::uint32_t>(lease.attempt);
  attempt.started_at = lease.started_at;
  attempt.ended_at = now_;
  attempt.worker = worker_name(lease.owner);
  attempt.error = brief_error(error, limits_);
  keep_attempt(lease.job, attempt);
}

void Engine::keep_attempt(std::int64_t job, const Attempt& attempt) {
  sql_.add_attempt
      .with(db_, job, attempt.number, attempt.started_at, attempt.ended_at, attempt.worker,
            attempt.error.type, attempt.error.message)
      .run();
  sql_.drop_old_attempts.with(db_, job, attempts_kept).run();
}

std::string Engine::worker_name(std::int64_t worker) {
  Statement& row = sql_.find_worker_name.with(db_, worker);
  ResetOnExit guard(row);
  return row.step() ? std::string(row.text(0)) : std::string();
}

/// Once a call: a child of ten thousand parents that end together is written once.
void Engine::release_children() {
  while (!released_.empty()) {
    const auto released = std::move(released_);
    released_.clear();
    for (const auto& [child, parents] : released) {
      JobRow row;
      if (!load_job(child, row) || row.waits == 0) continue;
      if (static_cast<JobState>(row.state) != JobState::blocked) continue;
      if (Statement& final = sql_.find_final.with(db_, child); final.step()) {
        final.reset();
        continue;  // cancelled while it was blocked
      }
      row.waits = row.waits > parents ? row.waits - parents : 0;
      if (row.waits > 0) {
        sql_.update_waits.with(db_, child, row.waits).run();
        continue;
      }
      count(row.queue, JobState::blocked, -1);
      to_waiting(row);  // may expire, and so release others
    }
  }
}

}  // namespace coterie::brokers::sqlite

// What time does to jobs: due ones become ready, late ones expire, and leases whose holder is gone end.
#include <algorithm>
#include <utility>

#include "src/brokers/sqlite/engine.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

void Engine::promote_due() {
  std::vector<std::pair<std::int64_t, std::int64_t>> due;
  Statement& rows = sql_.due.with(db_, now_, step_limit);
  while (rows.step()) due.emplace_back(rows.integer(0), rows.integer(1));
  for (const auto& [run_at, job] : due) {
    JobRow row;
    if (!load_job(job, row)) throw SqliteError(SQLITE_CORRUPT, "a scheduled job without its row");
    leave_waiting(row);
    to_waiting(row);
  }
}

/// Jobs that nobody began in time. Only jobs that are ready or scheduled stand in the list.
bool Engine::expire_due(std::int64_t budget) {
  std::vector<std::pair<std::int64_t, std::int64_t>> late;
  Statement& rows = sql_.expired.with(db_, now_, budget);
  while (rows.step()) late.emplace_back(rows.integer(0), rows.integer(1));
  for (const auto& [expires_at, job] : late) {
    sql_.drop_expiring.with(db_, expires_at, job).run();
    JobRow row;
    if (!load_job(job, row)) throw SqliteError(SQLITE_CORRUPT, "a job that may expire without its row");
    leave_waiting(row);
    to_waiting(row);
  }
  return static_cast<std::int64_t>(late.size()) == budget;
}

std::int64_t Engine::min_until() {
  if (!min_until_known_) {
    Statement& row = sql_.min_until.with(db_);
    ResetOnExit guard(row);
    min_until_ = row.step() ? row.integer(0) : 0;
    min_until_known_ = true;
  }
  return min_until_;
}

void Engine::recover_expired() {
  if (const std::int64_t first = min_until(); first != 0 && first <= now_) {
    std::vector<std::int64_t> over;
    Statement& rows = sql_.over.with(db_, now_, step_limit);
    while (rows.step()) over.push_back(rows.integer(0));
    for (const std::int64_t job : over) {
      LeaseRow lease;
      if (load_lease(job, lease)) recover(lease);
    }
  }
  if (now_ - holders_checked_at_ >= 1000) recover_gone();
}

/// Also alone in a transaction, at an opening: so it leaves nothing for the next call, which may never come.
void Engine::recover_gone() {
  holders_checked_at_ = now_;
  std::vector<std::int64_t> gone;
  {
    Statement& rows = sql_.holders.with(db_);
    ResetOnExit guard(rows);
    while (rows.step()) {
      if (!may_be_alive(std::string(rows.text(1)))) gone.push_back(rows.integer(0));
    }
  }
  for (const std::int64_t owner : gone) {
    std::vector<std::int64_t> jobs;
    Statement& rows = sql_.held_by.with(db_, owner, step_limit);
    while (rows.step()) jobs.push_back(rows.integer(0));
    for (const std::int64_t job : jobs) {
      LeaseRow lease;
      if (load_lease(job, lease)) recover(lease);
    }
  }
  release_children();
  if (std::exchange(changed_, false)) bump();
}

/// Takes a job away from a holder that is gone. Only what had begun can have killed it, and only what ran
/// alone is known to have.
void Engine::recover(const LeaseRow& lease) {
  JobRow row;
  if (!load_job(lease.job, row)) throw SqliteError(SQLITE_CORRUPT, "a lease without its job");
  drop_lease(lease);
  count(lease.queue, JobState::leased, -1);
  // Nobody settled this attempt, so row.token stays that of the last one and a late report is fenced. The
  // attempt is taken back: row.attempt has the number before it.
  row.lost = 1;
  row.decision = Decision::none;  // what was settled was not its newest lease
  if ((lease.flags & lease_started) != 0) {
    row.started_at = lease.started_at;
    ++row.crashes;
    if ((lease.flags & lease_alone) != 0) ++row.alone_crashes;
  }
  const bool quarantine = row.max_crashes > 0 && row.alone_crashes >= row.max_crashes;
  if ((lease.flags & lease_started) != 0) {
    const auto crashes = static_cast<std::uint64_t>(quarantine ? row.alone_crashes : 0);
    fail(lease, lost_error(worker_name(lease.owner), crashes));
  }
  Ending ending = row.last_settlement();
  if ((lease.flags & lease_cancel) != 0) {
    ending.state = JobState::cancelled;
  } else if (quarantine) {
    ending.state = JobState::dead;
  } else {
    row.run_at = now_;
    to_waiting(row);
    return;
  }
  store_job(row);
  finish(row.job, row.queue, row.result_ttl, ending, nullptr);
}

}  // namespace coterie::brokers::sqlite

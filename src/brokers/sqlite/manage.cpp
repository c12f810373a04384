// What people ask for: cancel, retry, purge, notes.
#include <algorithm>

#include "src/brokers/sqlite/engine.hpp"

namespace coterie::brokers::sqlite {

std::vector<CancelResult> Engine::cancel(const std::vector<JobId>& ids) {
  changed_ = false;
  std::vector<CancelResult> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    JobRow row;
    const std::int64_t job = find_job_number(id);
    if (job == 0 || !load_job(job, row)) {
      results.push_back(CancelResult::unknown);
      continue;
    }
    Statement& final = sql_.find_final.with(db_, job);
    if (final.step()) {
      // Asked for once more, it is as cancelled as before.
      const bool stopped = static_cast<JobState>(final.integer(0)) == JobState::cancelled;
      final.reset();
      results.push_back(stopped ? CancelResult::cancelled : CancelResult::final);
      continue;
    }
    if (LeaseRow lease; load_lease(job, lease)) {
      results.push_back(CancelResult::requested);
      if ((lease.flags & lease_cancel) == 0) {
        sql_.flag_lease.with(db_, job, lease.flags | lease_cancel).run();
        touch();
      }
      continue;
    }
    leave_waiting(row);
    Ending ending = row.last_settlement();
    ending.state = JobState::cancelled;
    finish(job, row.queue, row.result_ttl, ending, nullptr);
    results.push_back(CancelResult::cancelled);
    release_children();  // at once: a later id may be a child that this one set free
  }
  if (changed_) bump();
  return results;
}

std::vector<bool> Engine::retry(const std::vector<JobId>& ids) {
  changed_ = false;
  std::vector<bool> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    JobRow row;
    const std::int64_t job = find_job_number(id);
    if (job == 0 || !load_job(job, row)) {
      results.push_back(false);
      continue;
    }
    Statement& final = sql_.find_final.with(db_, job);
    const bool over = final.step();
    const auto state = over ? static_cast<JobState>(final.integer(0)) : JobState::ready;
    const UnixMillis retires_at = over ? final.integer(4) + final.integer(5) : 0;
    final.reset();
    const bool again = state == JobState::dead || state == JobState::cancelled || state == JobState::expired;
    results.push_back(again);
    if (!again) continue;
    sql_.drop_final.with(db_, job).run();
    if (const auto now = retiring_.find(retires_at); now != retiring_.end()) std::erase(now->second, job);
    count(row.queue, state, -1);
    row.attempt = 0;
    row.alone_crashes = 0;
    row.lost = 0;
    row.waits = 0;
    row.expires_at = 0;  // it was too late once; whoever asks for it now wants it
    row.run_at = now_;
    to_waiting(row);
  }
  if (changed_) bump();
  return results;
}

std::uint64_t Engine::purge(const JobFilter& filter) {
  if (filter.state && !is_final(*filter.state)) return 0;
  const std::int64_t queue = filter.queue.empty() ? 0 : name_id(filter.queue, false);
  const std::int64_t name = filter.name.empty() ? 0 : name_id(filter.name, false);
  if ((queue == 0 && !filter.queue.empty()) || (name == 0 && !filter.name.empty())) return 0;
  struct Victim {
    std::int64_t job, state, finished_at;
  };
  std::vector<Victim> victims;
  {
    // The index holds only what is not done: name the constant, or SQLite may not use it.
    static constexpr const char* condition =
        " AND f.job > ?2 AND (?3 = 0 OR j.queue = ?3) AND (?4 = 0 OR j.name = ?4) ORDER BY f.job LIMIT ?5";
    const std::string sql =
        std::string("SELECT f.job, f.state, f.finished_at FROM final f CROSS JOIN job j ON j.job = f.job") +
        (filter.state && *filter.state != JobState::done ? " WHERE f.state > 5 AND f.state = ?1"
         : filter.state                                  ? " WHERE f.state = ?1"
                                                         : " WHERE ?1 = ?1") +
        condition;
    Statement rows(sql.c_str());
    rows.with(db_, filter.state ? static_cast<std::int64_t>(*filter.state) : 0, filter.after, queue, name,
              filter.limit);
    while (rows.step()) victims.push_back({rows.integer(0), rows.integer(1), rows.integer(2)});
  }
  for (const Victim& victim : victims) {
    JobRow row;
    const UnixMillis ended = std::min(victim.finished_at + steps_, now_);
    if (load_job(victim.job, row)) forget(row, static_cast<JobState>(victim.state), ended);
  }
  return victims.size();
}

bool Engine::put_note(const std::string& key, const std::optional<std::string>& expected,
                      const std::string& value) {
  {
    Statement& row = sql_.find_note.with(db_, key);
    ResetOnExit guard(row);
    const bool present = row.step();
    if (present != expected.has_value() || (present && row.text(0) != *expected))
      return present && row.text(0) == value;
  }
  sql_.put_note.with(db_, key, value).run();
  return true;
}

}  // namespace coterie::brokers::sqlite

// Pausing queues, and taking jobs to another broker.
#include <algorithm>

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/query.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

std::set<std::string> read_paused(std::string_view note) {
  std::set<std::string> names;
  while (!note.empty()) {
    const std::size_t end = note.find('\n');
    names.emplace(note.substr(0, end));
    note.remove_prefix(end + 1);
  }
  return names;
}

void Engine::load_paused() {
  Statement& row = sql_.find_note.with(db_, paused_note);
  ResetOnExit guard(row);
  paused_ = row.step() ? read_paused(row.text(0)) : std::set<std::string>();
}

void Engine::pause(const std::string& queue, bool paused) {
  if ((paused_.find(queue) != paused_.end()) == paused) return;
  if (paused && paused_.size() >= paused_queues) refuse_pause(queue);
  if (paused)
    paused_.insert(queue);
  else
    paused_.erase(queue);
  std::string note;
  for (const std::string& name : paused_) note.append(name).append(1, '\n');
  sql_.put_note.with(db_, paused_note, note).run();
  if (!paused) bump();  // who sleeps may find jobs there
}

std::vector<Withdrawn> Engine::withdraw(const std::vector<JobId>& ids) {
  changed_ = false;
  std::vector<Withdrawn> results;
  results.reserve(ids.size());
  for (const JobId& id : ids) {
    JobRow row;
    const std::int64_t job = find_job_number(id);
    if (job == 0 || !load_job(job, row)) {
      results.push_back(Withdrawn::unknown);
      continue;
    }
    Statement& final = sql_.find_final.with(db_, job);
    const bool over = final.step();
    final.reset();
    LeaseRow lease;
    if (over || load_lease(job, lease)) {
      results.push_back(over ? Withdrawn::final : Withdrawn::leased);
      continue;
    }
    if (is_awaited(job)) {
      results.push_back(Withdrawn::awaited);
      continue;
    }
    leave_waiting(row);
    Ending ending = row.last_settlement();
    ending.state = JobState::cancelled;
    finish(job, row.queue, row.result_ttl, ending, nullptr);
    forget(row, JobState::cancelled, now_);
    sql_.mark_withdrawn.with(db_, id).run();
    results.push_back(Withdrawn::withdrawn);
    release_children();
  }
  if (changed_) bump();
  return results;
}

bool Engine::is_awaited(std::int64_t job) {
  Statement& waiting = sql_.waiting_child.with(db_, job);
  ResetOnExit guard(waiting);
  return waiting.step();
}

void Engine::readmit(const std::vector<JobId>& ids) {
  for (const JobId& id : ids) sql_.drop_withdrawn.with(db_, id).run();
}

std::vector<std::string> Query::paused() {
  ResetOnExit guard(note_.with(db_, paused_note));
  const std::set<std::string> names = note_.step() ? read_paused(note_.text(0)) : std::set<std::string>();
  return {names.begin(), names.end()};
}

JobExport Query::export_job(Statement& row, bool payloads) {
  JobExport job;
  JobSpec& spec = job.spec;
  const std::int64_t number = row.integer(0);
  spec.id = row.uuid(1);
  spec.queue = row.text(2);
  spec.name = row.text(3);
  job.state = row.integer(4) != 0 ? JobState::leased : static_cast<JobState>(row.integer(5));
  spec.priority = static_cast<int>(row.integer(6));
  const auto attempt = static_cast<std::uint32_t>(row.integer(7));
  spec.max_attempts = attempts_left(attempt, static_cast<std::uint32_t>(row.integer(8)));
  spec.max_crashes = static_cast<std::uint32_t>(row.integer(10));
  spec.timeout = Milliseconds(row.integer(11));
  spec.result_ttl = Milliseconds(row.integer(12));
  spec.run_at = row.integer(13);
  const bool begun = attempt > 0 || row.integer(9) > 0;
  spec.expires_at = begun ? 0 : row.integer(14);
  spec.backoff = read_backoff(row.text(15));
  spec.payload.clear();
  if (payloads && !row.is_null(16)) {
    spec.payload = row.text(16);
  } else if (payloads) {
    ResetOnExit guard(body_.with(db_, number));
    if (body_.step()) spec.payload = body_.text(0);
  }
  job.waits_for = static_cast<std::uint64_t>(row.integer(17));
  if (!row.is_null(18)) spec.headers = unpack_headers(row.text(18));
  if (payloads) spec.attempts = portable_attempts(attempts(number));
  ResetOnExit guard(children_.with(db_, number));
  while (children_.step()) job.dependents.push_back(children_.uuid(0));
  return job;
}

JobLinks Query::links(const JobId& id, std::size_t most) {
  Snapshot snapshot(*this);
  JobLinks links;
  ResetOnExit guard(export_.with(db_, id));
  if (!export_.step()) return links;
  const std::int64_t number = export_.integer(0);
  const auto limit = static_cast<std::int64_t>(most);
  ResetOnExit counted(count_children_.with(db_, number));
  if (count_children_.step()) links.dependents_count = static_cast<std::uint64_t>(count_children_.integer(0));
  ResetOnExit children(some_children_.with(db_, number, limit));
  while (some_children_.step()) links.dependents.push_back(some_children_.uuid(0));
  const bool blocked = static_cast<JobState>(export_.integer(5)) == JobState::blocked;
  if (export_.integer(4) != 0 || !blocked) return links;
  const std::int64_t waits = export_.integer(17);
  links.waits_for_count = static_cast<std::uint64_t>(waits);
  ResetOnExit parents(parents_.with(db_, number, std::min(limit, waits)));
  while (parents_.step()) links.waits_for.push_back(parents_.uuid(0));
  return links;
}

std::vector<std::optional<JobExport>> Query::export_jobs(const std::vector<JobId>& ids, bool payloads) {
  Snapshot snapshot(*this);
  std::vector<std::optional<JobExport>> found(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ResetOnExit guard(export_.with(db_, ids[i]));
    if (export_.step()) found[i] = export_job(export_, payloads);
  }
  return found;
}

}  // namespace coterie::brokers::sqlite

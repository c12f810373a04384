// Records end after their result's TTL, ids are forgotten a day after the job's end, workers some weeks after
// they were last seen. What ends together is listed together: one row for up to 256 jobs, instead of an index
// entry for each, so that keeping a million finished jobs costs an acknowledgement nothing.
#include <algorithm>
#include <limits>

#include "src/brokers/sqlite/engine.hpp"
#include "src/brokers/sqlite/packing.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

namespace {
constexpr std::size_t jobs_per_row = 256;
constexpr std::int64_t worker_kept_ms = std::int64_t{30} * 24 * 3600 * 1000;
}  // namespace

void Engine::flush_retiring() {
  for (auto& [at, jobs] : retiring_) {
    std::sort(jobs.begin(), jobs.end());
    for (std::size_t first = 0; first < jobs.size(); first += jobs_per_row) {
      Packer out;
      std::int64_t last = 0;
      for (std::size_t i = first; i < std::min(jobs.size(), first + jobs_per_row); ++i) {
        out.signed_number(jobs[i] - last);
        last = jobs[i];
      }
      sql_.add_retire.with(db_, at, next_number(), Statement::Blob{out.str()}).run();
    }
    retention_at_ = retention_at_ == 0 ? 0 : std::min(retention_at_, at);
  }
  retiring_.clear();
  for (const auto& [at, ids] : buried_) {
    for (std::size_t first = 0; first < ids.size(); first += jobs_per_row) {
      Packer out;
      for (std::size_t i = first; i < std::min(ids.size(), first + jobs_per_row); ++i)
        out.bytes(ids[i].bytes.data(), ids[i].bytes.size());
      sql_.add_tomb.with(db_, at, next_number(), Statement::Blob{out.str()}).run();
    }
    retention_at_ = retention_at_ == 0 ? 0 : std::min(retention_at_, at);
  }
  buried_.clear();
}

/// Removes the record of a final job. Its id stays as a tombstone while `enqueue` must know it. `ended`: by
/// the clock as it is now, with the steps that it made since.
void Engine::forget(const JobRow& row, JobState state, UnixMillis ended) {
  sql_.drop_final.with(db_, row.job).run();
  sql_.drop_job.with(db_, row.job).run();
  sql_.drop_body.with(db_, row.job).run();
  sql_.drop_failure.with(db_, row.job).run();
  if (sqlite3_changes(db_) > 0) sql_.drop_attempts.with(db_, row.job).run();
  sql_.drop_progress.with(db_, row.job).run();
  count(row.queue, state, -1);
  const std::int64_t known_until = ended + id_known_for.count();
  if (known_until > now_)
    buried_[known_until].push_back(row.id);
  else
    sql_.drop_id.with(db_, row.id).run();
}

void Engine::drop_orphans() {
  std::int64_t job = 0;
  for (std::int64_t looks = 0; looks < step_limit; ++looks) {
    Statement& next = sql_.next_attempted.with(db_, job);
    if (!next.step()) return;
    job = next.integer(0);
    const bool orphaned = next.integer(1) == 0;
    next.reset();
    if (orphaned) sql_.drop_attempts.with(db_, job).run();
  }
}

bool Engine::retire_due(std::int64_t& budget) {
  while (budget > 0) {
    std::int64_t at = 0;
    std::int64_t seq = 0;
    std::vector<std::int64_t> jobs;
    {
      Statement& row = sql_.next_retire.with(db_);
      ResetOnExit guard(row);
      if (!row.step()) return false;
      at = row.integer(0);
      seq = row.integer(1);
      if (at > now_) {
        retention_at_ = std::min(retention_at_, at);
        return false;
      }
      Unpacker in(row.text(2));
      std::int64_t job = 0;
      while (!in.empty()) jobs.push_back(job += in.signed_number());
    }
    for (const std::int64_t job : jobs) {
      Statement& final = sql_.find_final.with(db_, job);
      const bool present = final.step();
      const std::int64_t state = present ? final.integer(0) : 0;
      const std::int64_t ttl = present ? final.integer(5) : 0;
      final.reset();
      JobRow row;
      // It may have been purged, or retried by hand and ended later: then it is listed there again, and
      // became ready after this list was made. Places and lists are numbered in one row; the clock may have
      // been set.
      if (present && load_job(job, row) && place_of(row.key) < seq)
        forget(row, static_cast<JobState>(state), at - ttl);
    }
    sql_.drop_retire.with(db_, at, seq).run();
    budget -= static_cast<std::int64_t>(jobs.size());
  }
  return true;
}

bool Engine::bury_due(std::int64_t& budget) {
  while (budget > 0) {
    std::int64_t at = 0;
    std::int64_t seq = 0;
    std::vector<Uuid> ids;
    {
      Statement& row = sql_.next_tomb.with(db_);
      ResetOnExit guard(row);
      if (!row.step()) return false;
      at = row.integer(0);
      seq = row.integer(1);
      if (at > now_) {
        retention_at_ = std::min(retention_at_, at);
        return false;
      }
      Unpacker in(row.text(2));
      while (!in.empty()) {
        const std::string_view raw = in.bytes(16);
        std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(ids.emplace_back().bytes.data()));
      }
    }
    for (const Uuid& id : ids) sql_.drop_id.with(db_, id).run();
    sql_.drop_tomb.with(db_, at, seq).run();
    budget -= static_cast<std::int64_t>(ids.size());
  }
  return true;
}

bool Engine::maintain(std::int64_t budget) {
  changed_ = false;
  bool more = expire_due(budget);
  release_children();
  if (changed_) bump();
  more = retire(budget) || more;
  return more;
}

/// Forgets what is due, about `budget` jobs and as many ids; true when there is more.
bool Engine::retire(std::int64_t budget) {
  if (retention_at_ != 0 && now_ < retention_at_) return false;
  retention_at_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t ids = budget;
  bool more = retire_due(budget);
  more = bury_due(ids) || more;
  if (more) retention_at_ = 0;
  sql_.old_workers.with(db_, now_ - worker_kept_ms, 100).run();
  return more;
}

}  // namespace coterie::brokers::sqlite

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "src/brokers/sqlite/engine.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/validate.hpp"

namespace coterie::brokers::sqlite {

namespace {
/// Longer payloads stand in a table of their own, so that a job's retry does not write them again.
constexpr std::size_t inline_payload_bytes = 1024;

std::string packed(const Backoff& backoff) {
  const Backoff standard;
  if (backoff.base == standard.base && backoff.factor == standard.factor && backoff.cap == standard.cap &&
      backoff.jitter == standard.jitter)
    return {};
  std::array<char, 32> bytes{};
  const std::int64_t base = backoff.base.count();
  const std::int64_t cap = backoff.cap.count();
  std::memcpy(bytes.data(), &base, 8);
  std::memcpy(bytes.data() + 8, &backoff.factor, 8);
  std::memcpy(bytes.data() + 16, &cap, 8);
  std::memcpy(bytes.data() + 24, &backoff.jitter, 8);
  return {bytes.data(), bytes.size()};
}
}  // namespace

std::vector<Enqueued> Engine::enqueue(const std::vector<JobSpec>& jobs) {
  // All that can be refused is refused before the first write.
  const bool any_after =
      std::any_of(jobs.begin(), jobs.end(), [](const JobSpec& job) { return !job.after.empty(); });
  if (any_after) {
    std::unordered_set<Uuid> earlier;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!jobs[i].after.empty() && find_job_number(jobs[i].id) == 0) {
        for (const JobId& parent : jobs[i].after) {
          if (!earlier.contains(parent) && find_job_number(parent) <= 0)  // below 0: withdrawn
            refuse_unknown_dependency(i, jobs[i], parent);
        }
      }
      earlier.insert(jobs[i].id);
    }
  }

  changed_ = false;
  std::vector<Enqueued> replies;
  replies.reserve(jobs.size());
  for (const JobSpec& spec : jobs) {
    const std::int64_t job = meta_.next;
    sql_.add_id.with(db_, spec.id, job).run();
    if (sqlite3_changes(db_) == 0) {
      replies.push_back(Enqueued::exists);
      continue;
    }
    replies.push_back(Enqueued::created);
    const std::int64_t place = next_number();
    const std::int64_t queue = name_id(spec.queue, true);
    const std::int64_t name = name_id(spec.name, true);

    std::int64_t waits = 0;
    for (const JobId& parent : spec.after) {
      const std::int64_t number = find_job_number(parent);
      Statement& final = sql_.find_final.with(db_, number);
      const bool over = final.step();
      final.reset();
      JobRow row;
      if (over || !load_job(number, row)) continue;  // a job whose record is gone has ended
      sql_.add_dependency.with(db_, number, job).run();
      waits += sqlite3_changes(db_);
    }
    if (waits > 0) dependencies_ = true;

    std::int64_t run_at = now_ + std::max<std::int64_t>(spec.delay.count(), 0);
    run_at = std::max<std::int64_t>(run_at, spec.run_at);
    const bool late = spec.expires_at != 0 && spec.expires_at <= now_;
    const JobState state = waits > 0       ? JobState::blocked
                           : run_at > now_ ? JobState::scheduled
                                           : JobState::ready;
    const std::int64_t key = ready_key(spec.priority, place);
    const std::string backoff = packed(spec.backoff);
    const std::string headers = pack_headers(spec.headers);
    const bool inlined = spec.payload.size() <= inline_payload_bytes;
    const auto add = [&](const auto& payload) {
      sql_.add_job
          .with(db_, job, spec.id, queue, name, static_cast<std::int64_t>(state), spec.priority, key,
                spec.max_attempts, spec.max_crashes, spec.timeout.count(), spec.result_ttl.count(), now_,
                run_at, spec.expires_at, waits, Statement::Blob{backoff}, payload, Statement::Blob{headers})
          .run();
    };
    if (inlined) {
      add(spec.payload);
    } else {
      add(nullptr);
      sql_.add_body.with(db_, job, spec.payload).run();
    }
    if (!spec.attempts.empty()) {
      const JobError& last = spec.attempts.back().error;
      sql_.put_failure.with(db_, job, last.type, last.message).run();
      for (const Attempt& attempt : spec.attempts) keep_attempt(job, attempt);
    }
    if (late && waits == 0) {
      Ending ending;
      ending.state = JobState::expired;
      finish(job, queue, spec.result_ttl.count(), ending, nullptr);
      continue;
    }
    if (spec.expires_at != 0 && waits == 0) sql_.add_expiring.with(db_, spec.expires_at, job).run();
    count(queue, state, 1);
    if (state == JobState::ready) {
      sql_.add_ready.with(db_, lane_of(queue, false), name, key, job).run();
      touch();
    } else if (state == JobState::scheduled) {
      sql_.add_scheduled.with(db_, run_at, job).run();
      touch();  // whoever sleeps until the next due time must look again
    }
  }
  release_children();
  if (changed_) bump();
  return replies;
}

}  // namespace coterie::brokers::sqlite

#include "src/queue/validate.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "src/queue/headers.hpp"

namespace coterie::queue {
namespace {

/// Where in a request a value stands; made into words only when something is wrong.
struct Where {
  const char* list = "";
  std::size_t index = 0;
  bool only = true;  // the list has one entry, so its number says nothing

  [[nodiscard]] std::string in(std::string_view field) const {
    if (*list == '\0' || only) return std::string(field);
    return std::string(list) + "[" + std::to_string(index) + "]." + std::string(field);
  }
};

[[noreturn]] void refuse(const Where& where, std::string_view field, const std::string& what) {
  throw BadRequest(where.in(field) + ": " + what);
}

void check_bytes(const Where& where, std::string_view field, std::size_t size, std::size_t limit) {
  if (size > limit) {
    refuse(where, field, std::to_string(size) + " bytes, the limit is " + std::to_string(limit));
  }
}

void check_count(std::string_view field, std::size_t size, std::size_t limit) {
  if (size > limit) {
    throw BadRequest(std::string(field) + ": " + std::to_string(size) + " entries, the limit is " +
                     std::to_string(limit));
  }
}

void check_name(const Where& where, std::string_view field, std::string_view name, const Limits& limits) {
  if (name.empty())
    refuse(where, field, "it is empty, give 1 to " + std::to_string(limits.name_bytes) + " bytes");
  check_bytes(where, field, name.size(), limits.name_bytes);
  if (!is_printable_utf8(name)) refuse(where, field, "it must be UTF-8 without control characters");
}

void check_duration(const Where& where, std::string_view field, Milliseconds value, Milliseconds most) {
  if (value < Milliseconds{0}) {
    refuse(where, field, std::to_string(value.count()) + " ms is negative, give 0 or more");
  }
  if (value > most) {
    refuse(where, field,
           std::to_string(value.count()) + " ms, the limit is " + std::to_string(most.count()) + " ms");
  }
}

constexpr UnixMillis last_time = 253'402'300'799'999;  // the end of the year 9999

void check_time(const Where& where, std::string_view field, UnixMillis value) {
  if (value < 0 || value > last_time) {
    refuse(where, field,
           std::to_string(value) + " is no time in milliseconds since 1970, up to the year 9999");
  }
}

void check_id(const Where& where, std::string_view field, const JobId& id) {
  if (id.is_nil()) refuse(where, field, "it is nil, give every job an id of its own (new_uuid())");
}

void check_backoff(const Where& where, const Backoff& backoff) {
  check_duration(where, "backoff.base", backoff.base, duration_max);
  check_duration(where, "backoff.cap", backoff.cap, duration_max);
  if (!std::isfinite(backoff.factor) || backoff.factor < 1.0 || backoff.factor > 1e6) {
    refuse(where, "backoff.factor", "it must be a number from 1 to 1000000");
  }
  if (!(backoff.jitter >= 0.0 && backoff.jitter <= 1.0)) {
    refuse(where, "backoff.jitter", "it must be a number from 0 to 1");
  }
}

void check_headers(const Where& where, const Headers& headers, const Limits& limits) {
  if (headers.empty()) return;
  if (headers.size() > limits.headers)
    refuse(where, "headers",
           std::to_string(headers.size()) + " entries, the limit is " + std::to_string(limits.headers));
  check_bytes(where, "headers", bytes_of(headers), limits.header_bytes);
  for (const auto& [name, value] : headers) {
    check_name(where, "headers: a name", name, limits);
    if (!is_printable_utf8(value))
      refuse(where, "headers: the value of '" + name + "'", "it must be UTF-8 without control characters");
  }
}

void check_text(const Where& where, std::string_view field, const std::string& text, std::size_t limit) {
  check_bytes(where, field, text.size(), limit);
  if (clean_text(text, limit) != text) refuse(where, field, "it must be UTF-8 without NUL");
}

void check_attempts(const Where& where, const std::vector<Attempt>& attempts, const Limits& limits) {
  if (attempts.size() > attempts_kept)
    refuse(where, "attempts",
           std::to_string(attempts.size()) + " entries, the limit is " + std::to_string(attempts_kept));
  for (const Attempt& attempt : attempts) {
    if (attempt.number > limits.attempts)
      refuse(where, "attempts: a number",
             std::to_string(attempt.number) + ", the limit is " + std::to_string(limits.attempts));
    check_time(where, "attempts: started_at", attempt.started_at);
    check_time(where, "attempts: ended_at", attempt.ended_at);
    check_text(where, "attempts: a worker", attempt.worker, limits.name_bytes);
    check_text(where, "attempts: a type", attempt.error.type, limits.name_bytes);
    check_text(where, "attempts: a message", attempt.error.message, attempt_error_bytes);
  }
}

}  // namespace

std::vector<Attempt> portable_attempts(std::vector<Attempt> attempts) {
  const Limits usual;
  for (Attempt& attempt : attempts) {
    attempt.number = std::min(attempt.number, usual.attempts);
    attempt.started_at = std::clamp<UnixMillis>(attempt.started_at, 0, last_time);
    attempt.ended_at = std::clamp<UnixMillis>(attempt.ended_at, 0, last_time);
    attempt.worker = clean_text(attempt.worker, usual.name_bytes);
    attempt.error = brief_error(attempt.error, usual);
  }
  return attempts;
}

namespace {

void check_job(const Where& where, const JobSpec& job, const Limits& limits) {
  check_id(where, "id", job.id);
  check_name(where, "queue", job.queue, limits);
  check_name(where, "name", job.name, limits);
  check_bytes(where, "payload", job.payload.size(), limits.payload_bytes);
  if (job.priority < priority_min || job.priority > priority_max) {
    refuse(where, "priority",
           std::to_string(job.priority) + " is outside " + std::to_string(priority_min) + " to " +
               std::to_string(priority_max));
  }
  check_duration(where, "delay", job.delay, duration_max);
  check_time(where, "run_at", job.run_at);
  check_time(where, "expires_at", job.expires_at);
  if (job.max_attempts == 0) refuse(where, "max_attempts", "0 attempts would never run it, give at least 1");
  if (job.max_attempts > limits.attempts) {
    refuse(where, "max_attempts",
           std::to_string(job.max_attempts) + ", the limit is " + std::to_string(limits.attempts));
  }
  check_backoff(where, job.backoff);
  check_duration(where, "timeout", job.timeout, duration_max);
  check_duration(where, "result_ttl", job.result_ttl, duration_max);
  if (job.after.size() > limits.dependencies) {
    refuse(where, "after",
           std::to_string(job.after.size()) + " jobs, the limit is " + std::to_string(limits.dependencies));
  }
  for (const JobId& id : job.after) check_id(where, "after", id);
  check_headers(where, job.headers, limits);
  check_attempts(where, job.attempts, limits);
}

void check_lease(Milliseconds lease) {
  const Where top;
  check_duration(top, "lease", lease, lease_max);
  if (lease == Milliseconds{0}) refuse(top, "lease", "0 ms would expire at once");
}

void check_incarnation(const char* field, const Uuid& worker) {
  if (worker.is_nil()) refuse(Where(), field, "it is nil, give each start its own");
}

}  // namespace

void validate_enqueue(const std::vector<JobSpec>& jobs, const Limits& limits) {
  check_count("jobs", jobs.size(), limits.batch_jobs);
  Where where{"jobs", 0, jobs.size() == 1};
  for (; where.index < jobs.size(); ++where.index) check_job(where, jobs[where.index], limits);
}

void validate_extend(const Uuid& worker, const std::vector<LeaseRef>& leases, Milliseconds lease,
                     const Limits& limits) {
  check_incarnation("worker", worker);
  check_count("leases", leases.size(), limits.batch_jobs);
  check_lease(lease);
}

void validate_report(const WorkerReport& report, const Limits& limits) {
  const Where top;
  check_bytes(top, "worker.name", report.worker.name.size(), limits.name_bytes);
  if (!is_printable_utf8(report.worker.name))
    refuse(top, "worker.name", "it must be UTF-8 without control characters");
  check_bytes(top, "worker.process", report.worker.process.size(), limits.name_bytes);
  check_bytes(top, "version", report.version.size(), limits.name_bytes);
  check_incarnation("worker.incarnation", report.worker.incarnation);
  check_count("queues", report.queues.size(), queues_per_cycle);
  for (const std::string& queue : report.queues) check_name(top, "queues", queue, limits);
  check_lease(report.lease);
}

void validate_question(const Uuid& worker, std::string_view question, Milliseconds at_most) {
  const Where top;
  check_incarnation("worker", worker);
  if (question.empty()) refuse(top, "question", "it is empty, give 1 to 4096 bytes");
  check_bytes(top, "question", question.size(), question_bytes);
  if (!is_printable_utf8(question)) refuse(top, "question", "it must be UTF-8 without control characters");
  if (at_most < Milliseconds{1}) refuse(top, "at_most", "give 1 ms or more");
  check_duration(top, "at_most", at_most, longest_wait);
}

void validate_answer(const Uuid& worker, const Uuid& question, const WorkerAnswer& answer) {
  const Where top;
  check_incarnation("worker", worker);
  check_incarnation("question", question);
  check_bytes(top, "answer", answer.text.size(), answer_bytes);
  if (answer.outcome > Asked::refused) refuse(top, "outcome", "an answer is answered, cut or refused");
}

void validate_cycle(const CycleRequest& request, const Limits& limits) {
  const Where top;
  check_bytes(top, "worker.name", request.worker.name.size(), limits.name_bytes);
  if (!is_printable_utf8(request.worker.name)) {
    refuse(top, "worker.name", "it must be UTF-8 without control characters");
  }
  check_bytes(top, "worker.process", request.worker.process.size(), limits.name_bytes);
  check_incarnation("worker.incarnation", request.worker.incarnation);
  if (request.seq == 0) refuse(top, "seq", "0, the first call of an incarnation is number 1");
  check_count("queues", request.queues.size(), queues_per_cycle);
  for (const std::string& queue : request.queues) check_name(top, "queues", queue, limits);
  check_count("names", request.names.size(), names_per_cycle);
  for (const std::string& name : request.names) check_name(top, "names", name, limits);
  if (std::adjacent_find(request.names.begin(), request.names.end(), std::greater_equal<>()) !=
      request.names.end()) {
    refuse(top, "names", "they must be sorted, each once");
  }
  if (request.want > limits.batch_jobs) {
    refuse(top, "want", std::to_string(request.want) + ", the limit is " + std::to_string(limits.batch_jobs));
  }
  check_lease(request.lease);
  check_count("done", request.done.size(), limits.batch_jobs);
  check_count("failed", request.failed.size(), limits.batch_jobs);
  check_count("alive", request.alive.size(), limits.batch_jobs);
  Where where{"done", 0, false};
  for (; where.index < request.done.size(); ++where.index) {
    check_bytes(where, "result", request.done[where.index].result.size(), limits.result_bytes);
  }
  where = Where{"failed", 0, false};
  for (; where.index < request.failed.size(); ++where.index) {
    const Milliseconds delay = request.failed[where.index].delay;
    if (delay > Milliseconds{0}) check_duration(where, "delay", delay, duration_max);
  }
  where = Where{"alive", 0, false};
  for (; where.index < request.alive.size(); ++where.index) {
    const double progress = request.alive[where.index].progress;
    if (std::isnan(progress) || progress > 1.0) {
      refuse(where, "progress", "it must be a number from 0 to 1, or negative for unchanged");
    }
  }
}

void validate_filter(const JobFilter& filter, const Limits& limits) {
  const Where top;
  if (!filter.queue.empty()) check_name(top, "queue", filter.queue, limits);
  if (!filter.name.empty()) check_name(top, "name", filter.name, limits);
  if (filter.limit == 0) refuse(top, "limit", "0, give at least 1");
  if (filter.limit > limits.batch_jobs) {
    refuse(top, "limit",
           std::to_string(filter.limit) + ", the limit is " + std::to_string(limits.batch_jobs));
  }
}

void validate_sample(std::uint32_t limit) {
  constexpr std::uint32_t most = 100;
  if (limit == 0 || limit > most)
    refuse(Where{}, "limit", std::to_string(limit) + ", it is from 1 to " + std::to_string(most));
}

void validate_queue(std::string_view queue, const Limits& limits) {
  check_name(Where{}, "queue", queue, limits);
}

void validate_ids(const std::vector<JobId>& ids, const Limits& limits) {
  check_count("ids", ids.size(), limits.batch_jobs);
}

void validate_note_key(std::string_view key) {
  const Where top;
  Limits limits;
  limits.name_bytes = note_key_bytes;
  check_name(top, "key", key, limits);
}

void validate_note(std::string_view key, const std::optional<std::string>& expected, std::string_view value) {
  validate_note_key(key);
  check_bytes(Where{}, "value", value.size(), note_value_bytes);
  if (expected) check_bytes(Where{}, "expected", expected->size(), note_value_bytes);
}

void refuse_unknown_dependency(std::size_t index, const JobSpec& job, const JobId& missing) {
  throw BadRequest("jobs[" + std::to_string(index) + "].after: job " + job.id.str() + " waits for " +
                   missing.str() +
                   ", which is not known here; enqueue it before, or earlier in the same batch");
}

void refuse_pause(std::string_view queue) {
  throw BadRequest("queue '" + std::string(queue) + "' cannot be paused: " + std::to_string(paused_queues) +
                   " are already, the limit; resume some first");
}

void refuse_old_seq(std::uint64_t seq, std::uint64_t last) {
  throw BadRequest("seq: " + std::to_string(seq) + ", but this incarnation is already at " +
                   std::to_string(last) + "; only the newest call may be repeated");
}

}  // namespace coterie::queue

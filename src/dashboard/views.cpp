#include "src/dashboard/views.hpp"

#include <chrono>

#include "src/core/json_writer.hpp"

namespace coterie::dashboard {
namespace {

using queue::JobInfo;
using queue::JobState;

void add_time(JsonObject& object, std::string_view key, queue::UnixMillis time) {
  if (time == 0)
    object.null(key);
  else
    object.add(key, time);
}

JsonObject row_of(const JobInfo& job, std::size_t error_bytes) {
  JsonObject object;
  object.add("id", job.id.str()).add("queue", job.queue).add("name", job.name);
  object.add("state", to_string(job.state)).add("priority", job.priority);
  object.add("attempt", job.attempt).add("max_attempts", job.max_attempts).add("crashes", job.crashes);
  add_time(object, "created_at_ms", job.created_at);
  add_time(object, "run_at_ms", job.run_at);
  add_time(object, "started_at_ms", job.started_at);
  add_time(object, "finished_at_ms", job.finished_at);
  add_time(object, "lease_until_ms", job.lease_until);
  if (job.worker.empty())
    object.null("worker");
  else
    object.add("worker", job.worker);
  object.add("waits_for", job.waits_for).add("cancel_requested", job.cancel_requested);
  object.add("progress", job.progress).add("progress_note", job.progress_note);
  if (job.error)
    object.raw("error", JsonObject()
                            .add("type", job.error->type)
                            .add("message", cut_text(job.error->message, error_bytes))
                            .str());
  else
    object.null("error");
  return object;
}

std::string attempts_of(const JobInfo& job) {
  JsonArray rows;
  for (const queue::Attempt& attempt : job.attempts) {
    JsonObject row;
    row.add("attempt", attempt.number).add("worker", attempt.worker);
    row.add("started_at_ms", attempt.started_at).add("ended_at_ms", attempt.ended_at);
    const queue::JobError& error = attempt.error;
    rows.raw(
        row.raw("error", JsonObject().add("type", error.type).add("message", error.message).str()).str());
  }
  return rows.str();
}

/// Jobs of `linked` from the place `from` on, `count` of them: what they are, and whether they are still
/// there.
std::string links_of(const std::vector<std::optional<JobInfo>>& linked, std::size_t from, std::size_t count) {
  JsonArray rows;
  for (std::size_t i = from; i < std::min(from + count, linked.size()); ++i) {
    if (!linked[i]) continue;  // forgotten since
    JsonObject row;
    row.add("id", linked[i]->id.str()).add("name", linked[i]->name).add("queue", linked[i]->queue);
    rows.raw(row.add("state", to_string(linked[i]->state)).str());
  }
  return rows.str();
}

/// Text that JavaScript must not turn into numbers: 64 bits are more than it has.
void add_body(JsonObject& object, const std::string& key, std::string_view text) {
  object.add(key, cut_text(text, preview_bytes));
  object.add(key + "_bytes", text.size());
}

}  // namespace

std::string_view cut_text(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

std::string job_row(const JobInfo& job) {
  return row_of(job, row_error_bytes).str();
}

std::string job_detail(const JobInfo& job, const queue::JobLinks& links,
                       const std::vector<std::optional<JobInfo>>& linked) {
  JsonObject object = row_of(job, preview_bytes);
  JsonObject headers;
  for (const auto& [name, value] : job.headers) headers.add(name, value);
  object.raw("headers", headers.str());
  add_body(object, "args", job.payload);
  if (job.state == JobState::done && !job.result.empty()) {
    add_body(object, "result", job.result);
  } else {
    object.null("result").null("result_bytes");
  }
  object.raw("attempts", attempts_of(job));
  const std::size_t awaited = links.waits_for.size();
  object.raw("awaited", links_of(linked, 0, awaited)).add("awaited_count", links.waits_for_count);
  object.add("awaited_bounded", links.bounded);
  object.raw("dependents", links_of(linked, awaited, links.dependents.size()));
  return object.add("dependents_count", links.dependents_count).str();
}

std::string counts_json(const std::map<JobState, std::uint64_t>& counts) {
  JsonObject object;
  for (int state = 0; state < queue::job_state_count; ++state) {
    const auto found = counts.find(static_cast<JobState>(state));
    object.add(to_string(static_cast<JobState>(state)),
               found == counts.end() ? std::uint64_t{0} : found->second);
  }
  return object.str();
}

std::string queue_row(const queue::QueueInfo& queue, bool paused) {
  JsonObject object;
  object.add("name", queue.name).raw("counts", counts_json(queue.counts));
  add_time(object, "oldest_ready_at_ms", queue.oldest_ready_at);
  object.add("paused", paused);
  return object.str();
}

queue::UnixMillis wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace coterie::dashboard

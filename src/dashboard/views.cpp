#include "src/dashboard/views.hpp"

#include <chrono>

#include "src/dashboard/json_writer.hpp"

namespace coterie::dashboard {
namespace {

using queue::JobInfo;
using queue::JobState;

constexpr std::size_t most_dependents = 100;

void add_time(JsonObject& object, std::string_view key, queue::UnixMillis time) {
  if (time == 0)
    object.null(key);
  else
    object.add(key, time);
}

JsonObject row_of(const JobInfo& job) {
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
                            .add("message", cut_text(job.error->message, preview_bytes))
                            .str());
  else
    object.null("error");
  return object;
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
  return row_of(job).str();
}

std::string job_detail(const JobInfo& job, const std::optional<queue::JobExport>& links) {
  JsonObject object = row_of(job);
  JsonObject headers;
  for (const auto& [name, value] : job.headers) headers.add(name, value);
  object.raw("headers", headers.str());
  add_body(object, "args", job.payload);
  if (job.state == JobState::done && !job.result.empty()) {
    add_body(object, "result", job.result);
  } else {
    object.null("result").null("result_bytes");
  }
  JsonArray dependents;
  std::size_t count = 0;
  if (links) {
    for (const queue::JobId& id : links->dependents)
      if (++count <= most_dependents) dependents.raw(json_string(id.str()));
    count = links->dependents.size();
  }
  object.raw("dependents", dependents.str()).add("dependents_count", count);
  return object.str();
}

std::string queue_row(const queue::QueueInfo& queue, bool paused) {
  JsonObject counts;
  for (int state = 0; state < queue::job_state_count; ++state) {
    const auto found = queue.counts.find(static_cast<JobState>(state));
    counts.add(to_string(static_cast<JobState>(state)),
               found == queue.counts.end() ? std::uint64_t{0} : found->second);
  }
  JsonObject object;
  object.add("name", queue.name).raw("counts", counts.str());
  add_time(object, "oldest_ready_at_ms", queue.oldest_ready_at);
  object.add("paused", paused);
  return object.str();
}

queue::UnixMillis wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace coterie::dashboard

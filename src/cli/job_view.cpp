#include "src/cli/job_view.hpp"

#include <chrono>

#include "coterie/trace_context.hpp"
#include "src/cli/json_text.hpp"
#include "src/queue/dropped_result.hpp"

namespace coterie::cli {
namespace {

using queue::JobInfo;
using queue::JobState;
using queue::UnixMillis;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string attempts(const JobInfo& job) {
  return std::to_string(job.attempt) + "/" + std::to_string(job.max_attempts);
}

/// How long its newest attempt took, or has taken so far.
std::string ran(const JobInfo& job, UnixMillis now) {
  if (job.started_at == 0) return "";
  if (job.state == JobState::leased) return human_time(std::max<UnixMillis>(0, now - job.started_at));
  if (job.finished_at < job.started_at) return "";
  return human_time(job.finished_at - job.started_at);
}

/// The one thing to know beside the state.
std::string remark(const JobInfo& job, UnixMillis now) {
  if (job.state == JobState::blocked) return "waits for " + counted(job.waits_for, "job");
  std::string text;
  if (job.state == JobState::scheduled)
    text = "due in " + human_time(std::max<UnixMillis>(0, job.run_at - now));
  if (job.cancel_requested && !is_final(job.state)) text = "cancel requested";
  if (job.state == JobState::leased && text.empty()) {
    if (job.progress > 0) text = std::to_string(static_cast<int>(job.progress * 100)) + " %";
    if (!job.progress_note.empty())
      text.append(text.empty() ? "" : " ").append(first_line(job.progress_note));
  }
  if (job.error && job.state != JobState::done) {
    text.append(text.empty() ? "" : "; ")
        .append(job.error->type)
        .append(": ")
        .append(first_line(job.error->message));
  }
  return text;
}

std::string json_of(const queue::JobError& error) {
  return JsonObject().add("type", error.type).add("message", error.message).str();
}

std::string json_of(const std::vector<queue::Attempt>& attempts) {
  std::string text = "[";
  for (const queue::Attempt& attempt : attempts) {
    JsonObject object;
    object.add("attempt", attempt.number).add("worker", attempt.worker);
    object.add("started_at_ms", attempt.started_at).add("ended_at_ms", attempt.ended_at);
    text.append(text.size() > 1 ? "," : "").append(object.raw("error", json_of(attempt.error)).str());
  }
  return text + "]";
}

/// A line for each.
std::string lines_of(const std::vector<queue::Attempt>& attempts) {
  std::string lines;
  for (const queue::Attempt& attempt : attempts) {
    const std::string took = human_time(std::max<UnixMillis>(0, attempt.ended_at - attempt.started_at));
    lines += std::to_string(attempt.number) + "  " + iso_time(attempt.ended_at) + "  after " + took + "  " +
             attempt.worker + "  " + attempt.error.type + ": " + first_line(attempt.error.message) + "\n";
  }
  return lines;
}

void add_time(JsonObject& object, std::string_view key, UnixMillis time) {
  if (time == 0)
    object.null(key);
  else
    object.add(key, time);
}

class Details {
 public:
  void line(std::string_view title, const std::string& value) {
    std::string text(title);
    text.resize(12, ' ');
    lines_.push_back(text + printable(value));
  }
  void time(std::string_view title, UnixMillis time, UnixMillis now) {
    if (time == 0) return;
    const bool past = time <= now;
    line(title, iso_time(time) + (past ? "  (" + human_time(now - time) + " ago)"
                                       : "  (in " + human_time(time - now) + ")"));
  }
  void block(std::string_view title, const std::string& text) {
    lines_.emplace_back(title);
    std::string shown = printable(text, true);
    std::size_t at = 0;
    while (at < shown.size()) {
      const std::size_t end = std::min(shown.find('\n', at), shown.size());
      lines_.push_back("  " + shown.substr(at, end - at));
      at = end + 1;
    }
  }
  [[nodiscard]] std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace

UnixMillis wall_clock() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string job_json(const JobInfo& job, bool bodies) {
  JsonObject object;
  object.add("id", job.id.str())
      .add("queue", job.queue)
      .add("name", job.name)
      .add("state", to_string(job.state));
  object.add("priority", job.priority).add("attempt", job.attempt).add("max_attempts", job.max_attempts);
  object.add("crashes", job.crashes);
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
  JsonObject headers;
  for (const auto& [name, value] : job.headers) headers.add(name, value);
  object.raw("headers", headers.str());
  if (job.error)
    object.raw("error", json_of(*job.error));
  else
    object.null("error");
  if (bodies) {
    object.raw("payload", embed_json(job.payload));
    if (job.state == JobState::done && !job.result.empty())
      object.raw("result", embed_json(job.result));
    else
      object.null("result");
    object.raw("attempts", json_of(job.attempts));
  }
  return object.str();
}

Table job_table() {
  return Table({{"ID"},
                {"STATE"},
                {"QUEUE", false, 20},
                {"NAME", false, 24},
                {"PRIO", true},
                {"TRY", true},
                {"AGE", true},
                {"RAN", true},
                {"", false, 70}});
}

void add_job_row(Table& table, const JobInfo& job, UnixMillis now) {
  table.row({job.id.str(), std::string(to_string(job.state)), job.queue, job.name,
             std::to_string(job.priority), attempts(job),
             human_time(std::max<UnixMillis>(0, now - job.created_at)), ran(job, now), remark(job, now)});
}

std::vector<std::string> job_lines(const JobInfo& job, UnixMillis now) {
  Details details;
  details.line("id", job.id.str());
  details.line("state", std::string(to_string(job.state)) +
                            (job.cancel_requested && !is_final(job.state) ? ", cancel requested" : ""));
  details.line("queue", job.queue);
  details.line("name", job.name);
  details.line("priority", std::to_string(job.priority));
  std::string tries = std::to_string(job.attempt) + " of " + std::to_string(job.max_attempts);
  if (job.crashes > 0) tries += "; workers that died running it: " + std::to_string(job.crashes);
  details.line("attempts", tries);
  if (job.state == JobState::blocked)
    details.line("waits for", counted(job.waits_for, "job") +
                                  (job.waits_for == 1 ? " that is not final" : " that are not final"));
  details.time("created", job.created_at, now);
  if (job.state == JobState::scheduled) details.time("due", job.run_at, now);
  details.time("started", job.started_at, now);
  details.time("finished", job.finished_at, now);
  if (!ran(job, now).empty()) details.line("ran", ran(job, now));
  if (!job.worker.empty()) details.line("worker", job.worker);
  if (job.state == JobState::leased) {
    details.time("lease until", job.lease_until, now);
    details.line("progress",
                 std::to_string(static_cast<int>(job.progress * 100)) + " %  " + job.progress_note);
  }
  for (const auto& [name, value] : job.headers) {
    const bool of_trace = name == trace::traceparent_header;
    const std::optional<trace::SpanContext> span = of_trace ? trace::read_traceparent(value) : std::nullopt;
    if (span)
      details.line("trace", span->trace.hex() + (span->sampled ? "" : "  (not recorded)"));
    else
      details.line("header", name + ": " + value);
  }
  details.block("payload", embed_json(job.payload));
  if (job.error) details.block("error: " + printable(job.error->type), job.error->message);
  if (!job.attempts.empty()) details.block("failed attempts", lines_of(job.attempts));
  if (job.state == JobState::done && job.result.empty())
    details.line("result", queue::is_result_dropped(job) ? "(dropped)" : "(no longer kept)");
  if (job.state == JobState::done && !job.result.empty()) {
    // A command's output is worth more as the lines that it was.
    const std::optional<std::string> output = json_member(job.result, "output");
    details.block("result", embed_json(job.result));
    if (output) details.block("output", *output);
  }
  return std::move(details).lines();
}

std::string_view explain(queue::CancelResult result) noexcept {
  switch (result) {
    case queue::CancelResult::requested:
      return "it runs: its worker was told to cancel it";
    case queue::CancelResult::final:
      return "too late: it has ended already";
    case queue::CancelResult::unknown:
      return "no such job";
    case queue::CancelResult::cancelled:
      break;
  }
  return to_string(result);
}

void print_job(Output& out, const JobInfo& job, UnixMillis now) {
  for (const std::string& line : job_lines(job, now)) out.line(line);
}

}  // namespace coterie::cli

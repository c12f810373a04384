// Who works, and what they do at this moment.
#include <algorithm>
#include <map>

#include "src/core/json_writer.hpp"
#include "src/dashboard/service.hpp"
#include "src/dashboard/views.hpp"
#include "src/queue/redaction.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::uint32_t most_running = 1000;
/// A page that looks again and again is one look to the audit log.
constexpr Duration looked_for = std::chrono::minutes(10);
constexpr std::size_t looks_kept = 1000;

using JobsByWorker = std::map<std::string, std::vector<const queue::JobInfo*>, std::less<>>;

std::string row_of(const queue::WorkerInfo& worker, const JobsByWorker& jobs) {
  const queue::WorkerReport& report = worker.report;
  JsonArray queues;
  for (const std::string& queue : report.queues) queues.raw(json_string(queue));
  JsonArray rows;
  // Also of one that is lost: they are its jobs until their lease has run out.
  const auto held = jobs.find(report.worker.name);
  if (held != jobs.end())
    for (const queue::JobInfo* const job : held->second) rows.raw(job_row(*job));
  JsonObject object;
  object.add("id", report.worker.incarnation.str()).add("name", report.worker.name);
  object.add("state", queue::to_string(worker.state)).add("process", report.worker.process);
  object.add("version", report.version).raw("queues", queues.str());
  object.add("handlers", report.handlers).add("concurrency", report.concurrency);
  object.add("holds", report.holds).add("lease_ms", report.lease.count());
  object.add("answers", report.answers).add("started_at_ms", worker.started_at);
  object.add("heard_at_ms", worker.heard_at).raw("jobs", rows.str());
  return object.str();
}

/// Of a coterie that does not announce itself: known by its jobs alone.
std::string row_of(const std::string& name, const std::vector<const queue::JobInfo*>& jobs) {
  JsonArray rows;
  for (const queue::JobInfo* const job : jobs) rows.raw(job_row(*job));
  JsonObject object;
  object.null("id").add("name", name).add("state", "unknown").add("process", "").add("version", "");
  object.raw("queues", "[]").add("handlers", 0).add("concurrency", 0).add("holds", jobs.size());
  object.add("lease_ms", 0).add("answers", false).null("started_at_ms").null("heard_at_ms");
  return object.raw("jobs", rows.str()).str();
}

}  // namespace

Task<http::Response> Service::workers(Call) {
  Task<queue::Fleet> asking = broker_->workers();
  const queue::Fleet fleet = co_await std::move(asking);
  queue::JobFilter running;
  running.state = queue::JobState::leased;
  running.limit =
      static_cast<std::uint32_t>(std::min<std::size_t>(most_running, broker_->limits().batch_jobs));
  queue::JobPage page = co_await broker_->list(running);
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  Task<std::vector<queue::JobInfo>> redacting = queue::redact_rows(broker_, std::move(page.jobs), redaction);
  const std::vector<queue::JobInfo> shown = co_await std::move(redacting);
  JobsByWorker jobs;
  for (const queue::JobInfo& job : shown) jobs[job.worker].push_back(&job);
  JsonArray rows;
  // What is held under a name stands once: with the one that lives, for these come first.
  for (const queue::WorkerInfo& worker : fleet.workers) {
    rows.raw(row_of(worker, jobs));
    jobs.erase(worker.report.worker.name);
  }
  for (const auto& [name, held] : jobs) rows.raw(row_of(name, held));
  co_return json_response(
      JsonObject().raw("workers", rows.str()).add("bounded", fleet.more || page.next != 0).str());
}

Task<http::Response> Service::worker_tasks(Call call) {
  const std::optional<queue::Uuid> worker = queue::parse_uuid(call.parts.at(0));
  if (!worker) throw ApiError(ErrorCode::bad_id, "'" + call.parts.at(0) + "' is no worker's id");
  audit_look(call.caller, *worker);
  Task<std::shared_ptr<const Questions::Seen>> asking = questions_.tasks_of(*worker);
  const std::shared_ptr<const Questions::Seen> seen = co_await std::move(asking);
  const queue::WorkerAnswer& answer = seen->answer;
  if (answer.outcome == queue::Asked::unknown)
    throw ApiError(ErrorCode::no_such_worker,
                   "no worker " + worker->str() + ": it never was, or ended long ago");
  const bool said = answer.outcome == queue::Asked::answered || answer.outcome == queue::Asked::cut;
  JsonObject object;
  object.add("id", worker->str()).add("outcome", queue::to_string(answer.outcome)).add("at_ms", seen->at);
  if (said)
    object.add("why", "").raw("dump", answer.text);
  else
    object.add("why", answer.text).null("dump");
  co_return json_response(object.str());
}

void Service::audit_look(const Caller& caller, const queue::Uuid& worker) {
  const TimePoint now = EventLoop::current().now();
  if (looks_.size() >= looks_kept)
    std::erase_if(looks_, [now](const auto& look) { return look.second + looked_for <= now; });
  if (looks_.size() >= looks_kept) looks_.clear();  // rather a line too many
  const auto [look, is_new] = looks_.try_emplace({caller.name, worker}, now);
  if (!is_new && look->second + looked_for > now) return;
  look->second = now;
  audit(caller, Deed("tasks", worker.str()), 1);
}

}  // namespace coterie::dashboard

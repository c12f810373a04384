// What can be changed. Each change is written to the audit log once the broker has it.
#include <algorithm>

#include "src/core/json_writer.hpp"
#include "src/dashboard/json_input.hpp"
#include "src/dashboard/search.hpp"
#include "src/dashboard/service.hpp"

namespace coterie::dashboard {
namespace {

using queue::CancelResult;

/// Jobs that one request changes at most.
constexpr std::uint64_t most_changed = 10'000;
constexpr std::uint32_t batch = 200;

queue::JobId read_id(const std::string& text) {
  const std::optional<queue::JobId> id = queue::parse_uuid(text);
  if (!id) throw ApiError(400, "bad_id", "'" + text + "' is no job's id");
  return *id;
}

/// How many of them were changed.
Task<std::uint64_t> change(std::shared_ptr<queue::Broker> broker, std::vector<queue::JobId> ids,
                           bool cancel) {
  if (cancel) {
    const std::vector<CancelResult> results = co_await broker->cancel(std::move(ids));
    co_return static_cast<std::uint64_t>(
        std::count_if(results.begin(), results.end(), [](CancelResult result) {
          return result == CancelResult::cancelled || result == CancelResult::requested;
        }));
  }
  const std::vector<bool> results = co_await broker->retry(std::move(ids));
  co_return static_cast<std::uint64_t>(std::count(results.begin(), results.end(), true));
}

/// What a filter may choose for an action; the others would only be looked at in vain.
bool fits(const queue::JobInfo& job, bool cancel) {
  if (cancel) return !is_final(job.state);
  return is_final(job.state) && job.state != queue::JobState::done;
}

struct Bulk {
  std::uint64_t matched = 0;
  std::uint64_t changed = 0;
};

Task<Bulk> change_matching(std::shared_ptr<queue::Broker> broker, Filter filter, std::uint64_t most,
                           bool cancel) {
  Bulk sum;
  Part part;
  part.limit = batch;
  do {
    Task<Found> searching = search(broker, filter, part);
    const Found found = co_await std::move(searching);
    part.after = found.next;
    std::vector<queue::JobId> ids;
    for (const queue::JobInfo& job : found.jobs)
      if (fits(job, cancel) && sum.matched + ids.size() < most) ids.push_back(job.id);
    sum.matched += ids.size();
    if (ids.empty()) continue;
    Task<std::uint64_t> changing = change(broker, std::move(ids), cancel);
    sum.changed += co_await std::move(changing);
  } while (part.after != 0 && sum.matched < most);
  co_return sum;
}

/// Cancels what waits in the queue.
Task<Bulk> drain(std::shared_ptr<queue::Broker> broker, std::string queue, std::uint64_t most) {
  using queue::JobState;
  Bulk sum;
  for (const JobState state :
       {JobState::ready, JobState::scheduled, JobState::blocked, JobState::throttled}) {
    queue::JobFilter waiting;
    waiting.state = state;
    waiting.queue = queue;
    do {
      if (sum.matched == most) co_return sum;
      waiting.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(batch, most - sum.matched));
      const queue::JobPage page = co_await broker->list(waiting);
      waiting.after = page.next;
      std::vector<queue::JobId> ids;
      for (const queue::JobInfo& job : page.jobs) ids.push_back(job.id);
      sum.matched += ids.size();
      if (ids.empty()) continue;
      Task<std::uint64_t> changing = change(broker, std::move(ids), true);
      sum.changed += co_await std::move(changing);
    } while (waiting.after != 0);
  }
  co_return sum;
}

bool has_redacted(std::string_view args) {
  return args.find("\"" + std::string(queue::redacted) + "\"") != std::string_view::npos;
}

/// The same work once more. What a broker tells only of jobs that have not ended (backoff, timeout,
/// result_ttl) is as usual where it has.
queue::JobSpec copy_of(const queue::JobInfo& job, std::optional<queue::JobExport> live) {
  queue::JobSpec spec;
  if (live) spec = std::move(live->spec);
  spec.id = queue::JobId();
  spec.queue = job.queue;
  spec.name = job.name;
  spec.payload = job.payload;
  spec.priority = job.priority;
  spec.max_attempts = job.max_attempts;
  spec.run_at = spec.expires_at = 0;
  spec.after.clear();
  return spec;
}

}  // namespace

/// {} or {"args":"…"}: JSON text in place of the old one.
Task<http::Response> Service::clone(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  ActionBody body = read_action(call.request.body);
  std::vector<queue::JobId> ids{id};
  const std::vector<std::optional<queue::JobInfo>> found = co_await broker_->get(ids, true);
  if (!found.at(0)) throw ApiError(404, "no_such_job", "no job " + id.str());
  std::vector<std::optional<queue::JobExport>> live = co_await broker_->export_jobs(std::move(ids), false);
  queue::JobSpec spec = copy_of(*found[0], std::move(live.at(0)));
  if (body.args && *body.args != spec.payload) {
    // Whoever says what runs can do what a worker can: for one of `coterie enqueue --exec`, everything.
    if (call.caller.role != Role::admin)
      throw ApiError(403, "role",
                     "'" + call.caller.name + "' may clone it as it is; other arguments are for admins");
    require_json(*body.args);
    // What was not shown cannot have been meant.
    if (has_redacted(*body.args))
      throw ApiError(400, "redacted",
                     "these arguments still say " + std::string(queue::redacted) +
                         " where a value is hidden: write the value there, or clone it as it is");
    spec.payload = *std::move(body.args);
  }
  spec.id = queue::new_uuid();
  const std::string copy = spec.id.str();
  std::vector<queue::JobSpec> specs;
  specs.push_back(std::move(spec));
  co_await broker_->enqueue(std::move(specs));
  audit(call.caller, "clone", id.str() + " as " + copy, "", 1);
  co_return json_response(JsonObject().add("id", copy).str());
}

/// {"most":N}, how many waited when somebody looked.
Task<http::Response> Service::drain_queue(Call call) {
  const std::string queue = call.parts.at(0);
  const ActionBody body = read_action(call.request.body);
  if (!body.most) throw ApiError(400, "bad_request", "say with most how many waited when you looked");
  Task<Bulk> draining = drain(broker_, queue, std::min(*body.most, most_changed));
  const Bulk sum = co_await std::move(draining);
  audit(call.caller, "drain", queue, "", sum.changed);
  co_return json_response(JsonObject().add("matched", sum.matched).add("changed", sum.changed).str());
}

Task<http::Response> Service::retry_one(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  std::vector<queue::JobId> ids{id};
  const std::vector<bool> retried = co_await broker_->retry(std::move(ids));
  audit(call.caller, "retry", id.str(), "", retried.at(0) ? 1 : 0);
  if (!retried.at(0))
    throw ApiError(409, "not_retried",
                   "only dead, cancelled and expired jobs that are still known can be retried");
  co_return json_response(JsonObject().add("id", id.str()).add("retried", true).str());
}

Task<http::Response> Service::cancel_one(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  std::vector<queue::JobId> ids{id};
  const std::vector<CancelResult> results = co_await broker_->cancel(std::move(ids));
  const CancelResult result = results.at(0);
  const bool changed = result == CancelResult::cancelled || result == CancelResult::requested;
  audit(call.caller, "cancel", id.str(), "", changed ? 1 : 0);
  if (result == CancelResult::unknown) throw ApiError(404, "no_such_job", "no job " + id.str());
  if (!changed) throw ApiError(409, "not_cancelled", "too late: it has ended");
  co_return json_response(JsonObject().add("id", id.str()).add("result", to_string(result)).str());
}

/// {"ids":[…]} or {"filter":"…","most":N}: with a filter the number that was shown must come with it, and no
/// more are changed.
Task<http::Response> Service::bulk(Call call, bool cancel) {
  const ActionBody body = read_action(call.request.body);
  const std::string_view action = cancel ? "cancel" : "retry";
  if (body.ids.has_value() == body.filter.has_value())
    throw ApiError(400, "bad_request", "say either ids or filter");
  Bulk sum;
  if (body.ids) {
    if (body.ids->size() > most_changed)
      throw ApiError(400, "bad_request", "at most 10,000 ids in one request");
    std::vector<queue::JobId> ids;
    for (const std::string& id : *body.ids) ids.push_back(read_id(id));
    sum.matched = ids.size();
    Task<std::uint64_t> changing = change(broker_, std::move(ids), cancel);
    sum.changed = co_await std::move(changing);
  } else {
    if (!body.most)
      throw ApiError(400, "bad_request",
                     "say with most how many there were when you looked: GET /api/v1/count");
    const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
    Filter filter = Filter::parse(*body.filter, redaction);
    Task<Bulk> changing =
        change_matching(broker_, std::move(filter), std::min(*body.most, most_changed), cancel);
    sum = co_await std::move(changing);
  }
  audit(call.caller, action, body.ids ? "ids" : "filter", body.filter.value_or(""), sum.changed);
  co_return json_response(JsonObject().add("matched", sum.matched).add("changed", sum.changed).str());
}

Task<http::Response> Service::purge(Call call) {
  const ActionBody body = read_action(call.request.body);
  if (!body.filter || !body.most)
    throw ApiError(400, "bad_request", "say filter, and with most how many there were when you looked");
  const Filter filter = Filter::parse(*body.filter);
  if (!filter.is_simple() || !filter.at_broker().state || !is_final(*filter.at_broker().state))
    throw ApiError(
        400, "bad_filter",
        "only jobs that have ended can be forgotten, by state, queue and name: state:dead queue:mail");
  queue::JobFilter jobs = filter.at_broker();
  std::uint64_t gone = 0;
  const std::uint64_t most = std::min(*body.most, most_changed);
  while (gone < most) {
    jobs.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(batch, most - gone));
    const std::uint64_t some = co_await broker_->purge(jobs);
    gone += some;
    if (some == 0) break;
  }
  audit(call.caller, "purge", "filter", *body.filter, gone);
  co_return json_response(JsonObject().add("matched", gone).add("changed", gone).str());
}

Task<http::Response> Service::set_paused(Call call, bool paused) {
  const std::string queue = call.parts.at(0);
  if (paused)
    co_await broker_->pause(queue);
  else
    co_await broker_->resume(queue);
  audit(call.caller, paused ? "pause" : "resume", queue, "", 1);
  co_return json_response(JsonObject().add("queue", queue).add("paused", paused).str());
}

}  // namespace coterie::dashboard

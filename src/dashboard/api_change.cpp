// What can be changed. Each change is written to the audit log once the broker has it.
#include <algorithm>
#include <charconv>

#include "src/core/json_writer.hpp"
#include "src/dashboard/bulk.hpp"
#include "src/dashboard/json_input.hpp"
#include "src/dashboard/service.hpp"

namespace coterie::dashboard {
namespace {

using queue::CancelResult;

/// Ids in one request.
constexpr std::size_t most_ids = 10'000;
/// Ids in a line of the audit log, which has less than 4 kB then: pipes and syslog take so much in one piece.
constexpr std::ptrdiff_t ids_a_line = 100;

queue::JobId read_id(const std::string& text) {
  const std::optional<queue::JobId> id = queue::parse_uuid(text);
  if (!id) throw ApiError(ErrorCode::bad_id, "'" + text + "' is no job's id");
  return *id;
}

/// Where the request before said that this one goes on; 0: it is the first.
std::uint64_t read_after(const ActionBody& body) {
  if (!body.after) return 0;
  std::uint64_t after = 0;
  const char* const end = body.after->data() + body.after->size();
  const auto [read, error] = std::from_chars(body.after->data(), end, after);
  if (error != std::errc() || read != end)
    throw ApiError(ErrorCode::bad_request, "after is what the answer before has as next");
  return after;
}

Counted counted_by(const ActionBody& body) {
  Counted counted;
  counted.most = body.most.value_or(0);
  counted.until = body.counted_at_ms;
  return counted;
}

http::Response step_response(const Step& step) {
  JsonObject object;
  object.add("matched", step.matched).add("changed", step.changed);
  if (step.next)
    object.add("next", std::to_string(*step.next));
  else
    object.null("next");
  return json_response(object.str());
}

/// With a blank between them.
std::string listed(const std::vector<queue::JobId>& ids) {
  std::string text;
  for (const queue::JobId& id : ids) text.append(text.empty() ? "" : " ").append(id.str());
  return text;
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
  spec.headers = job.headers;
  spec.run_at = spec.expires_at = 0;
  spec.after.clear();
  return spec;
}

}  // namespace

/// The audit log's line of a change, whatever becomes of it: where no answer comes it says so, and counts
/// what is known to be changed.
class Service::Written {
 public:
  /// `so_far`: counted while the change goes on; null: it is one, and either made or not.
  Written(const Service& service, Caller caller, Deed deed, const std::uint64_t* so_far = nullptr)
      : service_(service), caller_(std::move(caller)), deed_(std::move(deed)), so_far_(so_far) {}
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;
  ~Written() {
    if (done_) return;
    deed_.unknown = true;
    try {
      service_.audit(caller_, deed_, so_far_ == nullptr ? 0 : *so_far_);
    } catch (const std::exception&) {  // what ends the request is on its way already
    }
  }
  void done(std::uint64_t count) {
    done_ = true;
    service_.audit(caller_, deed_, count);
  }

 private:
  const Service& service_;
  const Caller caller_;
  Deed deed_;
  const std::uint64_t* const so_far_;
  bool done_ = false;
};

/// {} or {"args":"…"}: JSON text in place of the old one.
Task<http::Response> Service::clone(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  ActionBody body = read_action(call.request.body);
  std::vector<queue::JobId> ids{id};
  const std::vector<std::optional<queue::JobInfo>> found = co_await broker_->get(ids, true);
  if (!found.at(0)) throw ApiError(ErrorCode::no_such_job, "no job " + id.str());
  std::vector<std::optional<queue::JobExport>> live = co_await broker_->export_jobs(std::move(ids), false);
  queue::JobSpec spec = copy_of(*found[0], std::move(live.at(0)));
  if (body.args && *body.args != spec.payload) {
    // Whoever says what runs can do what a worker can: for one of `coterie enqueue --exec`, everything.
    if (call.caller.role != Role::admin)
      throw ApiError(ErrorCode::role,
                     "'" + call.caller.name + "' may clone it as it is; other arguments are for admins");
    require_json(*body.args);
    // What was not shown cannot have been meant.
    if (has_redacted(*body.args))
      throw ApiError(ErrorCode::redacted,
                     "these arguments still say " + std::string(queue::redacted) +
                         " where a value is hidden: write the value there, or clone it as it is");
    spec.payload = *std::move(body.args);
  }
  spec.id = queue::new_uuid();
  const std::string copy = spec.id.str();
  std::vector<queue::JobSpec> specs;
  specs.push_back(std::move(spec));
  Written written(*this, call.caller, Deed("clone", id.str() + " as " + copy));
  co_await broker_->enqueue(std::move(specs));
  written.done(1);
  co_return json_response(JsonObject().add("id", copy).str());
}

/// Writes down what was done, also where the broker went away on the way, and answers with it.
Task<http::Response> Service::finish(Task<void> work, const Step* step, Caller caller, Deed deed) {
  Written written(*this, std::move(caller), std::move(deed), &step->changed);
  co_await std::move(work);
  written.done(step->changed);
  co_return step_response(*step);
}

/// In parts, each with its line of the audit log: so no line grows with the request, none of the ids is left
/// out, and each says how many of its own were changed, also where the broker goes away between two.
Task<http::Response> Service::change_each(Caller caller, std::vector<queue::JobId> ids, Change what) {
  const std::string request = ids.size() > ids_a_line ? queue::new_uuid().str() : std::string();
  Step sum;
  for (auto begin = ids.begin(); begin != ids.end();) {
    const auto end = begin + std::min<std::ptrdiff_t>(ids_a_line, ids.end() - begin);
    std::vector<queue::JobId> part(begin, end);
    Deed deed(std::string(to_string(what)), listed(part), "", request);
    Step step;
    Task<void> work = change_ids(broker_, std::move(part), what, &step);
    Reply done = finish(std::move(work), &step, caller, std::move(deed));
    (void)co_await std::move(done);
    sum.matched += step.matched;
    sum.changed += step.changed;
    begin = end;
  }
  co_return step_response(sum);
}

/// {"most":N}, how many waited when somebody looked.
Task<http::Response> Service::drain_queue(Call call) {
  const std::string queue = call.parts.at(0);
  const ActionBody body = read_action(call.request.body);
  if (!body.most) throw ApiError(ErrorCode::bad_request, "say with most how many waited when you looked");
  (void)read_after(body);
  Step step;
  Task<void> work = drain(broker_, queue, counted_by(body), &step);
  Reply done = finish(std::move(work), &step, call.caller, Deed("drain", queue));
  co_return co_await std::move(done);
}

Task<http::Response> Service::retry_one(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  std::vector<queue::JobId> ids{id};
  Written written(*this, call.caller, Deed("retry", id.str()));
  const std::vector<bool> retried = co_await broker_->retry(std::move(ids));
  written.done(retried.at(0) ? 1 : 0);
  if (!retried.at(0))
    throw ApiError(ErrorCode::not_retried,
                   "only dead, cancelled and expired jobs that are still known can be retried");
  co_return json_response(JsonObject().add("id", id.str()).add("retried", true).str());
}

Task<http::Response> Service::cancel_one(Call call) {
  const queue::JobId id = read_id(call.parts.at(0));
  std::vector<queue::JobId> ids{id};
  Written written(*this, call.caller, Deed("cancel", id.str()));
  const std::vector<CancelResult> results = co_await broker_->cancel(std::move(ids));
  const CancelResult result = results.at(0);
  const bool changed = result == CancelResult::cancelled || result == CancelResult::requested;
  written.done(changed ? 1 : 0);
  if (result == CancelResult::unknown) throw ApiError(ErrorCode::no_such_job, "no job " + id.str());
  if (!changed) throw ApiError(ErrorCode::not_cancelled, "too late: it has ended");
  co_return json_response(JsonObject().add("id", id.str()).add("result", to_string(result)).str());
}

/// {"ids":[…]} or {"filter":"…","most":N}: with a filter the number that was shown must come with it, and no
/// more are changed.
Task<http::Response> Service::bulk(Call call, Change what) {
  const ActionBody body = read_action(call.request.body);
  if (body.ids.has_value() == body.filter.has_value())
    throw ApiError(ErrorCode::bad_request, "say either ids or filter");
  if (body.ids) {
    if (body.ids->size() > most_ids)
      throw ApiError(ErrorCode::bad_request, "at most 10,000 ids in one request");
    std::vector<queue::JobId> ids;
    for (const std::string& id : *body.ids) ids.push_back(read_id(id));
    Reply done = change_each(call.caller, std::move(ids), what);
    co_return co_await std::move(done);
  }
  if (!body.most)
    throw ApiError(ErrorCode::bad_request,
                   "say with most how many there were when you looked: GET /api/v1/count");
  const std::shared_ptr<const queue::Redaction> redaction = co_await redactions_.now();
  Filter filter = Filter::parse(*body.filter, redaction);
  Step step;
  Task<void> work =
      change_matching(broker_, std::move(filter), what, read_after(body), counted_by(body), &step);
  Reply done =
      finish(std::move(work), &step, call.caller, Deed(std::string(to_string(what)), "filter", *body.filter));
  co_return co_await std::move(done);
}

Task<http::Response> Service::purge(Call call) {
  const ActionBody body = read_action(call.request.body);
  if (!body.filter || !body.most)
    throw ApiError(ErrorCode::bad_request, "say filter, and with most how many there were when you looked");
  const Filter filter = Filter::parse(*body.filter);
  if (!filter.is_simple() || !filter.at_broker().state || !is_final(*filter.at_broker().state))
    throw ApiError(
        ErrorCode::bad_filter,
        "only jobs that have ended can be forgotten, by state, queue and name: state:dead queue:mail");
  (void)read_after(body);
  Step step;
  Task<void> work = forget(broker_, filter.at_broker(), *body.most, &step);
  Reply done = finish(std::move(work), &step, call.caller, Deed("purge", "filter", *body.filter));
  co_return co_await std::move(done);
}

Task<http::Response> Service::set_paused(Call call, bool paused) {
  const std::string queue = call.parts.at(0);
  Written written(*this, call.caller, Deed(paused ? "pause" : "resume", queue));
  if (paused)
    co_await broker_->pause(queue);
  else
    co_await broker_->resume(queue);
  written.done(1);
  co_return json_response(JsonObject().add("queue", queue).add("paused", paused).str());
}

}  // namespace coterie::dashboard

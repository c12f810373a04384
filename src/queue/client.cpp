#include "coterie/queue/client.hpp"

#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "src/queue/dropped_result.hpp"
#include "src/queue/headers.hpp"
#include "src/queue/tracing.hpp"
#include "src/queue/waiters.hpp"

namespace coterie::queue {
namespace {

/// One call of a bulk enqueue: small enough that others get their turn at the broker in between.
constexpr std::size_t jobs_per_call = 10'000;
constexpr std::size_t bytes_per_call = std::size_t{8} << 20;

std::string describe(const JobId& id, JobState state, const JobError& error) {
  std::string text = "job " + id.str() + " is " + std::string(to_string(state));
  if (!error.type.empty()) text += ": " + error.type;
  if (!error.message.empty()) text += ": " + error.message;
  return text;
}

using SharedTracer = std::shared_ptr<trace::Tracer>;

Task<std::vector<Enqueued>> told(Task<std::vector<Enqueued>> call, SendSpan span) {
  Outcome<std::vector<Enqueued>> end = co_await outcome(std::move(call));
  span.end(end.has_value() ? nullptr : end.error());
  co_return std::move(end).get();
}

/// One call of the broker, as one span where there is a trace.
Task<std::vector<Enqueued>> send(Broker& broker, const SharedTracer& tracer, std::vector<JobSpec> jobs) {
  SendSpan span(tracer, jobs, broker.limits());
  Task<std::vector<Enqueued>> call = broker.enqueue(std::move(jobs));
  if (!span.is_recorded()) return call;
  return told(std::move(call), std::move(span));
}

Task<JobId> enqueue_one(std::shared_ptr<Broker> broker, SharedTracer tracer, JobSpec job) {
  if (job.id.is_nil()) job.id = new_uuid();
  const JobId id = job.id;
  std::vector<JobSpec> jobs;
  jobs.push_back(std::move(job));
  Task<std::vector<Enqueued>> call = send(*broker, tracer, std::move(jobs));
  co_await std::move(call);
  co_return id;
}

Task<std::vector<JobId>> enqueue_many(std::shared_ptr<Broker> broker, SharedTracer tracer,
                                      std::vector<JobSpec> jobs) {
  std::vector<JobId> ids;
  ids.reserve(jobs.size());
  const std::size_t most = std::min(jobs_per_call, std::max<std::size_t>(broker->limits().batch_jobs, 1));
  for (std::size_t from = 0; from < jobs.size();) {
    std::vector<JobSpec> part;
    std::size_t bytes = 0;
    while (from < jobs.size() && part.size() < most && (part.empty() || bytes < bytes_per_call)) {
      JobSpec& job = jobs[from++];
      if (job.id.is_nil()) job.id = new_uuid();
      bytes += body_bytes(job) + job.after.size() * sizeof(JobId);
      ids.push_back(job.id);
      part.push_back(std::move(job));
    }
    Task<std::vector<Enqueued>> call = send(*broker, tracer, std::move(part));
    co_await std::move(call);
  }
  co_return ids;
}

Task<std::string> result_of(Task<JobInfo> ended) {
  JobInfo info = co_await std::move(ended);
  if (info.state != JobState::done) throw JobFailed(info.id, info.state, info.error.value_or(JobError()));
  if (is_result_dropped(info)) throw ResultDropped(info.id);
  co_return std::move(info.result);
}

Task<std::optional<JobInfo>> get_one(std::shared_ptr<Broker> broker, JobId id, bool bodies) {
  std::vector<JobId> ids(1, id);
  Task<std::vector<std::optional<JobInfo>>> call = broker->get(std::move(ids), bodies);
  std::vector<std::optional<JobInfo>> found = co_await std::move(call);
  co_return std::move(found.front());
}

Task<CancelResult> cancel_one(std::shared_ptr<Broker> broker, JobId id) {
  std::vector<JobId> ids(1, id);
  Task<std::vector<CancelResult>> call = broker->cancel(std::move(ids));
  const std::vector<CancelResult> results = co_await std::move(call);
  co_return results.front();
}

}  // namespace

JobFailed::JobFailed(const JobId& id, JobState state, JobError error)
    : QueueError(describe(id, state, error)), id_(id), state_(state), error_(std::move(error)) {}

ResultDropped::ResultDropped(const JobId& id)
    : QueueError("job " + id.str() + ": " + result_dropped_error().message) {}

UnknownJob::UnknownJob(const JobId& id)
    : QueueError("no job " + id.str() +
                 ": never enqueued here, purged, or ended longer ago than its result_ttl") {}

Client::Client(std::shared_ptr<Broker> broker) : broker_(std::move(broker)) {
  if (!broker_) throw BadRequest("a client needs a broker, and was given a null pointer");
  waiters_ = std::make_shared<Waiters>(broker_);
}
Client::Client(std::string_view url) : Client(open_broker(url)) {}

Client& Client::tracer(std::shared_ptr<trace::Tracer> sender) {
  tracer_ = std::move(sender);
  return *this;
}
Task<JobId> Client::enqueue(JobSpec job) {
  return enqueue_one(broker_, tracer_, std::move(job));
}
Task<std::vector<JobId>> Client::enqueue(std::vector<JobSpec> jobs) {
  return enqueue_many(broker_, tracer_, std::move(jobs));
}
Task<JobInfo> Client::wait(JobId id) {
  return Waiters::wait(waiters_, id, forever);
}
Task<JobInfo> Client::wait(JobId id, Milliseconds at_most) {
  return Waiters::wait(waiters_, id, at_most);
}
Task<std::string> Client::result_text(JobId id, Milliseconds at_most) {
  return result_of(wait(id, at_most));
}
Task<std::optional<JobInfo>> Client::get(JobId id, bool bodies) {
  return get_one(broker_, id, bodies);
}
Task<CancelResult> Client::cancel(JobId id) {
  return cancel_one(broker_, id);
}

}  // namespace coterie::queue

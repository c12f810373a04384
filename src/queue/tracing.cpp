#include "src/queue/tracing.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <typeinfo>
#include <utility>

#include "coterie/task.hpp"
#include "src/queue/headers.hpp"

namespace coterie::queue {
namespace {

using trace::SpanContext;
using trace::SpanKind;

void describe_system(trace::SpanData& span, const char* operation) {
  span.set({"messaging.system", "coterie"});
  span.set({"messaging.operation.name", operation});
  span.set({"messaging.operation.type", operation});
}

template <class Member>
bool all_the_same(const std::vector<JobSpec>& jobs, Member member) {
  return std::all_of(jobs.begin(), jobs.end(),
                     [&](const JobSpec& job) { return job.*member == jobs.front().*member; });
}

void describe_send(trace::SpanData& span, const std::vector<JobSpec>& jobs) {
  describe_system(span, "send");
  if (all_the_same(jobs, &JobSpec::queue)) span.set({"messaging.destination.name", jobs.front().queue});
  if (all_the_same(jobs, &JobSpec::name)) span.set({"coterie.job.name", jobs.front().name});
  if (jobs.size() == 1)
    span.set({"messaging.message.id", jobs.front().id.str()});
  else
    span.set({"messaging.batch.message_count", static_cast<std::int64_t>(jobs.size())});
}

/// A header too many would have the broker refuse the job: then it goes without.
void put_trace(JobSpec& job, const std::string& parent, const std::string& state, const Limits& limits) {
  if (job.headers.contains(trace::traceparent_header)) return;
  const std::size_t more = state.empty() ? 1 : 2;
  const std::size_t bytes = bytes_of(job.headers) + trace::traceparent_header.size() + parent.size() +
                            (state.empty() ? 0 : trace::tracestate_header.size() + state.size());
  if (job.headers.size() + more > limits.headers || bytes > limits.header_bytes) return;
  job.headers.emplace(trace::traceparent_header, parent);
  if (!state.empty()) job.headers.emplace(trace::tracestate_header, state);
}

std::string_view header(const Headers& headers, std::string_view name) {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

SendSpan::SendSpan(const std::shared_ptr<trace::Tracer>& own, std::vector<JobSpec>& jobs,
                   const Limits& limits) {
  const std::shared_ptr<const trace::detail::Current> current = trace::detail::current();
  if ((!current && !own) || jobs.empty()) return;
  const SpanContext* const parent = current ? &current->context : nullptr;
  tracer_ = current && current->tracer ? current->tracer : own;
  SpanContext context;
  if (tracer_) {
    const std::string name = all_the_same(jobs, &JobSpec::queue) ? "send " + jobs.front().queue : "send";
    trace::Tracer::Begun begun = tracer_->begin(name, SpanKind::producer, parent);
    context = std::move(begun.context);
    data_ = std::move(begun.data);
  } else {
    context = *parent;
  }
  const std::string text = write_traceparent(context);
  for (JobSpec& job : jobs) put_trace(job, text, context.state, limits);
  if (data_) describe_send(*data_, jobs);
}

void SendSpan::end(const std::exception_ptr& error) {
  if (!data_) return;
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Cancelled&) {
    data_->fail("cancelled", "cancelled; whether it was enqueued is not known");
  } catch (const std::exception& what) {
    data_->fail(type_name(what), what.what());
  } catch (...) {
    data_->fail("unknown", "something that is no std::exception");
  }
  tracer_->end(std::move(data_));
}

bool has_trace(const Headers& headers) {
  return headers.contains(trace::traceparent_header);
}

std::shared_ptr<const trace::detail::Current> begin_run(const std::shared_ptr<trace::Tracer>& tracer,
                                                        const Lease& lease,
                                                        std::unique_ptr<trace::SpanData>& data) {
  std::optional<SpanContext> parent = trace::read_traceparent(
      header(lease.headers, trace::traceparent_header), header(lease.headers, trace::tracestate_header));
  if (!tracer && !parent) return nullptr;
  auto current = std::make_shared<trace::detail::Current>();
  if (!tracer) {
    current->context = *std::move(parent);
    return current;
  }
  trace::Tracer::Begun begun =
      tracer->begin("process " + lease.queue, SpanKind::consumer, parent ? &*parent : nullptr);
  current->context = std::move(begun.context);
  current->tracer = tracer;
  data = std::move(begun.data);
  if (!data) return current;
  describe_system(*data, "process");
  data->set({"messaging.destination.name", lease.queue});
  data->set({"messaging.message.id", lease.ref.id.str()});
  data->set({"coterie.job.name", lease.name});
  data->set({"coterie.job.attempt", std::int64_t{lease.attempt}});
  if (parent) data->links.push_back(*std::move(parent));
  return current;
}

void describe_end(trace::SpanData& span, std::string_view outcome, const Failed* failure,
                  const std::string& exception_type) {
  span.set({"coterie.job.outcome", std::string(outcome)});
  if (failure != nullptr && failure->kind != FailKind::give_back) {
    const JobError& error = failure->error;
    const std::string stack = error.stack.empty() ? "" : error.stack.substr(1);  // its first newline
    span.fail(exception_type.empty() ? error.type : exception_type, error.message, stack);
  } else if (outcome == "lost")
    span.fail("lost", "its lease had run out: another worker may have run it");
}

std::string type_name(const std::exception& error) {
  int status = 0;
  char* const name = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
  std::string text = status == 0 && name != nullptr ? name : typeid(error).name();
  std::free(name);  // NOLINT: it was malloc'ed, so says the ABI
  return text;
}

}  // namespace coterie::queue

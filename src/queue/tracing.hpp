#pragma once
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/trace/tracer.hpp"

/// What the queue tells of itself in traces, after OpenTelemetry's conventions for messages.
namespace coterie::queue {

/// The span of one enqueue, where there is a trace or a tracer for it. Its context, or that of the caller
/// where nobody records, goes into the headers of the jobs that bring none of their own, as far as there is
/// room for it.
class SendSpan {
 public:
  /// `own`: for callers that are in no trace; may be null.
  SendSpan(const std::shared_ptr<trace::Tracer>& own, std::vector<JobSpec>& jobs, const Limits& limits);
  SendSpan(SendSpan&&) noexcept = default;
  SendSpan& operator=(SendSpan&&) noexcept = default;
  ~SendSpan() = default;

  [[nodiscard]] bool is_recorded() const noexcept { return data_ != nullptr; }
  /// `error` null: they were enqueued.
  void end(const std::exception_ptr& error);

 private:
  std::shared_ptr<trace::Tracer> tracer_;
  std::unique_ptr<trace::SpanData> data_;
};

/// The job came with a trace.
[[nodiscard]] bool has_trace(const Headers& headers);
/// What a run works for. Null: for no trace. With a tracer that records it, `data` is its span.
[[nodiscard]] std::shared_ptr<const trace::detail::Current> begin_run(
    const std::shared_ptr<trace::Tracer>& tracer, const Lease& lease, std::unique_ptr<trace::SpanData>& data);
/// `outcome`: as the metrics have it. `failure`: null where it succeeded.
void describe_end(trace::SpanData& span, std::string_view outcome, const Failed* failure,
                  const std::string& exception_type);

/// Of what was thrown, as it stands in the source.
[[nodiscard]] std::string type_name(const std::exception& error);

}  // namespace coterie::queue

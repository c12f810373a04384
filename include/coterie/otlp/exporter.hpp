#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/http/client.hpp"
#include "coterie/log.hpp"
#include "coterie/metrics/registry.hpp"
#include "coterie/sleep.hpp"
#include "coterie/trace/tracer.hpp"

/// Traces for an OpenTelemetry collector, Jaeger and their like: OTLP over HTTP, as JSON.
namespace coterie::otlp {

struct ExporterOptions {
  /// Of the collector. With no path but "/" the standard's is added, "/v1/traces"; http or https.
  std::string url = "http://localhost:4318";
  /// Of every request: a key of the service that collects, say.
  http::Headers headers;
  /// What the process is called: service.name.
  std::string service = "unknown_service";
  /// What else is so of the whole process: {"deployment.environment.name", "staging"}.
  trace::Attributes resource;
  /// Spans that wait at most; what comes then is dropped. Some 500 bytes each.
  std::size_t queue_spans = 8192;
  /// In one request, at most.
  std::size_t batch_spans = 512;
  /// How long a span waits at most for others to go with it.
  Duration delay = std::chrono::seconds(1);
  /// Of one request.
  Duration timeout = std::chrono::seconds(10);
  /// A batch that was not taken is sent again so often, unless the answer says that it never will be: first
  /// after `retry_after`, then after twice as long each time, or as Retry-After says, 30 s at most.
  int retries = 4;
  Duration retry_after = std::chrono::seconds(1);
  /// How long the destructor goes on for what is left.
  Duration shutdown_timeout = std::chrono::seconds(3);
  /// Where it says that nobody takes the spans, and that somebody does again.
  std::optional<Logger> log;

  ExporterOptions() = default;
};

/// What has become of spans.
struct ExporterCounts {
  std::uint64_t exported = 0;
  std::uint64_t queue_full = 0;   ///< dropped: the collector is slower than they come, or away
  std::uint64_t refused = 0;      ///< dropped: the collector said so
  std::uint64_t unreachable = 0;  ///< dropped: nobody took them, however often they were sent
  ExporterCounts() = default;
};

/// Sends spans in batches, on a thread and a loop of its own: whoever ends a span only puts it into a queue,
/// under a lock that is held for moments. What is lost is counted, and nothing else suffers: see counts(),
/// and the metrics coterie_traces_exported_total and coterie_traces_dropped_total.
class Exporter final : public trace::SpanSink, public metrics::Source {
 public:
  /// Begins its thread. std::invalid_argument: an option that makes no sense, and why. Whether anybody
  /// answers at the URL is not looked at.
  explicit Exporter(ExporterOptions options);
  /// Sends what is left, for `shutdown_timeout` at most.
  ~Exporter() override;

  void add(trace::SpanData span) noexcept override;
  /// Blocks until all that was added before has been sent or dropped, or so much time has passed; true for
  /// the former. Not from a loop that must go on.
  bool flush(Duration at_most);
  [[nodiscard]] ExporterCounts counts() const;
  void collect(metrics::Snapshot& into) const override;
  /// Where it sends.
  [[nodiscard]] std::string url() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Reads the standard's variables over what `options` have: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (the whole
/// URL), OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TIMEOUT (ms),
/// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES. True where one of the first two is set and none switches
/// traces off (OTEL_SDK_DISABLED=true, OTEL_TRACES_EXPORTER=none). std::invalid_argument, naming the
/// variable.
bool read_environment(ExporterOptions& options);

/// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. std::invalid_argument, naming the variable.
[[nodiscard]] trace::Sampler sampler_from_environment();

}  // namespace coterie::otlp

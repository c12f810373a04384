#include "src/cli/traces.hpp"

#include <stdexcept>

#include "src/cli/command.hpp"

namespace coterie::cli {

std::optional<Traces> open_traces(const std::optional<std::string>& url, const std::shared_ptr<Log>& log) {
  otlp::ExporterOptions options;
  options.service = "coterie";
  options.log = Logger(log);
  try {
    const bool asked_for = otlp::read_environment(options);
    if (!url && !asked_for) return std::nullopt;
    if (url) options.url = *url;
    Traces traces;
    const trace::Sampler sampler = otlp::sampler_from_environment();
    traces.exporter = std::make_shared<otlp::Exporter>(std::move(options));
    traces.tracer = std::make_shared<trace::Tracer>(traces.exporter, sampler);
    return traces;
  } catch (const std::invalid_argument& error) {
    throw UsageError((url ? "--traces: " : "traces: ") + std::string(error.what()));
  }
}

}  // namespace coterie::cli

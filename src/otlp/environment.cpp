// The standard's variables: who has set them for other programs need not learn ours.
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coterie/otlp/exporter.hpp"

namespace coterie::otlp {
namespace {

/// Empty where it is not set: to the standard that is the same.
std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here sets any
  return value != nullptr ? value : "";
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

/// "key=value,key=value", values with %XX.
std::vector<std::pair<std::string, std::string>> read_pairs(const char* name) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::string all = variable(name);
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (trimmed(pair).empty()) continue;
    const std::size_t equals = pair.find('=');
    std::string value;
    const std::string key = trimmed(pair.substr(0, std::min(equals, pair.size())));
    if (equals == std::string_view::npos || key.empty() ||
        !http::percent_decode(trimmed(pair.substr(equals + 1)), false, value) ||
        value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      throw std::invalid_argument(std::string(name) +
                                  ": give name=value, several with ',' between them; '%' is "
                                  "written %25");
    pairs.emplace_back(key, value);
  }
  return pairs;
}

}  // namespace

bool read_environment(ExporterOptions& options) {
  for (auto& [name, value] : read_pairs("OTEL_RESOURCE_ATTRIBUTES")) {
    if (name == "service.name")
      options.service = value;
    else
      options.resource.emplace_back(name, value);
  }
  if (const std::string service = variable("OTEL_SERVICE_NAME"); !service.empty()) options.service = service;
  for (auto& [name, value] : read_pairs("OTEL_EXPORTER_OTLP_HEADERS")) options.headers.set(name, value);
  if (const std::string timeout = variable("OTEL_EXPORTER_OTLP_TIMEOUT"); !timeout.empty()) {
    std::uint32_t milliseconds = 0;
    const auto [end, error] = std::from_chars(timeout.data(), timeout.data() + timeout.size(), milliseconds);
    if (error != std::errc() || end != timeout.data() + timeout.size() || milliseconds == 0)
      throw std::invalid_argument("OTEL_EXPORTER_OTLP_TIMEOUT '" + timeout +
                                  "': give milliseconds, at least 1");
    options.timeout = std::chrono::milliseconds(milliseconds);
  }
  const std::string protocol = variable("OTEL_EXPORTER_OTLP_PROTOCOL");
  const std::string of_traces = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const std::string of_all = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
  const bool on = variable("OTEL_SDK_DISABLED") != "true" && variable("OTEL_TRACES_EXPORTER") != "none";
  if (!on || (of_traces.empty() && of_all.empty())) return false;
  if (protocol == "grpc")
    throw std::invalid_argument(
        "OTEL_EXPORTER_OTLP_PROTOCOL 'grpc': spans are sent by HTTP, as JSON; collectors take that at port "
        "4318: "
        "give http/json, and that port in OTEL_EXPORTER_OTLP_ENDPOINT");
  if (!of_traces.empty()) {
    options.url = of_traces;
    return true;
  }
  // Of this one the standard has it that the path of the signal is added to whatever path there is.
  const bool slash = of_all.ends_with('/');
  options.url = of_all + (slash ? "v1/traces" : "/v1/traces");
  return true;
}

trace::Sampler sampler_from_environment() {
  return trace::Sampler::parse(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"));
}

}  // namespace coterie::otlp

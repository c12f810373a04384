#pragma once
#include <memory>
#include <optional>
#include <string>

#include "coterie/otlp/exporter.hpp"
#include "src/cli/log.hpp"

namespace coterie::cli {

/// Where a command's spans go.
struct Traces {
  std::shared_ptr<otlp::Exporter> exporter;
  std::shared_ptr<trace::Tracer> tracer;
  Traces() = default;
};

/// To the collector at `url` (of --traces), or where the standard's variables say so; nothing where neither
/// does. UsageError, naming the flag or the variable.
[[nodiscard]] std::optional<Traces> open_traces(const std::optional<std::string>& url,
                                                const std::shared_ptr<Log>& log);

}  // namespace coterie::cli

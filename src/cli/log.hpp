#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "coterie/log.hpp"
#include "src/cli/log_line.hpp"

namespace coterie::cli {

/// The command's log: lines on stderr, as text with time (UTC) and level in front, in colour on a terminal,
/// or as JSON. The libraries know only their sinks, LogSink and WorkerObserver::log(); only log.cpp knows
/// spdlog. A reader that has gone away is no error.
class Log final : public LogSink {
 public:
  /// What is below `least` is left out.
  explicit Log(LogLevel least, LogFormat format = LogFormat::text);
  ~Log() override;
  [[nodiscard]] bool wants(LogLevel level) const noexcept override;
  void write(const LogRecord& record) override;
  /// About the command itself, or about what `fields` say.
  void write(LogLevel level, std::string_view line, LogFields fields = LogFields());

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "debug", "info", "warning", "error"; UsageError, naming --log-level, for anything else.
[[nodiscard]] LogLevel parse_log_level(const std::string& text);

}  // namespace coterie::cli

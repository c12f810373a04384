#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "coterie/queue/worker.hpp"

namespace coterie::cli {

/// The command's log: a line with time (UTC), level and text on stderr, in colour on a terminal. The
/// libraries know only their sinks (WorkerObserver::log); only log.cpp knows spdlog.
class Log {
 public:
  /// What is below `least` is left out.
  explicit Log(queue::LogLevel least);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  /// Any thread. A reader that has gone away is no error.
  void write(queue::LogLevel level, std::string_view line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "debug", "info", "warning", "error"; UsageError, naming --log-level, for anything else.
[[nodiscard]] queue::LogLevel parse_log_level(const std::string& text);

}  // namespace coterie::cli

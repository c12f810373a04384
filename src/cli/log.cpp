#include "src/cli/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

struct Log::Impl {
  explicit Impl(LogFormat its_format) : format(its_format) {}
  spdlog::logger logger{"coterie", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  LogFormat format;
};

Log::Log(LogLevel least, LogFormat format) : impl_(std::make_unique<Impl>(format)) {
  spdlog::logger& logger = impl_->logger;
  logger.set_level(level_of(least));
  const char* pattern = format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v";
  logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  logger.set_error_handler([](const std::string& /*what*/) {});
  logger.flush_on(spdlog::level::debug);
}

Log::~Log() = default;

bool Log::wants(LogLevel level) const noexcept {
  return impl_->logger.should_log(level_of(level));
}

void Log::write(const LogRecord& record) {
  if (!wants(record.level)) return;
  impl_->logger.log(record.time, spdlog::source_loc(), level_of(record.level),
                    log_line(record, impl_->format));
}

void Log::write(LogLevel level, std::string_view line, LogFields fields) {
  if (!wants(level)) return;
  LogRecord record;
  record.time = std::chrono::system_clock::now();
  record.level = level;
  record.message = line;
  record.fields = std::move(fields);
  write(record);
}

LogLevel parse_log_level(const std::string& text) {
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warning") return LogLevel::warning;
  if (text == "error") return LogLevel::error;
  throw UsageError("--log-level '" + text + "': give debug, info, warning or error");
}

}  // namespace coterie::cli

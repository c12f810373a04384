#include "src/cli/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

spdlog::level::level_enum level_of(queue::LogLevel level) {
  switch (level) {
    case queue::LogLevel::debug:
      return spdlog::level::debug;
    case queue::LogLevel::info:
      return spdlog::level::info;
    case queue::LogLevel::warning:
      return spdlog::level::warn;
    case queue::LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

struct Log::Impl {
  spdlog::logger logger{"coterie", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
};

Log::Log(queue::LogLevel least) : impl_(std::make_unique<Impl>()) {
  spdlog::logger& logger = impl_->logger;
  logger.set_level(level_of(least));
  logger.set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v",
                                                                   spdlog::pattern_time_type::utc));
  logger.set_error_handler([](const std::string& /*what*/) {});
  logger.flush_on(spdlog::level::debug);
}

Log::~Log() = default;

void Log::write(queue::LogLevel level, std::string_view line) {
  if (!impl_->logger.should_log(level_of(level))) return;
  impl_->logger.log(level_of(level), printable(line));
}

queue::LogLevel parse_log_level(const std::string& text) {
  if (text == "debug") return queue::LogLevel::debug;
  if (text == "info") return queue::LogLevel::info;
  if (text == "warning") return queue::LogLevel::warning;
  if (text == "error") return queue::LogLevel::error;
  throw UsageError("--log-level '" + text + "': give debug, info, warning or error");
}

}  // namespace coterie::cli

#pragma once
#include <string>

#include "coterie/log.hpp"

namespace coterie::cli {

enum class LogFormat : std::uint8_t {
  text,  ///< for people: the message, then name=value
  json,  ///< for programs: an object
};
/// "text", "json"; UsageError, naming --log-format, for anything else.
[[nodiscard]] LogFormat parse_log_format(const std::string& text);

/// A line of the log without its end. Control characters and a terminal's escapes are spelled out in both, so
/// that nothing which somebody put into a job's name can move a cursor or begin a line of its own. As text it
/// begins with the message, for time and level are in front of it in a terminal's colours.
[[nodiscard]] std::string log_line(const LogRecord& record, LogFormat format);

}  // namespace coterie::cli

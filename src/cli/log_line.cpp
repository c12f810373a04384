#include "src/cli/log_line.hpp"

#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

/// `name=value`, in quotes where the value would not read as one word. In these a quote and a backslash have
/// a backslash before them, so that what ends a value cannot come out of it.
void append_pair(std::string& line, std::string_view name, std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  const std::string shown = printable(escaped);
  line.append("  ").append(printable(name)).append("=");
  if (!shown.empty() && shown.find_first_of(" \"=\\") == std::string::npos)
    line += shown;
  else
    line.append("\"").append(shown).append("\"");
}

std::int64_t unix_ms(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

LogFormat parse_log_format(const std::string& text) {
  if (text == "text") return LogFormat::text;
  if (text == "json") return LogFormat::json;
  throw UsageError("--log-format '" + text + "': give text or json");
}

std::string log_line(const LogRecord& record, LogFormat format) {
  if (format == LogFormat::text) {
    std::string line = printable(record.message);
    if (!record.task.empty()) append_pair(line, "task", record.task);
    for (const LogField& field : record.fields) append_pair(line, field.name, field.value);
    return line;
  }
  std::string time = iso_time(unix_ms(record.time));
  time[10] = 'T';
  JsonObject object;
  object.add("time", time).add("level", to_string(record.level)).add("message", record.message);
  if (!record.task.empty()) object.add("task", record.task);
  for (const LogField& field : record.fields) object.add(field.name, field.value);
  return object.str();
}

}  // namespace coterie::cli

#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coterie {

enum class LogLevel : std::uint8_t {
  debug,    ///< each step, for somebody who looks for a mistake
  info,     ///< what the program does
  warning,  ///< it goes on, and somebody should look at it
  error,    ///< it cannot go on
};
[[nodiscard]] std::string_view to_string(LogLevel level) noexcept;

/// Something that a line is about: {"job", "0192…"}. Names are short words of the program's.
struct LogField {
  std::string name;
  std::string value;
  LogField() = default;
  LogField(std::string its_name, std::string its_value)
      : name(std::move(its_name)), value(std::move(its_value)) {}
};
using LogFields = std::vector<LogField>;

/// One line. Text from outside is in it as it came: who writes it to a terminal or a file escapes it.
struct LogRecord {
  std::chrono::system_clock::time_point time;
  LogLevel level = LogLevel::info;
  std::string_view message;
  std::string task;  ///< in which it was said; empty where that was none
  LogFields fields;  ///< of the context, see set_log_field()
  LogRecord() = default;
};

/// Where lines go: the seam between the libraries and whatever a program logs with. Any thread.
class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;
  /// False: lines of this level are not even made.
  [[nodiscard]] virtual bool wants(LogLevel /*level*/) const noexcept { return true; }
  virtual void write(const LogRecord& record) = 0;
};

/// Says lines to a sink. Each carries the time, the name of the task that says it and the fields of its
/// context, so that what a handler says can be found by its job; of a trace also trace_id and span_id, see
/// coterie/trace_context.hpp. Cheap to copy; any thread.
class Logger {
 public:
  explicit Logger(std::shared_ptr<LogSink> sink) noexcept : sink_(std::move(sink)) {}

  void debug(std::string_view message) const { write(LogLevel::debug, message); }
  void info(std::string_view message) const { write(LogLevel::info, message); }
  void warning(std::string_view message) const { write(LogLevel::warning, message); }
  void error(std::string_view message) const { write(LogLevel::error, message); }
  void write(LogLevel level, std::string_view message) const { write(level, message, LogFields()); }
  /// `more`: fields of this line alone.
  void write(LogLevel level, std::string_view message, LogFields more) const;

 private:
  std::shared_ptr<LogSink> sink_;
};

/// From here on every line that this task says, and those that it spawns, carries the field, instead of one
/// that had the name. See coterie/context.hpp: a coroutine that is awaited shares its task's context.
void set_log_field(std::string name, std::string value);
/// Several at once, which costs as much as one.
void set_log_fields(LogFields more);
/// As they are here.
[[nodiscard]] LogFields log_fields();

}  // namespace coterie

#include "coterie/log.hpp"

#include <algorithm>

#include "coterie/context.hpp"
#include "coterie/loop.hpp"

namespace coterie {
namespace {

using SharedFields = std::shared_ptr<const LogFields>;

const ContextVar<SharedFields>& variable() {
  static const ContextVar<SharedFields> fields("log fields");
  return fields;
}

void set(LogFields& fields, LogField field) {
  const auto same = std::find_if(fields.begin(), fields.end(),
                                 [&](const LogField& each) { return each.name == field.name; });
  if (same == fields.end())
    fields.push_back(std::move(field));
  else
    *same = std::move(field);
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

void set_log_field(std::string name, std::string value) {
  LogFields fields = log_fields();
  set(fields, LogField(std::move(name), std::move(value)));
  (void)variable().set(std::make_shared<const LogFields>(std::move(fields)));
}

LogFields log_fields() {
  const SharedFields fields = variable().get_or(nullptr);
  return fields ? *fields : LogFields();
}

void Logger::write(LogLevel level, std::string_view message, LogFields more) const {
  if (!sink_ || !sink_->wants(level)) return;
  LogRecord record;
  record.time = std::chrono::system_clock::now();
  record.level = level;
  record.message = message;
  record.fields = log_fields();
  for (LogField& field : more) set(record.fields, std::move(field));
  const EventLoop* loop = EventLoop::current_or_null();
  if (const TaskRec* task = loop != nullptr ? loop->current_task() : nullptr) record.task = task->name();
  sink_->write(record);
}

}  // namespace coterie

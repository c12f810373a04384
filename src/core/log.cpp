#include "coterie/log.hpp"

#include <algorithm>

#include "coterie/context.hpp"
#include "coterie/loop.hpp"
#include "coterie/trace_context.hpp"

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
  LogFields one;
  one.emplace_back(std::move(name), std::move(value));
  set_log_fields(std::move(one));
}

void set_log_fields(LogFields more) {
  if (const SharedFields before = variable().get_or(nullptr); before && !before->empty()) {
    LogFields fields = *before;
    for (LogField& field : more) set(fields, std::move(field));
    more = std::move(fields);
  }
  (void)variable().set(std::make_shared<const LogFields>(std::move(more)));
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
  if (const auto span = trace::detail::current()) {
    set(record.fields, LogField("trace_id", span->context.trace.hex()));
    set(record.fields, LogField("span_id", span->context.span.hex()));
  }
  for (LogField& field : more) set(record.fields, std::move(field));
  const EventLoop* loop = EventLoop::current_or_null();
  if (const TaskRec* task = loop != nullptr ? loop->current_task() : nullptr) record.task = task->name();
  sink_->write(record);
}

}  // namespace coterie

// Who hears of errors that nobody else will: the loop's handler, the process's, and stderr at last.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string_view>

#include "coterie/core/thrown_in.hpp"
#include "coterie/fatal.hpp"
#include "coterie/loop.hpp"
#include "src/core/source_path.hpp"
#include "src/core/utf8.hpp"

namespace coterie {
namespace {

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (const Cancelled& c) {
    return "cancelled" + (c.message().empty() ? std::string() : ": " + c.message());
  } catch (const Fatal& fatal) {
    return "fatal: " + fatal.reason();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

/// What a name or a message from outside writes on a terminal is lines, and nothing else happens to it.
std::string shown(std::string_view text) {
  std::string all;
  all.reserve(text.size());
  while (!text.empty()) {
    const auto [code, known] = first_character(text);
    const std::size_t length = std::max<std::size_t>(known, 1);
    const bool kept = known > 0 && (code == '\n' || code == '\t' || !is_hostile(code));
    all += kept ? text.substr(0, length) : "?";
    text.remove_prefix(length);
  }
  return all;
}

void print(const std::string& line) noexcept {
  std::fprintf(stderr, "coterie: %s\n", shown(line).c_str());
}

std::mutex default_handler_mutex;

std::shared_ptr<const ExceptionHandler>& default_handler() {
  static std::shared_ptr<const ExceptionHandler> handler;
  return handler;
}

std::shared_ptr<const ExceptionHandler> current_default_handler() {
  const std::lock_guard lock(default_handler_mutex);
  return default_handler();
}

/// In a `catch`: one line that keeps what was to be reported.
void print_both(const char* what, const ErrorContext& context) noexcept {
  print(std::string(what) + ": " + describe(std::current_exception()) + "; it was told: " + context.str());
}

}  // namespace

std::string detail::place(const std::source_location& where) {
  if (where.line() == 0) return {};
  const std::string_view file = where.file_name();
  return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(where.line());
}

std::string ErrorContext::str() const {
  std::string text = message;
  if (!task.empty()) {
    text += ": task '" + task + "'";
    if (where.line() != 0)
      text += " (" + std::string(detail::source_path(where.file_name())) + ":" +
              std::to_string(where.line()) + ")";
  } else if (!handle.empty()) {
    text += " " + handle;
  }
  if (error) text += ": " + describe(error);
  const auto add = [&text](const char* what, const Stack& frames) {
    for (const StackFrame& frame : frames)
      text.append(what)
          .append(frame.function)
          .append(" at ")
          .append(detail::source_path(frame.file))
          .append(":" + std::to_string(frame.line));
  };
  if (const auto thrown = thrown_in(error)) add("\n  thrown in ", thrown->stack);
  add("\n  now in ", stack);
  add("\n  made in ", created);
  return text;
}

void set_default_exception_handler(ExceptionHandler handler) {
  auto shared = handler ? std::make_shared<const ExceptionHandler>(std::move(handler)) : nullptr;
  const std::lock_guard lock(default_handler_mutex);
  default_handler().swap(shared);
}

void detail::report_by_default(const ErrorContext& context) noexcept {
  const auto handler = current_default_handler();
  if (!handler) return print(context.str());
  try {
    (*handler)(context);
  } catch (...) {
    print_both("Exception in default exception handler", context);
  }
}

void detail::report_broken_handler(const ErrorContext& context) noexcept {
  const auto handler = current_default_handler();
  if (!handler) return print_both("Unhandled error in exception handler", context);
  ErrorContext both("Unhandled error in exception handler", std::current_exception());
  both.told = std::make_shared<const ErrorContext>(context);
  try {
    (*handler)(both);
  } catch (...) {
    print_both(
        "Exception in default exception handler while handling an unexpected error in custom exception "
        "handler",
        context);
  }
}

void detail::report_callback_error(const Runnable& callback, std::source_location where,
                                   const Stack* created) noexcept {
  const std::exception_ptr error = std::current_exception();
  EventLoop* loop = EventLoop::current_or_null();
  if (loop != nullptr && is_fatal(error)) return loop->leave_with(error);
  ErrorContext context("Exception in callback", error, {}, where);
  context.handle = callback.describe();
  if (created != nullptr) context.created = *created;
  EventLoop::report_anywhere(context);
}

void EventLoop::report(const ErrorContext& context) noexcept {
  if (!handler_) return detail::report_by_default(context);
  try {
    const ExceptionHandler handler = handler_;  // it may set another
    handler(context);
  } catch (...) {
    detail::report_broken_handler(context);
  }
}

void EventLoop::report(TaskRec& task, std::string message, std::exception_ptr error) noexcept {
  const ErrorContext context = task.error_context(std::move(message), std::move(error));
  const detail::ContextScope scope(task.context());
  report(context);
}

void EventLoop::report_anywhere(const ErrorContext& context) noexcept {
  if (EventLoop* loop = current_or_null())
    loop->report(context);
  else
    detail::report_by_default(context);
}

}  // namespace coterie

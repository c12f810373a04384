#pragma once
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "coterie/core/stack_frame.hpp"

namespace coterie {

/// What the loop's exception handler is told: nobody else will hear of this error.
struct ErrorContext {
  std::string message;         ///< "Task exception was never retrieved", "Exception in callback"…
  std::exception_ptr error;    ///< may be null
  std::string task;            ///< the task's name; empty when it concerns none
  std::source_location where;  ///< where the task was spawned or the callback was registered
  std::string handle;          ///< the callback, "<Handle app.cpp:12>"; empty when it concerns none
  /// In debug mode: the coroutines in which the task or callback was made, each with the line of its newest
  /// await by then.
  Stack created;
  /// Of a task's step that took long: its coroutines where that step ended, innermost first; where it began
  /// is in the message. Empty when the task has ended with it.
  Stack stack;
  /// Where an exception handler threw (`error`): what it had been told. Null otherwise.
  std::shared_ptr<const ErrorContext> told;

  ErrorContext(std::string text, std::exception_ptr what, std::string task_name = {},
               std::source_location origin = {})
      : message(std::move(text)), error(std::move(what)), task(std::move(task_name)), where(origin) {}
  /// One line: the message, the task and its origin, and what the exception says; a line more for each
  /// coroutine that it came out of (thrown_in()), each place in `stack` and, in debug mode, in `created`.
  [[nodiscard]] std::string str() const;
};

using ExceptionHandler = std::function<void(const ErrorContext&)>;

/// What hears of errors where a loop has no handler of its own, where that one throws, and where no loop
/// runs: of the whole process, called on the thread where the error came up. Null: one line on stderr.
void set_default_exception_handler(ExceptionHandler handler);

namespace detail {
/// "app.cpp:12"; empty for a place that is not known.
[[nodiscard]] std::string place(const std::source_location& where);
/// To the default exception handler; one line on stderr if that throws.
void report_by_default(const ErrorContext& context) noexcept;
/// In a `catch`, after a loop's own handler threw: that and `context`, to the default one.
void report_broken_handler(const ErrorContext& context) noexcept;
}  // namespace detail

}  // namespace coterie

#pragma once
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace coterie {

/// What was passed to `cancel()`; null when nothing was.
using CancelMessage = std::shared_ptr<const std::string>;

/// Thrown out of an await when the task was cancelled. Catch it to clean up, and throw it on: a task that
/// swallows it goes on as if nothing had happened (asyncio.CancelledError, CPython 3.14).
///
/// Deliberately no `std::exception`, so that `catch (const std::exception&)` does not swallow a cancel, as
/// `except Exception` does not in Python. `co_await` is not allowed inside a `catch` block: for cleanup that
/// awaits see `outcome()` and `with_cleanup()`.
class Cancelled final {
 public:
  Cancelled() noexcept = default;
  explicit Cancelled(std::string message)
      : message_(message.empty() ? nullptr : std::make_shared<const std::string>(std::move(message))) {}
  explicit Cancelled(CancelMessage message) noexcept : message_(std::move(message)) {}

  /// What was passed to `cancel()`; empty when nothing was.
  [[nodiscard]] std::string message() const { return message_ ? *message_ : std::string(); }
  [[nodiscard]] const CancelMessage& shared_message() const noexcept { return message_; }

 private:
  CancelMessage message_;
};

namespace detail {
/// Throws the cancel `error`; null is one without a message, whose exception is only made now.
[[noreturn]] inline void raise_cancel(std::exception_ptr error) {
  if (!error) throw Cancelled();
  std::rethrow_exception(std::move(error));
}
}  // namespace detail
}  // namespace coterie

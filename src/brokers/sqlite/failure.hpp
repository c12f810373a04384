#pragma once
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "src/brokers/sqlite/statement.hpp"

namespace coterie::brokers::sqlite {

/// An error on its way from the broker's threads to the loop that is to throw it. A value and not an
/// std::exception_ptr: the exception is made on the thread that throws it and shared with nobody.
struct Failure {
  enum class Kind : std::uint8_t { bad_request, bad_broker, unavailable };
  Kind kind = Kind::unavailable;
  std::string text;

  Failure(Kind what, std::string words) : kind(what), text(std::move(words)) {}
  [[noreturn]] void raise() const {
    if (kind == Kind::bad_request) throw BadRequest(text);
    if (kind == Kind::bad_broker) throw BadBroker(text);
    throw BrokerUnavailable(text);
  }
};

/// A call's result, or why there is none.
template <class T>
class Answer {
 public:
  Answer() = default;
  explicit Answer(T value) : value_(std::move(value)) {}
  explicit Answer(Failure failure) : failure_(std::move(failure)) {}
  /// Throws the failure.
  T take() {
    if (failure_) failure_->raise();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
  std::optional<Failure> failure_;
};

/// What the broker at `path` says about the exception that is being handled.
[[nodiscard]] Failure current_failure(const std::string& path);

}  // namespace coterie::brokers::sqlite

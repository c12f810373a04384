#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "coterie/queue/errors.hpp"

namespace coterie::brokers::redis {

/// A reply that is not what its reader needs. `what()` names what was expected and what came.
class UnexpectedReply : public queue::QueueError {
 public:
  using QueueError::QueueError;
};

/// What the server answered to one command. An owned value; moving it is cheap.
///
/// The accessors throw UnexpectedReply where it is something else, so that a reply of any shape can be read
/// without looking first.
class Reply {
 public:
  enum class Kind : std::uint8_t { nil, integer, string, status, error, array };

  Reply() noexcept = default;  ///< nil
  [[nodiscard]] static Reply of_integer(std::int64_t value) { return {Kind::integer, Value(value)}; }
  [[nodiscard]] static Reply of_string(std::string bytes) { return {Kind::string, Value(std::move(bytes))}; }
  [[nodiscard]] static Reply of_status(std::string text) { return {Kind::status, Value(std::move(text))}; }
  [[nodiscard]] static Reply of_error(std::string text) { return {Kind::error, Value(std::move(text))}; }
  [[nodiscard]] static Reply of_array(std::vector<Reply> items = {}) {
    return {Kind::array, Value(std::move(items))};
  }

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_nil() const noexcept { return kind_ == Kind::nil; }
  [[nodiscard]] bool is_error() const noexcept { return kind_ == Kind::error; }
  /// An error whose first word is `code`: "NOSCRIPT", "OOM", "ERR".
  [[nodiscard]] bool is_error(std::string_view code) const noexcept;

  [[nodiscard]] std::int64_t integer() const;
  /// A string or a status, any bytes.
  [[nodiscard]] const std::string& string() const;
  [[nodiscard]] std::string take_string();
  [[nodiscard]] const std::vector<Reply>& array() const;
  [[nodiscard]] std::vector<Reply> take_array();
  /// One item of an array.
  [[nodiscard]] const Reply& at(std::size_t index) const;
  /// An error's text, with its code: "WRONGTYPE Operation against a key …".
  [[nodiscard]] const std::string& error() const;
  /// UnexpectedReply where it is an error; `what` says who asked: "enqueue".
  void require_no_error(std::string_view what) const;

  /// For messages, one line, cut where it is long: "the integer 3", "an array of 2", "the error 'ERR …'".
  [[nodiscard]] std::string describe() const;

  /// For the parser: the items of an array that is being read.
  [[nodiscard]] std::vector<Reply>& items() noexcept { return *std::get_if<std::vector<Reply>>(&value_); }

  friend bool operator==(const Reply&, const Reply&) = default;

 private:
  using Value = std::variant<std::int64_t, std::string, std::vector<Reply>>;
  Reply(Kind kind, Value value) noexcept : kind_(kind), value_(std::move(value)) {}
  [[noreturn]] void refuse(std::string_view expected) const;

  Kind kind_ = Kind::nil;
  Value value_{};
};

}  // namespace coterie::brokers::redis

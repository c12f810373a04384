#pragma once
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coterie::brokers::redis {

/// One command for the server, in its wire form from the start: no vector of strings in between. Any bytes.
///
///     Command("HSET").arg(key).arg("attempts").arg(3)
class Command {
 public:
  /// `room`: bytes to reserve, for who knows about how long it becomes.
  explicit Command(std::string_view name, std::size_t room = 0) {
    if (room != 0) arguments_.reserve(room + name.size() + 16);
    append(name);
  }

  Command& arg(std::string_view bytes) & {
    append(bytes);
    return *this;
  }
  Command&& arg(std::string_view bytes) && {
    append(bytes);
    return std::move(*this);
  }
  /// A whole number, in decimal.
  template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
  Command& arg(Number number) & {
    append_number(number);
    return *this;
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
  Command&& arg(Number number) && {
    append_number(number);
    return std::move(*this);
  }

  /// Its name counts too.
  [[nodiscard]] std::size_t arguments() const noexcept { return count_; }
  /// What append_to() appends at most.
  [[nodiscard]] std::size_t bytes() const noexcept { return arguments_.size() + 24; }
  /// The whole command as the server reads it.
  void append_to(std::string& out) const {
    append_length(out, '*', count_);
    out += arguments_;
  }

 private:
  static void append_length(std::string& out, char mark, std::size_t length) {
    char text[24];
    text[0] = mark;
    char* end = std::to_chars(text + 1, text + 22, length).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.append(text, static_cast<std::size_t>(end - text));
  }
  void append(std::string_view bytes) {
    append_length(arguments_, '$', bytes.size());
    arguments_ += bytes;
    arguments_ += "\r\n";
    ++count_;
  }
  template <class Number>
  void append_number(Number number) {
    char text[24];
    const char* const end = std::to_chars(text, text + sizeof text, number).ptr;
    append(std::string_view(text, static_cast<std::size_t>(end - text)));
  }

  std::string arguments_;  // each a bulk string
  std::size_t count_ = 0;
};

}  // namespace coterie::brokers::redis

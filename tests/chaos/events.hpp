#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace chaos {

/// What this process saw, for history.py: a line of JSON each, appended with one write(), so that a SIGKILL
/// takes at most the line that was being written, which then has no end. Any thread.
class Events {
 public:
  /// Appends to the file `path`, which it makes. Exits with a line on stderr where it cannot.
  explicit Events(const std::string& path);

  /// One event: `fields` is the inside of an object, without the time and the event's name.
  void write(std::string_view event, const std::string& fields) const noexcept;

 private:
  int fd_;
};

/// "key":"text", with what JSON escapes.
[[nodiscard]] std::string field(std::string_view key, std::string_view text);
[[nodiscard]] std::string field(std::string_view key, std::uint64_t number);

}  // namespace chaos

#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace coterie::cli {

/// Nobody reads our output any more (a closed pipe): no error, the command just ends.
class OutputClosed {};

/// A buffered descriptor. A closed pipe is OutputClosed and never SIGPIPE; any other failure, such as a full
/// disk, is a UsageError that says so.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}
  [[nodiscard]] static Output& standard();
  void write(std::string_view text);
  void line(std::string_view text);
  void flush();
  [[nodiscard]] bool is_terminal() const;

 private:
  int fd_;
  std::string buffer_;
};

/// True when a person sees what goes to stderr: progress lines make sense.
[[nodiscard]] bool stderr_is_terminal();

/// Text from outside as it may go to a terminal: control characters, escapes and text direction overrides are
/// spelled out (\n, \x1b, \u202e), what is not UTF-8 becomes U+FFFD. With `keep_lines` line ends and tabs
/// stay as they are.
[[nodiscard]] std::string printable(std::string_view text, bool keep_lines = false);
/// A word for a command line that is shown to be typed: printable, and in quotes where a shell would read it
/// otherwise.
[[nodiscard]] std::string shell_word(std::string_view text);
/// How many columns of a terminal printable text takes.
[[nodiscard]] std::size_t display_width(std::string_view printable_text);
/// Cut to `columns`, with an ellipsis where something was cut.
[[nodiscard]] std::string clip(std::string_view printable_text, std::size_t columns);

[[nodiscard]] std::string human_count(std::uint64_t number);  ///< 1,234,567
/// "1 job", "1,234 jobs".
[[nodiscard]] std::string counted(std::uint64_t number, const std::string& noun);
[[nodiscard]] std::string human_time(std::int64_t milliseconds);  ///< 12 ms, 1.5 s, 3m 20s, 2h 05m, 4d 3h
[[nodiscard]] std::string iso_time(std::int64_t unix_ms);         ///< 2026-11-05 14:03:07.123Z

/// Rows that line up. Cells are made printable and cut; flush() prints what came since the last one, the
/// header first, so that long listings go out page by page.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;
    std::size_t widest = 60;  ///< longer cells are cut
    Column(std::string name, bool align_right = false, std::size_t max_width = 60)
        : title(std::move(name)), right(align_right), widest(max_width) {}
  };
  explicit Table(std::vector<Column> columns);
  void row(const std::vector<std::string>& cells);
  void flush(Output& out);

 private:
  void print(Output& out, const std::vector<std::string>& cells) const;
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool headed_ = false;
};

/// One JSON object, written member by member on one line. Integers are exact; strings are made valid UTF-8.
class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view value);
  JsonObject& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
  JsonObject& add(std::string_view key, bool value) { return add_raw(key, value ? "true" : "false"); }
  JsonObject& add(std::string_view key, double value);
  template <class Integer>
    requires(std::is_integral_v<Integer>)
  JsonObject& add(std::string_view key, Integer value) {
    return add_raw(key, std::to_string(value));
  }
  JsonObject& add_null(std::string_view key) { return add_raw(key, "null"); }
  /// `json` is JSON text already.
  JsonObject& add_raw(std::string_view key, std::string_view json);
  [[nodiscard]] std::string str() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

[[nodiscard]] std::string json_string(std::string_view text);
[[nodiscard]] std::string json_number(double value);

}  // namespace coterie::cli

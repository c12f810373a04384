#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/core/json_writer.hpp"

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

}  // namespace coterie::cli

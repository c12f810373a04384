#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coterie::cli {

struct RunLine {
  std::uint64_t number = 0;  ///< in the file, from 1
  std::string text;
};

/// The commands of a run.
struct RunInput {
  std::string source;  ///< the absolute path, or "-"
  std::string shown;   ///< as the user wrote it
  std::string hash;    ///< of all numbers and texts: the same hash, the same jobs
  std::vector<RunLine> lines;

  RunInput() = default;
};

/// Every line is a command but blank ones and those that begin with `#`. A byte order mark and a carriage
/// return at a line's end are dropped. UsageError, naming the line: NUL bytes, text that is not UTF-8, a line
/// that is too long for the kernel to pass on.
[[nodiscard]] RunInput parse_run_input(std::string_view text, const std::string& shown);
/// Reads a file, or standard input for "-".
[[nodiscard]] RunInput read_run_input(const std::string& file);

/// The kernel takes at most 128 KiB in one argument of a program, its end mark included.
inline constexpr std::size_t run_line_bytes = (std::size_t{128} << 10) - 1;
inline constexpr std::size_t run_input_bytes = std::size_t{1} << 30;
inline constexpr std::size_t run_lines = 10'000'000;

}  // namespace coterie::cli

#pragma once
#include <cstdint>
#include <string>

namespace file_index {

struct Options {
  std::string folder = ".";  ///< absolute, without links
  std::string broker;
  std::string database;  ///< the broker's file, absolute; empty where it has none
  std::uint32_t jobs = 64;
  std::uint32_t workers = 1;  ///< processes
  std::string join;           ///< a helper's run; empty: not a helper
  bool json = false;
  bool dashboard = false;  ///< show the run in a browser
  Options() = default;
};

/// Exits with 2 and a word on stderr when the words make no sense.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace file_index

#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "src/cli/options.hpp"

namespace coterie::cli {

/// What the user said to `coterie run`.
struct RunFlags {
  CommonOptions common;
  std::string file;
  std::int64_t jobs = 0;  ///< 0: one per core
  std::optional<std::int64_t> retries;
  std::optional<queue::Milliseconds> retry_delay;
  std::optional<queue::Milliseconds> timeout;
  std::optional<queue::Milliseconds> grace;
  std::optional<std::string> queue;  ///< nothing: one of the run's own
  std::optional<std::string> results;
  std::optional<std::string> run;  ///< nothing: from the commands' hash
  bool resume = false;
  bool fresh = false;
  bool quiet = false;

  RunFlags() = default;
};

/// Runs the input's lines to their end and reports; returns the exit code.
int run_commands(const RunFlags& flags);

/// How long a run's jobs and their results stay in the broker after they have ended.
inline constexpr queue::Milliseconds run_kept_for{std::chrono::hours(7 * 24)};

}  // namespace coterie::cli

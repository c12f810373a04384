#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "src/cli/exec_handler.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

/// How a run ended, for people and programs.
struct RunReport {
  struct Failure {
    std::uint64_t line = 0;
    std::string id;
    std::string command;
    std::string state;  ///< dead, cancelled
    std::uint32_t attempts = 0;
    ExecEnd end;
    Failure() = default;
  };
  std::string run;
  std::uint64_t generation = 1;
  std::string broker;
  std::string queue;
  std::uint64_t lines = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t unknown = 0;   ///< of the forgotten, those that nothing says have succeeded
  std::uint64_t before = 0;    ///< of all, those that had ended before this start
  std::uint64_t pending = 0;   ///< have not ended: it was stopped
  std::uint64_t executed = 0;  ///< attempts that ended now, those that are tried again too
  bool stopped = false;
  double seconds = 0;
  std::string results;
  std::vector<Failure> failures;  ///< the first ones

  RunReport() = default;
};

/// No more failures than these are listed.
inline constexpr std::size_t failures_shown = 100;

/// The table of failures, each with the end of its output, and the summary.
void print_report(Output& out, const RunReport& report);
/// One JSON object on one line.
void print_report_json(Output& out, const RunReport& report);

}  // namespace coterie::cli

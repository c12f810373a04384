#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "coterie/debug/dump.hpp"
#include "src/debug/request.hpp"

namespace coterie::debug {

/// What all loops of a process do at one moment.
struct Report {
  std::int64_t pid = 0;
  std::string program;
  Duration uptime{};  // of the process
  std::vector<LoopSnapshot> loops;
  Duration took{};
  std::string problem;  // with the whole; empty: none

  Report() = default;
};

/// As it was asked for; ends with a newline.
[[nodiscard]] std::string answer(const Report& report, const Request& request);

/// The program's file, without its folder; empty where the system does not say.
[[nodiscard]] std::string program_of(std::int64_t pid);
/// Since the process's start.
[[nodiscard]] Duration uptime_of(std::int64_t pid);

}  // namespace coterie::debug

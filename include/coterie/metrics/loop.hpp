#pragma once
#include <memory>
#include <string>

#include "coterie/loop.hpp"
#include "coterie/metrics/registry.hpp"

namespace coterie::metrics {

struct LoopWatchOptions {
  /// How often it looks whether the loop comes round in time. Each look is a timer: some microseconds.
  Duration every = std::chrono::milliseconds(100);
  /// The tasks are counted by state once in so many looks, and up to `most_tasks` of them: some nanoseconds
  /// each, in which the loop does nothing else.
  unsigned looks_per_count = 10;
  std::size_t most_tasks = 10'000;
  LoopWatchOptions() = default;
};

/// Watches the loop that runs on this thread from now on, until that is closed: how late its timers are, its
/// tasks by state, and what each scheduling class had of it (where LoopOptions::class_times is set). `label`
/// tells it from the others of the process: its index, say. The registry keeps what was counted.
void watch_loop(Registry& registry, std::string label, const LoopWatchOptions& options = LoopWatchOptions());

}  // namespace coterie::metrics

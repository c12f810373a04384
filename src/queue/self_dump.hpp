#pragma once
#include <cstddef>
#include <string>
#include <thread>

#include "coterie/queue/fleet.hpp"
#include "coterie/task.hpp"
#include "src/debug/request.hpp"

namespace coterie::queue {

/// Looks at all loops of its own process from a thread that runs none of them, and so also at one that is
/// blocked. Asks the debug socket where there is one, for that knows how old tasks are and what a blocked
/// thread does; else it looks by itself.
///
/// Belongs to one loop.
class SelfDump {
 public:
  SelfDump() = default;
  SelfDump(const SelfDump&) = delete;
  SelfDump& operator=(const SelfDump&) = delete;
  /// Waits for a look that is under way, some hundred milliseconds.
  ~SelfDump();

  /// One at a time. `refused` where it could not be made.
  [[nodiscard]] Task<WorkerAnswer> make(debug::Request request);

 private:
  std::thread thread_;
};

/// A dump in JSON of `limit` bytes at most. Of one that is longer tasks are left out, those last that are
/// part of a deadlock, run, or run a job; how many, `"left_out"` of each loop says. `refused` where that is
/// not enough.
[[nodiscard]] WorkerAnswer fit_dump(std::string json, std::size_t limit);
/// The same of text, which is cut at the end of a line and says so in the last one.
[[nodiscard]] WorkerAnswer fit_text(std::string text, std::size_t limit);

}  // namespace coterie::queue

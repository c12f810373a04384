#pragma once
#include <string>
#include <string_view>

#include "coterie/queue/job.hpp"

namespace coterie::queue {

/// A job that is done, but whose result found no room at its broker, says so by an error of this type:
/// whoever shows jobs shows it too.
inline constexpr std::string_view result_dropped_type = "result dropped";

[[nodiscard]] inline JobError result_dropped_error() {
  return JobError(
      std::string(result_dropped_type),
      "the job is done, but its result was not stored, for the broker's memory was full: raise its "
      "maxmemory, or let handlers return less");
}
[[nodiscard]] inline bool is_result_dropped(const JobInfo& job) {
  return job.state == JobState::done && job.error && job.error->type == result_dropped_type;
}

}  // namespace coterie::queue

#pragma once
#include <cstdint>

namespace coterie {

/// What has happened on all loops of the process since it began. For metrics.
struct RuntimeCounts {
  std::uint64_t spawned = 0;            ///< tasks
  std::uint64_t cancelled = 0;          ///< tasks that have ended as cancelled
  std::uint64_t failed_unobserved = 0;  ///< tasks whose exception was never retrieved
  std::uint64_t long_steps = 0;         ///< reported, see LoopOptions::long_step and debug mode
};
/// Any thread.
[[nodiscard]] RuntimeCounts runtime_counts() noexcept;

}  // namespace coterie

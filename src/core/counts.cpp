#include "src/core/counts.hpp"

#include "coterie/core/runtime_counts.hpp"

namespace coterie {

RuntimeCounts runtime_counts() noexcept {
  RuntimeCounts now;
  now.spawned = detail::counts.spawned.load(std::memory_order_relaxed);
  now.cancelled = detail::counts.cancelled.load(std::memory_order_relaxed);
  now.failed_unobserved = detail::counts.failed_unobserved.load(std::memory_order_relaxed);
  now.long_steps = detail::counts.long_steps.load(std::memory_order_relaxed);
  return now;
}

}  // namespace coterie

#pragma once
#include <atomic>
#include <cstdint>

namespace coterie::detail {

/// Of all loops. Each counts something that costs far more than a locked increment, or needs one anyway.
struct Counts {
  std::atomic<std::uint64_t> spawned{0};  // also the newest task's id
  std::atomic<std::uint64_t> cancelled{0};
  std::atomic<std::uint64_t> failed_unobserved{0};
  std::atomic<std::uint64_t> long_steps{0};
};
inline constinit Counts counts;

inline void count(std::atomic<std::uint64_t>& what) noexcept {
  what.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace coterie::detail

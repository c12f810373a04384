#pragma once
#include <cstddef>

namespace coterie {

/// How many cores the calling thread may run on, as `taskset` and cpusets have it, at least 1: threads that
/// it starts inherit that. `std::thread::hardware_concurrency()` tells of all that there are.
[[nodiscard]] std::size_t usable_cores() noexcept;

}  // namespace coterie

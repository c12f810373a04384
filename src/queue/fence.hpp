#pragma once
#include <cstdint>

#include "coterie/queue/job.hpp"

namespace coterie::queue {

/// Fencing tokens follow each other, and are not below this: so a store that was set back to an older copy
/// gives none a second time, unless its clock was set back too, or tokens had come to be ahead of it by more
/// than 64 leases a millisecond for long. Fits the 48 bits of a Redis record until the year 2109.
[[nodiscard]] constexpr std::uint64_t least_token(UnixMillis now) noexcept {
  return now > 0 ? static_cast<std::uint64_t>(now) * 64 : 0;
}

}  // namespace coterie::queue

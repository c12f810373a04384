#pragma once
#include <cstdint>

#include "coterie/poller.hpp"

namespace coterie {

/// A time in 32 bits, for what millions of objects note: to 17 milliseconds, and for a year.
class Stamp {
 public:
  static constexpr unsigned shift = 24;  ///< a unit is 2^24 nanoseconds

  constexpr Stamp() noexcept = default;
  explicit constexpr Stamp(TimePoint time) noexcept : units_(units(time)) {}
  /// As somebody else has read it.
  explicit constexpr Stamp(std::uint32_t units) noexcept : units_(units) {}
  /// How long before `now` it was taken; zero when that is earlier.
  [[nodiscard]] constexpr Duration age(TimePoint now) const noexcept {
    const std::uint32_t passed = units(now) - units_;
    if (passed >> 31 != 0) return Duration::zero();
    const auto rest = static_cast<std::uint64_t>(now.time_since_epoch().count()) & ((1ULL << shift) - 1);
    return Duration(static_cast<std::int64_t>((std::uint64_t{passed} << shift) + rest));
  }

 private:
  static constexpr std::uint32_t units(TimePoint time) noexcept {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(time.time_since_epoch().count()) >> shift);
  }
  std::uint32_t units_ = 0;
};

}  // namespace coterie

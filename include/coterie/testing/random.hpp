#pragma once
#include <cstdint>

namespace coterie::testing {

/// Pseudo-random numbers that are the same on every platform and compiler, unlike the distributions of
/// <random>: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// From 0 to `bound - 1`; `bound` must not be 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  /// True once in `times` on average; never for 0.
  [[nodiscard]] bool one_in(std::uint64_t times) noexcept { return times != 0 && below(times) == 0; }
  /// Numbers of its own, which drawing from this one later does not change.
  [[nodiscard]] Random fork() noexcept { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace coterie::testing

#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace coterie::dashboard {

/// How long something took, many times over, in 136 classes from 1 ms to 198 days, each a fifth wider than
/// the one before: a percentile is right within a tenth.
class Durations {
 public:
  /// `weight`: how many it stands for.
  void add(std::int64_t milliseconds, double weight) noexcept;
  [[nodiscard]] bool empty() const noexcept { return total_ == 0; }
  /// The time that this part of them did not exceed, ms; `part` from 0 to 1. 0 where there are none.
  [[nodiscard]] std::int64_t percentile(double part) const noexcept;
  void clear() noexcept { *this = Durations(); }

 private:
  std::array<float, 136> classes_{};
  double total_ = 0;
};

}  // namespace coterie::dashboard

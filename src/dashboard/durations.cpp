#include "src/dashboard/durations.hpp"

#include <algorithm>
#include <cmath>

namespace coterie::dashboard {
namespace {

/// In which the time doubles.
constexpr double classes_in_two = 4;

}  // namespace

void Durations::add(std::int64_t milliseconds, double weight) noexcept {
  std::size_t place = 0;  // below a millisecond
  if (milliseconds > 0)
    place = 1 + static_cast<std::size_t>(classes_in_two * std::log2(static_cast<double>(milliseconds)));
  classes_[std::min(place, classes_.size() - 1)] += static_cast<float>(weight);
  total_ += weight;
}

std::int64_t Durations::percentile(double part) const noexcept {
  double left = part * total_;
  std::size_t place = 0;
  while (place + 1 < classes_.size() && left > classes_[place]) left -= classes_[place++];
  if (place == 0) return 0;
  // The middle of its class.
  return std::llround(std::exp2((static_cast<double>(place) - 0.5) / classes_in_two));
}

}  // namespace coterie::dashboard

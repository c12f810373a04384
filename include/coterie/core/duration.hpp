#pragma once
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "coterie/poller.hpp"

namespace coterie::detail {

/// Any chrono duration as the loop's: nanoseconds, rounded up, held within what a deadline can express. NaN
/// is std::invalid_argument.
template <class Rep, class Period>
[[nodiscard]] Duration to_duration(std::chrono::duration<Rep, Period> value) {
  using Seconds = std::chrono::duration<long double>;
  constexpr Seconds limit(100.0L * 365 * 24 * 3600);  // a century; beyond it the loop's clock could overflow
  if constexpr (std::is_floating_point_v<Rep>)
    if (std::isnan(value.count())) throw std::invalid_argument("a delay is not a number (NaN)");
  if (Seconds(value) >= limit) return std::chrono::duration_cast<Duration>(limit);
  if (Seconds(value) <= -limit) return -std::chrono::duration_cast<Duration>(limit);
  return std::chrono::ceil<Duration>(value);
}

/// For people: "0.25 s".
[[nodiscard]] std::string seconds_text(std::chrono::duration<double> time);

}  // namespace coterie::detail

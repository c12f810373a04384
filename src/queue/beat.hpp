#pragma once

namespace coterie::queue {

/// A worker that has jobs says so within this time of its lease, and extends it by that.
template <class Time>
[[nodiscard]] constexpr Time beats_every(Time lease) noexcept {
  return lease / 3;
}

/// A worker that waits for a job is told of one, and looks by itself within this time, in case it was not.
/// Brokers count on hearing of it well within half a lease: after that, silence may have been a step of the
/// clock. No shorter, for there may be thousands of them.
template <class Time>
[[nodiscard]] constexpr Time looks_every(Time lease) noexcept {
  return lease * 2 / 5;
}

}  // namespace coterie::queue

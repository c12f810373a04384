#include "src/queue/clock.hpp"

#include <ctime>

namespace coterie::queue {
namespace {

Duration read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}
Milliseconds read_ms(clockid_t clock) {
  return std::chrono::floor<Milliseconds>(read(clock));
}

Duration suspended_ever() {
  const Duration counted = read(CLOCK_BOOTTIME);
  return counted - read(CLOCK_MONOTONIC);
}

}  // namespace

ClockReading read_system_clock() {
  return {read_ms(CLOCK_REALTIME).count(), read_ms(CLOCK_BOOTTIME)};
}

SuspendedTime suspended_from_now() {
  return [before = suspended_ever()] {
    // The two clocks are not read at the same moment: less than this is nothing.
    constexpr Duration noticeable = std::chrono::milliseconds(100);
    const Duration since = suspended_ever() - before;
    return since < noticeable ? Duration::zero() : since;
  };
}

}  // namespace coterie::queue

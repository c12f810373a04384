#include "src/queue/clock.hpp"

#include <ctime>

namespace coterie::queue {
namespace {

Milliseconds read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return Milliseconds{static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000};
}

}  // namespace

ClockReading read_system_clock() {
  return {read(CLOCK_REALTIME).count(), read(CLOCK_BOOTTIME)};
}

}  // namespace coterie::queue

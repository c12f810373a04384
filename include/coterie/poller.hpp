#pragma once
#include <chrono>
#include <optional>

namespace coterie {

/// Loop time: monotonic nanoseconds. Under a virtual-time loop it is that loop's own.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

/// The seam between the loop and the operating system: where it waits, and what time it is.
class Poller {
 public:
  Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  virtual ~Poller() = default;

  [[nodiscard]] virtual TimePoint now() noexcept = 0;
  /// The same to some milliseconds, which may be cheaper.
  [[nodiscard]] virtual TimePoint coarse_now() noexcept { return now(); }
  /// Its time is its own and not the system's steady clock: it stands still while a task blocks the thread,
  /// so that no other thread can tell by it how long that takes.
  [[nodiscard]] virtual bool is_virtual() const noexcept { return false; }

  /// Waits for I/O, for `wake()` or until `deadline` (nothing: as long as it takes; a time that has passed:
  /// only looks), and queues what became ready on the loop. Never returns early because of a deadline that is
  /// still ahead. Loop thread.
  virtual void poll(std::optional<TimePoint> deadline) = 0;

  /// Ends a `poll()` that waits, or makes the next one return at once. Any thread.
  virtual void wake() noexcept = 0;
};

}  // namespace coterie

#pragma once
#include <functional>

#include "coterie/poller.hpp"
#include "coterie/queue/job.hpp"

namespace coterie::queue {

/// The two hands of a broker's clock. `wall` may be set by people and NTP, forwards and backwards; `elapsed`
/// only tells how much time has passed (CLOCK_BOOTTIME: it counts a suspended machine's sleep too).
struct ClockReading {
  UnixMillis wall = 0;
  Milliseconds elapsed{0};
};

/// Where a broker gets its time from. Tests give their own; called with the broker's lock held, so it must be
/// quick and must not call the broker.
using ClockSource = std::function<ClockReading()>;
[[nodiscard]] ClockReading read_system_clock();

/// How long the machine was suspended. The steady clock stands still then, by which loops go; CLOCK_BOOTTIME
/// goes on, and so do leases.
using SuspendedTime = std::function<Duration()>;
/// Since this call. Any thread.
[[nodiscard]] SuspendedTime suspended_from_now();

/// A broker's time. It never goes backwards: it is the maximum of what was seen and what the wall says. It
/// also tells a step of the wall clock (which must not expire leases) from time that really passed.
/// Not synchronised: its owner's lock guards it.
class BrokerClock {
 public:
  struct Tick {
    UnixMillis now = 0;
    /// By how much broker time ran ahead of the time that passed since the last tick; 0 up to `tolerance`.
    /// Every lease is to be extended by it: its holder had none of that time.
    Milliseconds jumped{0};
  };
  static constexpr Milliseconds tolerance{1000};

  explicit BrokerClock(ClockSource source) : source_(std::move(source)) {}
  BrokerClock() : BrokerClock(read_system_clock) {}

  Tick tick() {
    const ClockReading reading = source_();
    Tick tick{reading.wall > now_ ? reading.wall : now_, Milliseconds{0}};
    if (started_) {
      const Milliseconds ahead = Milliseconds{tick.now - now_} - (reading.elapsed - elapsed_);
      if (ahead > tolerance) tick.jumped = ahead;
    }
    started_ = true;
    now_ = tick.now;
    elapsed_ = reading.elapsed;
    return tick;
  }

 private:
  ClockSource source_;
  UnixMillis now_ = 0;
  Milliseconds elapsed_{0};
  bool started_ = false;
};

}  // namespace coterie::queue

#pragma once
#include <cstdint>

#include "coterie/core/runnable.hpp"
#include "coterie/poller.hpp"

namespace coterie {

/// What a scheduling class has had of a loop. The three times add up to what has passed since it was queued
/// for the first time. What carries messages of other threads is `runtime_class`; a step counts for the class
/// in which it was queued, an inherited one too.
struct ClassTimes {
  SchedClass sched_class = 0;
  std::uint64_t steps = 0;
  Duration runtime{};  ///< its steps ran
  Duration waiting{};  ///< nothing of it was ready: it waited for I/O, timers, others
  Duration starved{};  ///< something of it was ready, and others ran, or the loop looked at I/O

  /// Of another loop, the same class.
  ClassTimes& operator+=(const ClassTimes& other) noexcept {
    sched_class = other.sched_class;
    steps += other.steps;
    runtime += other.runtime;
    waiting += other.waiting;
    starved += other.starved;
    return *this;
  }
};

}  // namespace coterie

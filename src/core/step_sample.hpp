#pragma once
#include <functional>

#include "coterie/loop.hpp"

namespace coterie::detail {

/// How long a step takes, of one step now and then: the clock costs more than a step does. Of the thread that
/// runs the loop.
class StepSample {
 public:
  /// `told` hears how long the first step takes that `loop`, which runs on this thread, begins in its next
  /// tick, or in this one where its steps are looked at anyway. Replaces what was asked before.
  static void ask(EventLoop& loop, std::function<void(Duration)> told);

  [[nodiscard]] static bool wanted_of(const EventLoop& loop) noexcept { return loop_ == &loop; }
  static void tell(EventLoop& loop, Duration took);

 private:
  static constinit thread_local const EventLoop* loop_;  // a name: it may have gone
  static thread_local std::function<void(Duration)> told_;
};

}  // namespace coterie::detail

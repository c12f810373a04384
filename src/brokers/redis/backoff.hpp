#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

#include "coterie/loop.hpp"

namespace coterie::brokers::redis {

/// When the next attempt to connect may be made: 50 ms after the first failure, doubling up to 2 s; up to
/// half of a pause is left out at random, so that the many who lost one server do not come back at once.
class Backoff {
 public:
  static constexpr Duration least = std::chrono::milliseconds(50);
  static constexpr Duration most = std::chrono::seconds(2);

  /// A time that has passed: at once.
  [[nodiscard]] TimePoint next() const noexcept { return next_; }
  void succeeded() noexcept {
    pause_ = least;
    next_ = TimePoint{};
  }
  void failed() {
    std::uniform_int_distribution<Duration::rep> random(pause_.count() / 2, pause_.count());
    next_ = EventLoop::current().now() + Duration(random(random_));
    pause_ = std::min(pause_ * 2, most);
  }

 private:
  Duration pause_ = least;
  TimePoint next_{};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace coterie::brokers::redis

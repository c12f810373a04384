#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"

namespace coterie::dashboard {

/// What all queues had at a moment, and what ended since the point before.
struct Point {
  queue::UnixMillis at = 0;
  std::uint64_t ready = 0;
  std::uint64_t waiting = 0;  ///< scheduled, blocked, throttled
  std::uint64_t running = 0;
  std::uint64_t oldest_ms = 0;  ///< how long the longest waiting ready job has waited
  double done = 0;              ///< a second
  double failed = 0;            ///< a second: dead and expired
  Point() = default;
};

/// Points of the last 5 minutes, hour, day and 30 days, each range with a step of its own: 1,350 in all, and
/// never more.
class History {
 public:
  struct Range {
    const char* name;
    std::int64_t step_ms;
    std::size_t points;
  };
  static constexpr std::array<Range, 4> ranges{
      {{"5m", 2'000, 150}, {"1h", 15'000, 240}, {"24h", 300'000, 288}, {"30d", 3'600'000, 672}}};

  /// In the order of time, as often as one likes.
  void add(const std::vector<queue::QueueInfo>& queues, queue::UnixMillis now);
  /// {"range":…,"step_ms":…,"points":[[…],…]}; nothing for a range that is none.
  [[nodiscard]] std::optional<std::string> json(std::string_view range) const;
  [[nodiscard]] const Point& newest() const noexcept { return newest_; }

  /// For keeping a range elsewhere: its points as text, and back. What cannot be read is ignored.
  [[nodiscard]] std::string save(std::size_t range) const;
  void load(std::size_t range, std::string_view text);

 private:
  struct Ring {
    std::deque<Point> points;
    Point sum;  ///< of what came since the last point
    std::uint64_t samples = 0;
    queue::UnixMillis since = 0;
  };
  void put(std::size_t range, const Point& sample);
  std::array<Ring, ranges.size()> rings_;
  Point newest_;
  std::uint64_t done_before_ = 0;
  std::uint64_t failed_before_ = 0;
};

}  // namespace coterie::dashboard

#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/dashboard/durations.hpp"

namespace coterie::dashboard {

/// p50, p95 and p99, ms.
using Percentiles = std::array<std::int64_t, 3>;

/// What there was at a moment, and what ended since the point before.
struct Point {
  queue::UnixMillis at = 0;
  std::uint64_t ready = 0;
  std::uint64_t waiting = 0;  ///< scheduled, blocked, throttled
  std::uint64_t running = 0;
  std::uint64_t dead = 0;
  std::uint64_t oldest_ms = 0;  ///< how long the longest waiting ready job has waited
  double done = 0;              ///< a second
  double failed = 0;            ///< a second: dead and expired
  /// Of the jobs that ended: from when they could run until they ran, and from then on. Nothing where none
  /// did.
  std::optional<Percentiles> wait;
  std::optional<Percentiles> run;
  Point() = default;
};

/// What a look at the broker has told, of all queues or one.
struct Look {
  queue::UnixMillis at = 0;
  std::vector<queue::QueueInfo> queues;
  std::vector<queue::JobInfo> ended;  ///< a sample of what ended since the look before
  Look() = default;
};

/// Points of the last 5 minutes, hour, day and 30 days, each range with a step of its own: 1,398 in all, and
/// never more.
class History {
 public:
  struct Range {
    const char* name;
    std::int64_t step_ms;
    std::size_t points;
  };
  static constexpr std::array<Range, 4> ranges{
      {{"5m", 2'000, 150}, {"1h", 15'000, 240}, {"24h", 300'000, 288}, {"30d", 3'600'000, 720}}};

  /// In the order of time, as often as one likes.
  void add(const Look& look);
  /// {"range":…,"step_ms":…,"points":[[…],…]}, of the points that the range holds at `now`: where nobody
  /// looked for long, the older ones are kept until newer ones take their place. Nothing for a range that is
  /// none.
  [[nodiscard]] std::optional<std::string> json(std::string_view range, queue::UnixMillis now) const;
  [[nodiscard]] const Point& newest() const noexcept { return newest_; }
  /// When the newest point of a range is; 0: there is none.
  [[nodiscard]] queue::UnixMillis last(std::size_t range) const noexcept {
    return rings_[range].points.empty() ? 0 : rings_[range].points.back().at;
  }
  /// [at, …], in the columns of json().
  [[nodiscard]] static std::string json(const Point& point);

  /// For keeping a range elsewhere: its points as text, with three digits of each number and the beginning of
  /// their steps as times; and back. The text is at most `kept_bytes` long, which all points fit into; were
  /// they longer (numbers beyond 1e12), the oldest would be left out. What cannot be read is ignored.
  [[nodiscard]] std::string save(std::size_t range) const;
  void load(std::size_t range, std::string_view text);
  static constexpr std::size_t kept_bytes = 60'000;

 private:
  struct Ring {
    std::deque<Point> points;
    Point sum;  ///< of what came since the last point
    Durations wait;
    Durations run;
    std::uint64_t samples = 0;
  };
  void put(std::size_t range, const Point& sample, const Look& look, double weight);
  std::array<Ring, ranges.size()> rings_;
  Point newest_;
  std::uint64_t done_before_ = 0;
  std::uint64_t failed_before_ = 0;
};

}  // namespace coterie::dashboard

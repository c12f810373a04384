#include "src/dashboard/history.hpp"

#include <algorithm>
#include <charconv>

#include "src/dashboard/json_writer.hpp"

namespace coterie::dashboard {
namespace {

using queue::JobState;

std::uint64_t sum_of(const std::vector<queue::QueueInfo>& queues, std::initializer_list<JobState> states) {
  std::uint64_t sum = 0;
  for (const queue::QueueInfo& queue : queues) {
    for (const JobState state : states) {
      const auto found = queue.counts.find(state);
      if (found != queue.counts.end()) sum += found->second;
    }
  }
  return sum;
}

/// Counts of ended jobs fall when records are forgotten; that is no work.
double rate(std::uint64_t before, std::uint64_t now, std::int64_t milliseconds) {
  if (now <= before || milliseconds <= 0) return 0;
  return static_cast<double>(now - before) * 1000 / static_cast<double>(milliseconds);
}

std::string point_json(const Point& point) {
  JsonArray array;
  array.raw(std::to_string(point.at)).raw(std::to_string(point.ready)).raw(std::to_string(point.waiting));
  array.raw(std::to_string(point.running)).raw(std::to_string(point.oldest_ms));
  array.raw(json_number(point.done)).raw(json_number(point.failed));
  return array.str();
}

}  // namespace

void History::add(const std::vector<queue::QueueInfo>& queues, queue::UnixMillis now) {
  Point point;
  point.at = now;
  point.ready = sum_of(queues, {JobState::ready});
  point.waiting = sum_of(queues, {JobState::scheduled, JobState::blocked, JobState::throttled});
  point.running = sum_of(queues, {JobState::leased});
  for (const queue::QueueInfo& queue : queues)
    if (queue.oldest_ready_at != 0 && now > queue.oldest_ready_at)
      point.oldest_ms = std::max(point.oldest_ms, static_cast<std::uint64_t>(now - queue.oldest_ready_at));
  const std::uint64_t done = sum_of(queues, {JobState::done});
  const std::uint64_t failed = sum_of(queues, {JobState::dead, JobState::expired});
  const bool first = newest_.at == 0;
  if (!first) {
    point.done = rate(done_before_, done, now - newest_.at);
    point.failed = rate(failed_before_, failed, now - newest_.at);
  }
  done_before_ = done;
  failed_before_ = failed;
  newest_ = point;
  if (first) return;
  for (std::size_t range = 0; range < ranges.size(); ++range) put(range, point);
}

/// Gauges and rates become means; the age of the oldest its peak.
void History::put(std::size_t range, const Point& sample) {
  Ring& ring = rings_[range];
  if (ring.samples == 0) ring.since = sample.at;
  ring.sum.ready += sample.ready;
  ring.sum.waiting += sample.waiting;
  ring.sum.running += sample.running;
  ring.sum.oldest_ms = std::max(ring.sum.oldest_ms, sample.oldest_ms);
  ring.sum.done += sample.done;
  ring.sum.failed += sample.failed;
  ++ring.samples;
  if (sample.at / ranges[range].step_ms ==
      (ring.points.empty() ? 0 : ring.points.back().at / ranges[range].step_ms))
    return;
  Point mean = ring.sum;
  mean.at = sample.at;
  mean.ready /= ring.samples;
  mean.waiting /= ring.samples;
  mean.running /= ring.samples;
  mean.done /= static_cast<double>(ring.samples);
  mean.failed /= static_cast<double>(ring.samples);
  ring.points.push_back(mean);
  if (ring.points.size() > ranges[range].points) ring.points.pop_front();
  ring.sum = Point();
  ring.samples = 0;
}

std::optional<std::string> History::json(std::string_view name) const {
  for (std::size_t range = 0; range < ranges.size(); ++range) {
    if (name != ranges[range].name) continue;
    JsonArray points;
    for (const Point& point : rings_[range].points) points.raw(point_json(point));
    return JsonObject()
        .add("range", name)
        .add("step_ms", ranges[range].step_ms)
        .raw("columns", R"(["at_ms","ready","waiting","running","oldest_ms","done_per_s","failed_per_s"])")
        .raw("points", points.str())
        .str();
  }
  return std::nullopt;
}

std::string History::save(std::size_t range) const {
  std::string text;
  for (const Point& point : rings_[range].points) {
    std::string line = point_json(point);
    text += line.substr(1, line.size() - 2) + "\n";
  }
  return text;
}

void History::load(std::size_t range, std::string_view text) {
  Ring& ring = rings_[range];
  std::deque<Point> points;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::array<double, 7> numbers{};
    bool fine = true;
    for (double& number : numbers) {
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
      fine = fine && error == std::errc() && number >= 0 && number < 1e18;
      line.remove_prefix(std::min(line.size(), static_cast<std::size_t>(end - line.data()) + 1));
    }
    Point point;
    point.at = static_cast<queue::UnixMillis>(numbers[0]);
    if (!fine || (!points.empty() && point.at <= points.back().at)) continue;
    point.ready = static_cast<std::uint64_t>(numbers[1]);
    point.waiting = static_cast<std::uint64_t>(numbers[2]);
    point.running = static_cast<std::uint64_t>(numbers[3]);
    point.oldest_ms = static_cast<std::uint64_t>(numbers[4]);
    point.done = numbers[5];
    point.failed = numbers[6];
    points.push_back(point);
    if (points.size() > ranges[range].points) points.pop_front();
  }
  // What was seen here is newer.
  if (!ring.points.empty())
    std::erase_if(points, [&](const Point& point) { return point.at >= ring.points.front().at; });
  points.insert(points.end(), ring.points.begin(), ring.points.end());
  while (points.size() > ranges[range].points) points.pop_front();
  ring.points = std::move(points);
}

}  // namespace coterie::dashboard

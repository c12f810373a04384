#include "src/dashboard/history.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "src/core/json_writer.hpp"

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

/// Three digits behind the point are enough, and half as long in a note.
double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

std::optional<Percentiles> percentiles_of(const Durations& durations) {
  if (durations.empty()) return std::nullopt;
  return Percentiles{durations.percentile(0.5), durations.percentile(0.95), durations.percentile(0.99)};
}

void add_times(const Look& look, double weight, Durations& wait, Durations& run) {
  for (const queue::JobInfo& job : look.ended) {
    if (job.started_at == 0) continue;
    wait.add(job.started_at - job.run_at, weight);
    run.add(job.finished_at - job.started_at, weight);
  }
}

void write(std::string& text, const std::optional<Percentiles>& percentiles) {
  for (std::size_t i = 0; i < std::tuple_size_v<Percentiles>; ++i)
    text.append(",").append(percentiles ? std::to_string((*percentiles)[i]) : "null");
}

/// Three digits, which is what a chart can show: 1234567 as 123e4, so no number below 1e12 takes more than
/// five bytes.
void write_short(std::string& text, double number) {
  int tens = 0;
  for (; number >= 999.5; number /= 10) ++tens;
  char digits[32];
  text.append(digits,
              std::to_chars(digits, digits + sizeof digits, number, std::chars_format::general, 3).ptr);
  if (tens != 0) text.append("e").append(std::to_string(tens));
}

void write_short(std::string& text, const std::optional<Percentiles>& percentiles) {
  for (std::size_t i = 0; i < std::tuple_size_v<Percentiles>; ++i) {
    text += ',';
    if (percentiles) write_short(text, static_cast<double>((*percentiles)[i]));
  }
}

/// All but when it was, each column behind a comma.
std::string short_line(const Point& point) {
  std::string text;
  const auto add = [&text](auto number) { write_short(text += ',', static_cast<double>(number)); };
  for (const std::uint64_t number : {point.ready, point.waiting, point.running, point.oldest_ms}) add(number);
  add(point.done);
  add(point.failed);
  write_short(text, point.wait);
  write_short(text, point.run);
  add(point.dead);
  return text;
}

constexpr std::size_t column_count = 14;
constexpr std::size_t longest_time = 20;
constexpr const char* columns =
    R"(["at_ms","ready","waiting","running","oldest_ms","done_per_s","failed_per_s",)"
    R"("wait_p50_ms","wait_p95_ms","wait_p99_ms","run_p50_ms","run_p95_ms","run_p99_ms","dead"])";

/// A line of a note: when (ms; or "+1", so many steps after the line before), then the columns. Nothing, or
/// the -1 of older versions: there was none; so is the last column, which came later.
std::optional<Point> read_line(std::string_view line, queue::UnixMillis before, std::int64_t step_ms) {
  std::array<double, column_count> numbers{};
  const bool relative = !line.empty() && line.front() == '+';
  if (relative) line.remove_prefix(1);
  for (double& number : numbers) {
    const std::string_view text = line.substr(0, line.find(','));
    line.remove_prefix(std::min(line.size(), text.size() + 1));
    number = -1;
    if (text.empty()) continue;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !(number >= -1 && number < 1e18))
      return std::nullopt;
  }
  if (relative) numbers[0] = static_cast<double>(before) + numbers[0] * static_cast<double>(step_ms);
  if (std::any_of(numbers.begin(), numbers.begin() + 7, [](double number) { return number < 0; }))
    return std::nullopt;
  const auto whole = [&numbers](std::size_t i) { return static_cast<std::uint64_t>(numbers[i]); };
  const auto percentiles = [&numbers](std::size_t from) -> std::optional<Percentiles> {
    Percentiles read{};
    for (std::size_t i = 0; i < read.size(); ++i) read[i] = static_cast<std::int64_t>(numbers[from + i]);
    if (std::any_of(read.begin(), read.end(), [](std::int64_t one) { return one < 0; })) return std::nullopt;
    return read;
  };
  Point point;
  point.at = static_cast<queue::UnixMillis>(numbers[0]);
  point.ready = whole(1);
  point.waiting = whole(2);
  point.running = whole(3);
  point.oldest_ms = whole(4);
  point.done = numbers[5];
  point.failed = numbers[6];
  point.wait = percentiles(7);
  point.run = percentiles(10);
  point.dead = numbers[13] > 0 ? whole(13) : 0;
  return point;
}

}  // namespace

void History::add(const Look& look) {
  Point point;
  point.at = look.at;
  point.ready = sum_of(look.queues, {JobState::ready});
  point.waiting = sum_of(look.queues, {JobState::scheduled, JobState::blocked, JobState::throttled});
  point.running = sum_of(look.queues, {JobState::leased});
  point.dead = sum_of(look.queues, {JobState::dead});
  for (const queue::QueueInfo& queue : look.queues)
    if (queue.oldest_ready_at != 0 && look.at > queue.oldest_ready_at)
      point.oldest_ms =
          std::max(point.oldest_ms, static_cast<std::uint64_t>(look.at - queue.oldest_ready_at));
  const std::uint64_t done = sum_of(look.queues, {JobState::done});
  const std::uint64_t failed = sum_of(look.queues, {JobState::dead, JobState::expired});
  const bool first = newest_.at == 0;
  double weight = 1;
  if (!first) {
    point.done = rate(done_before_, done, look.at - newest_.at);
    point.failed = rate(failed_before_, failed, look.at - newest_.at);
    // The sample stands for all that ended meanwhile, so that a busy second counts for more than a quiet one.
    const double ended = (point.done + point.failed) * static_cast<double>(look.at - newest_.at) / 1000;
    if (!look.ended.empty()) weight = std::max(1.0, ended / static_cast<double>(look.ended.size()));
    Durations wait;
    Durations run;
    add_times(look, 1, wait, run);
    point.wait = percentiles_of(wait);
    point.run = percentiles_of(run);
  }
  done_before_ = done;
  failed_before_ = failed;
  newest_ = point;
  if (first) return;
  for (std::size_t range = 0; range < ranges.size(); ++range) put(range, point, look, weight);
}

/// Gauges and rates become means; the age of the oldest its peak; percentiles are of all that ended.
void History::put(std::size_t range, const Point& sample, const Look& look, double weight) {
  Ring& ring = rings_[range];
  ring.sum.ready += sample.ready;
  ring.sum.waiting += sample.waiting;
  ring.sum.running += sample.running;
  ring.sum.dead += sample.dead;
  ring.sum.oldest_ms = std::max(ring.sum.oldest_ms, sample.oldest_ms);
  ring.sum.done += sample.done;
  ring.sum.failed += sample.failed;
  add_times(look, weight, ring.wait, ring.run);
  ++ring.samples;
  if (sample.at / ranges[range].step_ms ==
      (ring.points.empty() ? 0 : ring.points.back().at / ranges[range].step_ms))
    return;
  Point mean = ring.sum;
  mean.at = sample.at;
  mean.ready /= ring.samples;
  mean.waiting /= ring.samples;
  mean.running /= ring.samples;
  mean.dead /= ring.samples;
  mean.done = rounded(mean.done / static_cast<double>(ring.samples));
  mean.failed = rounded(mean.failed / static_cast<double>(ring.samples));
  mean.wait = percentiles_of(ring.wait);
  mean.run = percentiles_of(ring.run);
  ring.points.push_back(mean);
  if (ring.points.size() > ranges[range].points) ring.points.pop_front();
  ring.sum = Point();
  ring.wait.clear();
  ring.run.clear();
  ring.samples = 0;
}

std::string History::json(const Point& point) {
  std::string text = "[" + std::to_string(point.at);
  for (const std::uint64_t number : {point.ready, point.waiting, point.running, point.oldest_ms})
    text.append(",").append(std::to_string(number));
  text.append(",").append(json_number(point.done)).append(",").append(json_number(point.failed));
  write(text, point.wait);
  write(text, point.run);
  return text.append(",").append(std::to_string(point.dead)).append("]");
}

std::optional<std::string> History::json(std::string_view name, queue::UnixMillis now) const {
  for (std::size_t range = 0; range < ranges.size(); ++range) {
    if (name != ranges[range].name) continue;
    const queue::UnixMillis since =
        now - ranges[range].step_ms * static_cast<std::int64_t>(ranges[range].points);
    JsonArray points;
    for (const Point& point : rings_[range].points)
      if (point.at >= since) points.raw(json(point));
    return JsonObject()
        .add("range", name)
        .add("step_ms", ranges[range].step_ms)
        .raw("columns", columns)
        .raw("points", points.str())
        .str();
  }
  return std::nullopt;
}

/// The first line says when its step began, each other one how many steps it is behind the line before.
std::string History::save(std::size_t range) const {
  const std::deque<Point>& points = rings_[range].points;
  const std::int64_t step_ms = ranges[range].step_ms;
  std::vector<std::string> lines;  // the newest first
  std::size_t bytes = longest_time;
  std::size_t i = points.size();
  for (; i > 0; --i) {
    const std::int64_t before = i > 1 ? points[i - 2].at / step_ms : 0;
    std::string line =
        "+" + std::to_string(points[i - 1].at / step_ms - before) + short_line(points[i - 1]) + "\n";
    bytes += line.size();
    if (bytes > kept_bytes) break;
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return "";
  std::string text = std::to_string(points[i].at / step_ms * step_ms);
  lines.back().erase(0, lines.back().find(','));
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += *line;
  return text;
}

void History::load(std::size_t range, std::string_view text) {
  Ring& ring = rings_[range];
  std::deque<Point> points;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::optional<Point> point =
        read_line(line, points.empty() ? 0 : points.back().at, ranges[range].step_ms);
    if (!point || (!points.empty() && point->at <= points.back().at)) continue;
    points.push_back(*point);
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

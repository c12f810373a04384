#include "src/dashboard/monitor.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "src/core/json_writer.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

/// Of what ended in the second before.
constexpr std::uint32_t sample = 100;

/// The day and the 30 days are kept beside the jobs, so that a restart does not lose them: of each queue and
/// of all together two notes of at most `History::kept_bytes`, however long it runs.
constexpr std::array<std::size_t, 2> kept_ranges{2, 3};
constexpr std::size_t longest_key = 255;

std::string note_of(const std::string& queue, std::size_t range) {
  return std::string("dashboard/history/") + History::ranges[range].name + (queue.empty() ? "" : "/") + queue;
}

std::map<queue::JobState, std::uint64_t> sum_of(const std::vector<queue::QueueInfo>& queues) {
  std::map<queue::JobState, std::uint64_t> sum;
  for (const queue::QueueInfo& queue : queues)
    for (const auto& [state, count] : queue.counts) sum[state] += count;
  return sum;
}

std::string what(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "the broker cannot be asked";
  }
}

}  // namespace

Monitor::Monitor(std::shared_ptr<queue::Broker> broker, bool keep, std::shared_ptr<LogSink> log)
    : broker_(std::move(broker)), keep_(keep), log_(std::move(log)) {
  overview_ = JsonObject().null("at_ms").raw("queues", "[]").str();
}

Task<void> Monitor::run() {
  bool loaded = false;
  for (;;) {
    Task<void> looking = loaded ? look() : load("", all_);
    const Outcome<void> end = co_await outcome(std::move(looking));
    if (end.cancelled()) (void)end.get();
    note_answer(end.has_exception() ? what(end.error()) : std::string());
    const bool first = !loaded && problem_.empty();
    loaded = loaded || first;
    if (!first) co_await sleep(std::chrono::seconds(1));
  }
}

/// A line where it went away and one where it came back, not one a look: what is away stays so for long.
void Monitor::note_answer(std::string problem) {
  const bool was_away = is_away();
  problem_ = std::move(problem);
  asked_ = true;
  if (is_away() == was_away) return;
  const TimePoint now = EventLoop::current().now();
  LogFields about;
  about.emplace_back("broker", broker_->url());
  if (is_away()) {
    away_since_ = now;
    about.emplace_back("reason", problem_);
    log_.write(LogLevel::warning, "the broker does not answer", std::move(about));
  } else {
    const auto away = std::chrono::duration_cast<std::chrono::milliseconds>(now - away_since_);
    about.emplace_back("away_ms", std::to_string(away.count()));
    log_.write(LogLevel::info, "the broker answers again", std::move(about));
  }
}

const History* Monitor::history(std::string_view queue) const {
  if (queue.empty()) return &all_.history;
  const auto found = by_queue_.find(queue);
  return found == by_queue_.end() ? nullptr : &found->second.history;
}

Task<void> Monitor::load(std::string queue, Kept& kept) {
  for (const std::size_t range : kept_ranges) {
    std::string key = note_of(queue, range);
    if (key.size() > longest_key) continue;
    const std::optional<std::string> note = co_await broker_->get_note(std::move(key));
    if (note) kept.history.load(range, *note);
    kept.saved[range] = kept.history.last(range);
  }
}

/// True where something was to be saved. Of several dashboards each adds what the others saw while it was
/// away; who loses the race saves with the next point.
Task<bool> Monitor::save(std::string queue, Kept& kept) {
  for (const std::size_t range : kept_ranges) {
    const std::string key = note_of(queue, range);
    if (kept.saved[range] == kept.history.last(range) || key.size() > longest_key) continue;
    kept.saved[range] = kept.history.last(range);
    std::optional<std::string> before = co_await broker_->get_note(key);
    if (before) kept.history.load(range, *before);
    std::string text = kept.history.save(range);
    co_await broker_->put_note(key, std::move(before), std::move(text));
    co_return true;
  }
  co_return false;
}

/// One note in a look, so that none of them takes long.
Task<void> Monitor::save_one() {
  Task<bool> first = save("", all_);
  bool saved = co_await std::move(first);
  for (auto& [queue, kept] : by_queue_) {
    if (saved) break;
    Task<bool> saving = save(queue, kept);
    saved = co_await std::move(saving);
  }
}

/// What ended since the last look.
Task<std::vector<queue::JobInfo>> Monitor::ended() {
  std::vector<queue::JobInfo> jobs = co_await broker_->recently_ended(sample);
  const std::optional<queue::UnixMillis> since = ended_until_;
  ended_until_ = std::max(since.value_or(0), jobs.empty() ? 0 : jobs.front().finished_at);
  std::erase_if(jobs, [since](const queue::JobInfo& job) { return !since || job.finished_at <= *since; });
  co_return jobs;
}

Task<void> Monitor::add_to_histories(std::vector<queue::JobInfo> ended, queue::UnixMillis now) {
  std::erase_if(by_queue_, [this](const auto& entry) {
    return std::none_of(queues_.begin(), queues_.end(),
                        [&entry](const queue::QueueInfo& queue) { return queue.name == entry.first; });
  });
  for (const queue::QueueInfo& queue : queues_) {
    if (!by_queue_.contains(queue.name) && by_queue_.size() < most_queues) {
      Kept& fresh = by_queue_[queue.name];
      Task<void> loading = load(queue.name, fresh);
      co_await std::move(loading);
    }
    const auto kept = by_queue_.find(queue.name);
    if (kept == by_queue_.end()) continue;
    Look one;
    one.at = now;
    one.queues.push_back(queue);
    for (const queue::JobInfo& job : ended)
      if (job.queue == queue.name) one.ended.push_back(job);
    kept->second.history.add(one);
  }
  Look all;
  all.at = now;
  all.queues = queues_;
  all.ended = std::move(ended);
  all_.history.add(all);
}

std::string Monitor::queue_rows(std::size_t& left_out) const {
  JsonArray rows;
  std::size_t shown = 0;
  const auto show = [&](const queue::QueueInfo& queue, bool is_paused) {
    if (shown == most_rows) {
      ++left_out;
      return;
    }
    ++shown;
    rows.raw(queue_row(queue, is_paused));
  };
  for (const queue::QueueInfo& queue : queues_)
    show(queue, std::binary_search(paused_.begin(), paused_.end(), queue.name));
  // One that has no jobs can be paused as well.
  std::unordered_set<std::string_view> named;
  for (const queue::QueueInfo& queue : queues_) named.insert(queue.name);
  for (const std::string& name : paused_) {
    if (named.contains(name)) continue;
    queue::QueueInfo empty;
    empty.name = name;
    show(empty, true);
  }
  return rows.str();
}

Task<void> Monitor::look() {
  const std::uint64_t version = co_await broker_->version();
  queues_ = co_await broker_->queues();
  paused_ = co_await broker_->paused();
  std::vector<queue::JobInfo> just_ended;
  if (version != version_) {
    Task<std::vector<queue::JobInfo>> asking = ended();
    just_ended = co_await std::move(asking);
  }
  const queue::UnixMillis now = wall_clock();
  Task<void> adding = add_to_histories(std::move(just_ended), now);
  co_await std::move(adding);
  std::size_t left_out = 0;
  std::string rows = queue_rows(left_out);
  std::string counts = counts_json(sum_of(queues_));
  // A job that is taken changes the counts and, on Redis, not the version.
  if (version != version_ || rows != rows_ || counts != counts_) ++changes_;
  version_ = version;
  rows_ = std::move(rows);
  counts_ = std::move(counts);
  const Point& newest = all_.history.newest();
  overview_ = JsonObject()
                  .add("at_ms", now)
                  .raw("queues", rows_)
                  .add("queues_left_out", left_out)
                  .raw("counts", counts_)
                  .add("oldest_ms", newest.oldest_ms)
                  .add("done_per_s", newest.done)
                  .add("failed_per_s", newest.failed)
                  .raw("point", History::json(newest))
                  .str();
  ++sequence_;
  if (!keep_) co_return;
  Task<void> saving = save_one();
  co_await std::move(saving);
}

}  // namespace coterie::dashboard

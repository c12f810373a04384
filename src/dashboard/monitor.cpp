#include "src/dashboard/monitor.hpp"

#include <algorithm>
#include <array>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "src/dashboard/json_writer.hpp"
#include "src/dashboard/views.hpp"

namespace coterie::dashboard {
namespace {

constexpr std::int64_t save_every_ms = 300'000;

/// The day and the 30 days are kept beside the jobs, so that a restart does not lose them: 40 bytes a point,
/// 40 kB in all, however long it runs.
constexpr std::array<std::size_t, 2> kept_ranges{2, 3};

std::string note_of(std::size_t range) {
  return std::string("dashboard/history/") + History::ranges[range].name;
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

Monitor::Monitor(std::shared_ptr<queue::Broker> broker, bool keep) : broker_(std::move(broker)), keep_(keep) {
  overview_ = JsonObject().null("at_ms").raw("queues", "[]").str();
}

Task<void> Monitor::run() {
  bool loaded = false;
  for (;;) {
    Task<void> looking = loaded ? look() : load();
    const Outcome<void> end = co_await outcome(std::move(looking));
    if (end.cancelled()) (void)end.get();
    problem_ = end.has_exception() ? what(end.error()) : std::string();
    const bool first = !loaded && problem_.empty();
    loaded = loaded || first;
    if (!first) co_await sleep(std::chrono::seconds(1));
  }
}

Task<void> Monitor::load() {
  for (const std::size_t range : kept_ranges) {
    const std::optional<std::string> note = co_await broker_->get_note(note_of(range));
    if (note) history_.load(range, *note);
  }
  saved_at_ = wall_clock();
}

Task<void> Monitor::save() {
  for (const std::size_t range : kept_ranges) {
    std::optional<std::string> before = co_await broker_->get_note(note_of(range));
    // Of several dashboards each adds what the others saw while it was away; who loses the race tries again
    // in five minutes.
    if (before) history_.load(range, *before);
    std::string text = history_.save(range);
    co_await broker_->put_note(note_of(range), before, std::move(text));
  }
}

Task<void> Monitor::look() {
  const std::uint64_t version = co_await broker_->version();
  queues_ = co_await broker_->queues();
  paused_ = co_await broker_->paused();
  const queue::UnixMillis now = wall_clock();
  history_.add(queues_, now);
  JsonArray queues;
  for (const queue::QueueInfo& queue : queues_)
    queues.raw(queue_row(queue, std::find(paused_.begin(), paused_.end(), queue.name) != paused_.end()));
  // One that has no jobs can be paused as well.
  for (const std::string& name : paused_) {
    const auto has_name = [&name](const queue::QueueInfo& queue) { return queue.name == name; };
    if (std::any_of(queues_.begin(), queues_.end(), has_name)) continue;
    queue::QueueInfo empty;
    empty.name = name;
    queues.raw(queue_row(empty, true));
  }
  // A job that is taken changes the counts and, on Redis, not the version.
  std::string rows = queues.str();
  if (version != version_ || rows != rows_) ++changes_;
  version_ = version;
  rows_ = std::move(rows);
  const Point& newest = history_.newest();
  overview_ = JsonObject()
                  .add("at_ms", now)
                  .raw("queues", rows_)
                  .add("oldest_ms", newest.oldest_ms)
                  .add("done_per_s", newest.done)
                  .add("failed_per_s", newest.failed)
                  .str();
  ++sequence_;
  if (keep_ && now - saved_at_ >= save_every_ms) {
    saved_at_ = now;
    co_await save();
  }
}

}  // namespace coterie::dashboard

#include <algorithm>
#include <array>
#include <chrono>

#include "coterie/queue/metrics.hpp"
#include "src/metrics/process.hpp"
#include "src/queue/metric_families.hpp"

namespace coterie::queue {
namespace {

constexpr std::array shown_states{JobState::blocked,   JobState::scheduled, JobState::ready,
                                  JobState::leased,    JobState::done,      JobState::dead,
                                  JobState::cancelled, JobState::expired};  // nothing is throttled yet

UnixMillis wall_clock() {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct QueueGauges {
  std::array<double, shown_states.size()> jobs{};
  double oldest = 0;
  double paused = 0;

  void operator+=(const QueueGauges& other) {
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i] += other.jobs[i];
    oldest = std::max(oldest, other.oldest);
    paused = std::max(paused, other.paused);
  }
  void add_to(metrics::Snapshot& into, std::string_view queue) const {
    for (std::size_t i = 0; i < jobs.size(); ++i)
      into.add(families::queue_jobs, {{"queue", queue}, {"state", to_string(shown_states[i])}}, jobs[i]);
    into.add(families::oldest_ready, {{"queue", queue}}, oldest);
    into.add(families::paused, {{"queue", queue}}, paused);
  }
};

QueueGauges gauges_of(const QueueInfo& info, UnixMillis now) {
  QueueGauges its;
  for (std::size_t i = 0; i < shown_states.size(); ++i) {
    const auto count = info.counts.find(shown_states[i]);
    if (count != info.counts.end()) its.jobs[i] = static_cast<double>(count->second);
  }
  if (info.oldest_ready_at != 0)
    its.oldest = static_cast<double>(std::max<UnixMillis>(0, now - info.oldest_ready_at)) / 1000;
  return its;
}

}  // namespace

Task<void> collect_queues(std::shared_ptr<Broker> broker, metrics::Snapshot& into) {
  Task<std::vector<QueueInfo>> asked = broker->queues();
  const std::vector<QueueInfo> queues = co_await std::move(asked);
  Task<std::vector<std::string>> asked_paused = broker->paused();
  const std::vector<std::string> paused = co_await std::move(asked_paused);

  std::map<std::string, QueueGauges> all;
  const UnixMillis now = wall_clock();
  for (const QueueInfo& info : queues) all[info.name] = gauges_of(info, now);
  for (const std::string& name : paused) all[name].paused = 1;  // also where it has no jobs

  QueueGauges others;
  std::size_t labels = 0;
  for (const auto& [name, gauges] : all) {
    if (++labels <= metrics::most_label_values)
      gauges.add_to(into, name);
    else
      others += gauges;
  }
  if (labels > metrics::most_label_values) others.add_to(into, metrics::other_label);
  const std::size_t dropped = labels - std::min(labels, metrics::most_label_values);
  into.add(families::dropped, {}, static_cast<double>(dropped));
}

Task<std::string> scrape(std::shared_ptr<Broker> broker, std::shared_ptr<const metrics::Registry> registry) {
  metrics::Snapshot snapshot;
  if (registry)
    snapshot = registry->collect();
  else
    metrics::collect_build(snapshot);
  co_await collect_queues(std::move(broker), snapshot);
  co_return snapshot.text();
}

}  // namespace coterie::queue

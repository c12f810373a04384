#pragma once
#include <memory>
#include <string>
#include <vector>

#include "coterie/metrics/registry.hpp"
#include "coterie/queue/broker.hpp"

namespace coterie::queue {

/// The names that become labels of what is enqueued; all others are counted as `_other`, so that nobody who
/// enqueues can fill the memory of whoever keeps the metrics.
struct MetricLabels {
  std::vector<std::string> queues;
  std::vector<std::string> tasks;
  MetricLabels() = default;
  MetricLabels(std::vector<std::string> of_queues, std::vector<std::string> of_tasks)
      : queues(std::move(of_queues)), tasks(std::move(of_tasks)) {}
};

/// The same broker, whose calls are counted in `registry`: how long they take and which fail, whether it can
/// be reached, and the jobs that are added. Give it to workers and clients in its place.
[[nodiscard]] std::shared_ptr<Broker> metered(std::shared_ptr<Broker> broker, metrics::Registry& registry,
                                              MetricLabels labels = MetricLabels());

/// The queues' gauges, as the broker tells them now: jobs by state, how long the oldest waits, pauses. They
/// are of the whole store, so that ONE process shall serve them and not each worker, or sums over processes
/// are wrong. `into` lives until the call is over. Throws what the broker throws.
Task<void> collect_queues(std::shared_ptr<Broker> broker, metrics::Snapshot& into);

/// The text for that one process: collect_queues(), and what `registry` has (null: the build alone).
Task<std::string> scrape(std::shared_ptr<Broker> broker, std::shared_ptr<const metrics::Registry> registry);

}  // namespace coterie::queue

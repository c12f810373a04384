#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/metrics/registry.hpp"
#include "coterie/queue/worker.hpp"
#include "src/queue/job_table.hpp"
#include "src/queue/metric_families.hpp"

namespace coterie::queue {

/// What became of a job by a run of it: the label `outcome`.
enum class RunOutcome : std::uint8_t { success, retry, timeout, dead, cancelled, given_back, lost };
inline constexpr std::size_t run_outcome_count = 7;
[[nodiscard]] std::string_view to_string(RunOutcome outcome) noexcept;

/// What a worker counts, over all of its serve() calls; those are one after the other, so that one thread
/// writes. A run costs it some twenty stores.
class WorkerMetrics final : public metrics::Source {
 public:
  /// Of one queue and task. A run keeps it from its start to its end.
  struct Cells {
    explicit Cells(std::size_t in) : queue(in) {}
    std::size_t queue;
    metrics::Counter started;
    std::array<metrics::Counter, run_outcome_count> ended;
    metrics::Histogram ran{families::duration_bounds};
  };

  WorkerMetrics(const WorkerOptions& options, std::vector<std::string> tasks);

  /// `wait`: since it could run, by the broker's clock.
  Cells& run_starts(const JobContext& job, Milliseconds wait, bool lost_before);
  void run_ended(Cells& cells, RunOutcome outcome, Duration ran, std::uint32_t attempt);
  void cancel_took(Duration time) { cancel_latency_.observe(std::chrono::duration<double>(time).count()); }
  void running(std::size_t jobs) { busy_.set(static_cast<double>(jobs)); }
  void broker_answered(UnixMillis now) { heartbeat_.set(static_cast<double>(now) / 1000); }
  void collect(metrics::Snapshot& into) const override;

 private:
  struct QueueCells {
    metrics::Counter leases_expired;
    metrics::Histogram wait{families::wait_bounds};
    metrics::Histogram attempts{families::attempt_bounds};
  };
  const std::string worker_;
  const double slots_;
  JobTable<Cells> jobs_;
  std::vector<QueueCells> queues_;
  metrics::Gauge busy_;
  metrics::Gauge heartbeat_;
  metrics::Histogram cancel_latency_{families::cancel_bounds};
};

}  // namespace coterie::queue

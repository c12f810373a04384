#include "src/queue/worker_metrics.hpp"

namespace coterie::queue {
namespace {

constexpr std::array<std::string_view, run_outcome_count> outcome_names{
    "success", "retry", "timeout", "dead", "cancelled", "given_back", "lost"};

/// It ended the job, so that its attempts can be counted.
bool is_end(RunOutcome outcome) noexcept {
  return outcome == RunOutcome::success || outcome == RunOutcome::dead || outcome == RunOutcome::cancelled;
}

}  // namespace

std::string_view to_string(RunOutcome outcome) noexcept {
  return outcome_names[static_cast<std::size_t>(outcome)];
}

WorkerMetrics::WorkerMetrics(const WorkerOptions& options, std::vector<std::string> tasks)
    : worker_(options.name()),
      slots_(options.concurrency()),
      jobs_(options.queues(), std::move(tasks)),
      queues_(jobs_.queues().size()) {}

WorkerMetrics::Cells& WorkerMetrics::run_starts(const JobContext& job, Milliseconds wait, bool lost_before) {
  Cells& cells = jobs_.of(job.queue(), job.name());
  QueueCells& queue = queues_[cells.queue];
  cells.started.add();
  queue.wait.observe(static_cast<double>(std::max(wait, Milliseconds{0}).count()) / 1000);
  if (lost_before) queue.leases_expired.add();
  return cells;
}

void WorkerMetrics::run_ended(Cells& cells, RunOutcome outcome, Duration ran, std::uint32_t attempt) {
  cells.ended[static_cast<std::size_t>(outcome)].add();
  cells.ran.observe(std::chrono::duration<double>(ran).count());
  if (is_end(outcome)) queues_[cells.queue].attempts.observe(attempt);
}

void WorkerMetrics::collect(metrics::Snapshot& into) const {
  jobs_.each([&](std::string_view queue, std::string_view task, const Cells& cells) {
    into.add(families::started, {{"queue", queue}, {"task", task}},
             static_cast<double>(cells.started.value()));
    for (std::size_t i = 0; i < run_outcome_count; ++i)
      into.add(families::finished, {{"queue", queue}, {"task", task}, {"outcome", outcome_names[i]}},
               static_cast<double>(cells.ended[i].value()));
    into.add(families::duration, {{"queue", queue}, {"task", task}}, cells.ran);
  });
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (i + 1 == queues_.size() && queues_[i].wait.total() == 0) continue;  // `_other`
    const std::string_view queue = jobs_.queues()[i];
    into.add(families::wait, {{"queue", queue}}, queues_[i].wait);
    into.add(families::attempts, {{"queue", queue}}, queues_[i].attempts);
    into.add(families::leases_expired, {{"queue", queue}},
             static_cast<double>(queues_[i].leases_expired.value()));
  }
  into.add(families::slots, {}, slots_);
  into.add(families::busy, {}, busy_.value());
  into.add(families::heartbeat, {}, heartbeat_.value());
  into.add(families::cancel_latency, {}, cancel_latency_);
  into.add(families::worker_info, {{"worker", worker_}}, 1);
  into.add(families::dropped, {}, static_cast<double>(jobs_.dropped()));
}

}  // namespace coterie::queue

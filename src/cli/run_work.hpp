#pragma once
#include <memory>
#include <string>

#include "coterie/queue/worker.hpp"
#include "src/cli/progress.hpp"
#include "src/cli/run_jobs.hpp"
#include "src/cli/run_manifest.hpp"
#include "src/cli/run_results.hpp"

namespace coterie::cli {

/// The time during which commands run: a worker, and beside it those who watch. Belongs to one loop.
class RunWork {
 public:
  struct Parts {
    std::shared_ptr<queue::Broker> broker;
    RunJobs* jobs = nullptr;
    ManifestStore* store = nullptr;
    Manifest* manifest = nullptr;
    ResultsFile* results = nullptr;  ///< null: none wanted
    ProgressDisplay* display = nullptr;
    std::uint32_t concurrency = 1;
    Parts() = default;
  };
  explicit RunWork(const Parts& parts);
  RunWork(const RunWork&) = delete;
  RunWork& operator=(const RunWork&) = delete;
  ~RunWork();

  /// Returns when no line is pending any more. A cancel stops the running commands, gives their leases back
  /// and is then thrown on. UsageError when another process has taken over the run.
  Task<void> run();
  /// Attempts that have ended.
  [[nodiscard]] std::uint64_t executed() const noexcept { return executed_; }

 private:
  class Observer;
  void finished(const queue::JobContext& job, const queue::JobEnd& end);
  void line_ended(std::size_t line, LineState state);
  void append(std::size_t line, const queue::JobContext& job, const queue::JobEnd& end);
  [[nodiscard]] Progress progress() const;
  Task<void> draw();
  Task<void> beat();
  Task<void> watch();
  Task<void> watch_changes();
  Task<void> serve();
  Task<void> stop(JoinHandle<void> task);

  Parts parts_;
  std::unique_ptr<queue::Worker> worker_;
  RateMeter rate_;
  TimePoint started_;
  std::uint64_t executed_ = 0;
  bool taken_over_ = false;
  JoinHandle<void> serving_;
};

}  // namespace coterie::cli

#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/queue/worker.hpp"
#include "index_file.hpp"

namespace file_index {

/// The line that moves while jobs run, on stderr: redrawn in place on a terminal, elsewhere a line now and
/// then. As the worker's observer it also notes how long each job took.
class Progress final : public coterie::queue::WorkerObserver {
 public:
  Progress();

  void job_finished(const coterie::queue::JobContext& job, const coterie::queue::JobEnd& end) override;
  void log(coterie::queue::LogLevel level, std::string_view line) override;

  /// Something to say before there are numbers.
  void say(const std::string& line);
  void update(const coterie::queue::QueueInfo& queue);
  /// Takes the moving line away.
  void clear();
  /// The last word when a signal ended it all.
  void say_stopped(const std::string& broker) const;

  /// Jobs that ended in this process, and the seconds since it began.
  [[nodiscard]] std::uint64_t finished_here() const { return latencies_.size(); }
  [[nodiscard]] double seconds() const;
  /// Milliseconds that so large a part of the jobs took at most, from start to end.
  [[nodiscard]] double latency_ms(double part);

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  bool drawn_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t done_at_start_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point last_line_{};
  std::vector<float> latencies_;
};

/// The table at the end. Paths below `folder` are shown without it.
[[nodiscard]] std::string table(const Summary& summary, Progress& progress, const std::string& folder);

}  // namespace file_index

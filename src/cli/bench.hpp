#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/task.hpp"

namespace coterie::cli {

/// What `coterie bench queue` measures with.
struct BenchOptions {
  std::string broker;
  std::uint64_t jobs = 100'000;
  std::uint32_t runs = 5;
  std::uint32_t concurrency = 1000;
  std::uint32_t payload_bytes = 200;
  std::uint64_t preload = 0;       ///< finished jobs in the store before anything is measured
  std::uint32_t load_per_s = 100;  ///< of the latency measurement
  std::uint32_t load_samples = 300;
  bool force = false;  ///< also where the store has other jobs
  bool keep = false;   ///< the last run's jobs stay
  BenchOptions() = default;
};

inline constexpr std::uint32_t bench_result_bytes = 100;
inline constexpr const char* bench_queue_name = "coterie.bench";
inline constexpr const char* bench_preload_queue = "coterie.bench.preload";

/// One run: all jobs in, then all jobs through.
struct BenchRun {
  double enqueue_per_s = 0;
  double process_per_s = 0;
  double cpu_us_per_job = 0;   ///< of this whole process, while processing
  double syncs_per_s = 0;      ///< the broker's own, while processing
  std::uint64_t verified = 0;  ///< results read back and found right
  BenchRun() = default;
};

struct BenchLatency {
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  std::uint32_t samples = 0;
  BenchLatency() = default;
};

struct BenchReport {
  std::string broker_url;
  std::vector<BenchRun> runs;
  BenchLatency light;  ///< from the call of enqueue to the handler's first step, `load_per_s` jobs a second
  BenchLatency rest;   ///< the same, one job at a time
  double fsync_per_s = 0;  ///< 4 KiB appends with fdatasync where the broker's file is; 0: no file
  BenchReport() = default;
};

/// What goes to a terminal while it runs.
class BenchProgress {
 public:
  BenchProgress();
  void show(const std::string& text);
  void clear();

 private:
  bool terminal_;
  std::size_t shown_ = 0;
};

/// The middle one of the values, or the mean of the two in the middle; 0 for none.
[[nodiscard]] double median(std::vector<double> values);
/// The value that `share` of them do not exceed.
[[nodiscard]] double quantile(std::vector<double> values, double share);

/// Appends of 4 KiB, each followed by fdatasync, for about a second in the folder of `file`; how many a
/// second. 0 where that cannot be measured.
[[nodiscard]] double measure_fsync_rate(const std::string& file);

/// UsageError where the broker holds jobs of others. Removes its own jobs, also when it is cancelled.
[[nodiscard]] Task<BenchReport> bench_queue(std::shared_ptr<queue::Broker> broker, BenchOptions options,
                                            std::shared_ptr<BenchProgress> progress);
/// Only the latencies; see bench_latency.cpp.
[[nodiscard]] Task<BenchLatency> measure_light_load(std::shared_ptr<queue::Broker> broker,
                                                    BenchOptions options);
[[nodiscard]] Task<BenchLatency> measure_at_rest(std::shared_ptr<queue::Broker> broker, BenchOptions options);

/// Job number `n`'s payload of `bytes` bytes, and what its handler makes of it.
[[nodiscard]] std::string bench_payload(std::uint64_t n, std::uint32_t bytes);
[[nodiscard]] std::string bench_result(const std::string& payload);
[[nodiscard]] std::uint64_t bench_number(const std::string& payload);
/// Forgets all jobs of a queue of the benchmark's, cancelling those that have not ended.
[[nodiscard]] Task<void> bench_clean(std::shared_ptr<queue::Broker> broker, std::string queue);

}  // namespace coterie::cli

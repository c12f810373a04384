// The throughput half of `coterie bench queue`: fill, process, read back, clean.
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "coterie/await_outcome.hpp"
#include "coterie/gather.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/spawn.hpp"
#include "src/cli/bench.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/command.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

using Clock = std::chrono::steady_clock;
using BrokerPtr = std::shared_ptr<queue::Broker>;

constexpr std::uint64_t batch_jobs = 1000;
constexpr int producers = 4;  // so that making the jobs and storing them overlap, as with several clients

using queue::JobState;
constexpr std::array open_states{JobState::blocked, JobState::scheduled, JobState::ready, JobState::leased};
constexpr std::array final_states{JobState::done, JobState::dead, JobState::cancelled, JobState::expired};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What makes the result of a payload, and nothing else.
class BenchHandler final : public queue::Handler {
 public:
  Task<std::string> run(queue::JobContext& job) override { co_return bench_result(job.payload()); }
};

/// Knows when the broker has confirmed the last job.
class Counter final : public queue::WorkerObserver {
 public:
  Counter(std::uint64_t expected, std::string title, std::shared_ptr<BenchProgress> progress)
      : expected_(expected), title_(std::move(title)), progress_(std::move(progress)) {}
  void job_finished(const queue::JobContext& /*job*/, const queue::JobEnd& end) override {
    if (!end.succeeded || end.verdict != queue::Verdict::accepted) return;
    ++done_;
    if (done_ == expected_) {
      seconds_ = seconds_since(start_);
      cpu_ = cpu_seconds() - cpu_;
    }
    if (done_ % 8192 == 0) progress_->show(title_ + ": processed " + human_count(done_));
  }
  void start() {
    cpu_ = cpu_seconds();
    start_ = Clock::now();
  }
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }
  [[nodiscard]] double seconds() const noexcept { return seconds_; }
  [[nodiscard]] double cpu() const noexcept { return cpu_; }

 private:
  std::uint64_t expected_;
  std::string title_;
  std::shared_ptr<BenchProgress> progress_;
  std::uint64_t done_ = 0;
  Clock::time_point start_;
  double seconds_ = 0;
  double cpu_ = 0;
};

class QueueBench {
 public:
  QueueBench(BrokerPtr broker, BenchOptions options, std::shared_ptr<BenchProgress> progress)
      : broker_(std::move(broker)), options_(std::move(options)), progress_(std::move(progress)) {}

  Task<BenchReport> measure() {
    co_await check_others();
    co_await clean();
    if (options_.preload > 0) {
      BenchRun ignored;
      co_await fill(bench_preload_queue, options_.preload, "preload", ignored);
      co_await process(bench_preload_queue, options_.preload, "preload", ignored);
    }
    BenchReport report;
    report.broker_url = broker_->url();
    progress_->show("latency at rest");
    report.rest = co_await measure_at_rest(broker_, options_);
    progress_->show("latency at a light load");
    report.light = co_await measure_light_load(broker_, options_);
    for (std::uint32_t i = 0; i < options_.runs; ++i) {
      co_await bench_clean(broker_, bench_queue_name);
      const std::string title = "run " + std::to_string(i + 1) + "/" + std::to_string(options_.runs);
      BenchRun run;
      co_await fill(bench_queue_name, options_.jobs, title, run);
      co_await process(bench_queue_name, options_.jobs, title, run);
      progress_->show(title + ": reading the results back");
      run.verified = co_await verify(options_.jobs);
      report.runs.push_back(run);
    }
    co_return report;
  }

  Task<void> clean() {
    progress_->show("cleaning up");
    co_await bench_clean(broker_, bench_queue_name);
    co_await bench_clean(broker_, bench_preload_queue);
  }

 private:
  Task<void> check_others() {
    if (options_.force) co_return;
    std::vector<queue::QueueInfo> all = co_await broker_->queues();
    for (const queue::QueueInfo& info : all) {
      if (info.name == bench_queue_name || info.name == bench_preload_queue) continue;
      for (const auto& [state, count] : info.counts) {
        if (count == 0) continue;
        const bool is_file = broker_->url().starts_with("sqlite://");
        throw UsageError(broker_->url() + " holds other jobs (" + human_count(count) + " " +
                         std::string(to_string(state)) + " in queue '" + info.name + "'): measure " +
                         (is_file ? "on a file of its own, --broker sqlite://bench.db"
                                  : "in a namespace of its own, --namespace bench") +
                         ", or say --force");
      }
    }
  }

  Task<void> produce(std::string queue, std::uint64_t count) {
    while (next_ < count) {
      std::vector<queue::JobSpec> batch;
      const std::uint64_t end = std::min(count, next_ + at_most(*broker_, batch_jobs));
      batch.reserve(end - next_);
      for (; next_ < end; ++next_) {
        queue::JobSpec& job = batch.emplace_back("bench", bench_payload(next_, options_.payload_bytes));
        job.id = queue::new_uuid();
        job.queue = queue;
      }
      std::vector<queue::Enqueued> verdicts = co_await broker_->enqueue(std::move(batch));
      progress_->show(title_ + ": enqueued " + human_count(end));
    }
  }

  Task<void> fill(std::string queue, std::uint64_t count, std::string title, BenchRun& run) {
    next_ = 0;
    title_ = std::move(title);
    const Clock::time_point start = Clock::now();
    std::vector<Task<void>> tasks;
    tasks.reserve(producers);
    for (int i = 0; i < producers; ++i) tasks.push_back(produce(queue, count));
    co_await gather(std::move(tasks));
    run.enqueue_per_s = static_cast<double>(count) / seconds_since(start);
  }

  Task<void> process(std::string queue, std::uint64_t count, std::string title, BenchRun& run) {
    auto counter = std::make_shared<Counter>(count, std::move(title), progress_);
    std::vector<std::string> queues{std::move(queue)};
    queue::WorkerOptions settings;
    settings.concurrency(at_most(*broker_, options_.concurrency))
        .queues(queues)
        .stop_when_idle()
        .observer(counter);
    queue::Worker worker(broker_, settings);
    worker.handle_with("bench", std::make_shared<BenchHandler>());
    const std::uint64_t syncs = broker_->sync_count();
    counter->start();
    co_await worker.serve();
    if (counter->done() != count) {
      throw queue::BrokerUnavailable(
          "the benchmark saw " + human_count(counter->done()) + " of " + human_count(count) +
          " jobs done: does another worker or benchmark use " + broker_->url() + "?");
    }
    run.process_per_s = static_cast<double>(count) / counter->seconds();
    run.cpu_us_per_job = counter->cpu() * 1e6 / static_cast<double>(count);
    run.syncs_per_s = static_cast<double>(broker_->sync_count() - syncs) / counter->seconds();
  }

  /// Every job must be there, done, with the result that its payload makes.
  Task<std::uint64_t> verify(std::uint64_t count) {
    queue::JobFilter filter;
    filter.queue = bench_queue_name;
    filter.state = queue::JobState::done;
    filter.limit = at_most(*broker_, batch_jobs);
    filter.bodies = true;
    std::uint64_t right = 0;
    do {
      queue::JobPage page = co_await broker_->list(filter);
      for (const queue::JobInfo& job : page.jobs) right += job.result == bench_result(job.payload) ? 1 : 0;
      filter.after = page.next;
    } while (filter.after != 0);
    if (right != count) {
      throw queue::BrokerUnavailable("only " + human_count(right) + " of " + human_count(count) +
                                     " results could be read back as they were written");
    }
    co_return right;
  }

  BrokerPtr broker_;
  BenchOptions options_;
  std::shared_ptr<BenchProgress> progress_;
  std::uint64_t next_ = 0;
  std::string title_;
};

}  // namespace

Task<void> bench_clean(BrokerPtr broker, std::string queue) {
  queue::JobFilter filter;
  filter.queue = queue;
  filter.limit = at_most(*broker, 10'000);
  for (const JobState state : open_states) {
    filter.state = state;
    filter.after = 0;
    do {
      queue::JobPage page = co_await broker->list(filter);
      std::vector<queue::JobId> ids;
      ids.reserve(page.jobs.size());
      for (const queue::JobInfo& job : page.jobs) ids.push_back(job.id);
      filter.after = page.next;
      if (!ids.empty()) static_cast<void>(co_await broker->cancel(ids));
    } while (filter.after != 0);
  }
  filter.after = 0;
  for (const JobState state : final_states) {
    filter.state = state;
    std::uint64_t gone = 0;
    do {
      gone = co_await broker->purge(filter);
    } while (gone > 0);
  }
}

Task<BenchReport> bench_queue(BrokerPtr broker, BenchOptions options,
                              std::shared_ptr<BenchProgress> progress) {
  QueueBench bench(std::move(broker), options, std::move(progress));
  Outcome<BenchReport> end = co_await outcome(bench.measure());
  const bool refused = end.has_exception();  // nothing of ours, or a broker that fails anyway
  if (!refused && !(options.keep && end.has_value())) co_await bench.clean();
  co_return std::move(end).get();
}

}  // namespace coterie::cli

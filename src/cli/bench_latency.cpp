// The latency half of `coterie bench queue`: from the call of enqueue to the first step of the handler.
#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/event.hpp"
#include "src/cli/bench.hpp"
#include "src/cli/broker_access.hpp"

namespace coterie::cli {
namespace {

using Clock = std::chrono::steady_clock;
using BrokerPtr = std::shared_ptr<queue::Broker>;

constexpr std::uint32_t warm_up = 50;
constexpr std::uint32_t rest_samples = 50;
constexpr std::chrono::milliseconds rest_pause{30};

/// When each job was sent and when its handler began.
struct Stopwatch {
  std::vector<Clock::time_point> sent;
  std::vector<Clock::time_point> started;
  std::uint32_t arrived = 0;
  Event arrival;  // set by each
  explicit Stopwatch(std::uint32_t jobs) : sent(jobs), started(jobs) {}
};

class StampHandler final : public queue::Handler {
 public:
  explicit StampHandler(std::shared_ptr<Stopwatch> watch) : watch_(std::move(watch)) {}
  Task<std::string> run(queue::JobContext& job) override {
    const Clock::time_point now = Clock::now();
    const std::uint64_t n = bench_number(job.payload());
    if (n < watch_->started.size() && watch_->started[n] == Clock::time_point()) {
      watch_->started[n] = now;
      ++watch_->arrived;
      watch_->arrival.set();
    }
    co_return bench_result(job.payload());
  }

 private:
  std::shared_ptr<Stopwatch> watch_;
};

Task<void> send(BrokerPtr broker, std::shared_ptr<Stopwatch> watch, std::uint32_t n, std::uint32_t bytes) {
  std::vector<queue::JobSpec> batch;
  queue::JobSpec& job = batch.emplace_back("bench", bench_payload(n, bytes));
  job.id = queue::new_uuid();
  job.queue = bench_queue_name;
  watch->sent[n] = Clock::now();
  std::vector<queue::Enqueued> verdict = co_await broker->enqueue(std::move(batch));
}

Task<void> arrivals(std::shared_ptr<Stopwatch> watch, std::uint32_t count) {
  while (watch->arrived < count) {
    watch->arrival.clear();
    co_await watch->arrival.wait();
  }
}

BenchLatency summary(const Stopwatch& watch) {
  std::vector<double> ms;
  for (std::size_t i = warm_up; i < watch.sent.size(); ++i)
    ms.push_back(std::chrono::duration<double, std::milli>(watch.started[i] - watch.sent[i]).count());
  BenchLatency latency;
  latency.p50_ms = quantile(ms, 0.50);
  latency.p99_ms = quantile(ms, 0.99);
  latency.max_ms = quantile(ms, 1);
  latency.samples = static_cast<std::uint32_t>(ms.size());
  return latency;
}

/// Jobs come at fixed times, whether or not those before have started: a stall delays all that it would
/// delay.
Task<void> send_steadily(BrokerPtr broker, std::shared_ptr<Stopwatch> watch, BenchOptions options) {
  const auto gap = std::chrono::nanoseconds(1'000'000'000 / options.load_per_s);
  const Clock::time_point start = Clock::now();
  std::vector<JoinHandle<void>> sending;
  for (std::uint32_t n = 0; n < watch->sent.size(); ++n) {
    const Clock::time_point due = start + n * gap;
    const Clock::time_point now = Clock::now();
    if (due > now) co_await sleep(due - now);
    sending.push_back(spawn(send, broker, watch, n, options.payload_bytes));
  }
  for (const JoinHandle<void>& each : sending) co_await each;
  co_await arrivals(watch, static_cast<std::uint32_t>(watch->sent.size()));
}

Task<void> send_singly(BrokerPtr broker, std::shared_ptr<Stopwatch> watch, BenchOptions options) {
  for (std::uint32_t n = 0; n < watch->sent.size(); ++n) {
    co_await send(broker, watch, n, options.payload_bytes);
    co_await arrivals(watch, n + 1);
    if (n >= warm_up) co_await sleep(rest_pause);
  }
}

using Sender = Task<void> (*)(BrokerPtr, std::shared_ptr<Stopwatch>, BenchOptions);

Task<BenchLatency> measure(BrokerPtr broker, BenchOptions options, std::uint32_t samples, Sender sender) {
  auto watch = std::make_shared<Stopwatch>(samples + warm_up);
  std::vector<std::string> queues{bench_queue_name};
  queue::WorkerOptions settings;
  settings.concurrency(at_most(*broker, options.concurrency)).queues(queues);
  queue::Worker worker(broker, settings);
  worker.handle_with("bench", std::make_shared<StampHandler>(watch));
  JoinHandle<void> serving = coterie::detail::spawn_borrowing(worker.serve(), named("worker"));
  Outcome<void> sent = co_await outcome(sender(broker, watch, options));
  worker.drain();
  Outcome<void> served = co_await outcome(serving);
  sent.get();
  served.get();
  co_return summary(*watch);
}

}  // namespace

Task<BenchLatency> measure_light_load(BrokerPtr broker, BenchOptions options) {
  return measure(std::move(broker), options, options.load_samples, &send_steadily);
}

Task<BenchLatency> measure_at_rest(BrokerPtr broker, BenchOptions options) {
  return measure(std::move(broker), options, rest_samples, &send_singly);
}

}  // namespace coterie::cli

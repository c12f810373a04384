// What a worker costs a job, on the memory broker: no disk, no network, one thread. Jobs are enqueued before
// the clock starts, but for `job`, which is all of its life. JSON by --benchmark_format=json.
#include <benchmark/benchmark.h>

#include <atomic>
#include <string>
#include <vector>

#include "bench/runtime/bench.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"

namespace {

using namespace coterie;
using namespace coterie::queue;

struct Resize {
  std::string path;
  int width = 0;
  int height = 0;
};
BOOST_DESCRIBE_STRUCT(Resize, (), (path, width, height))

const std::string payload_200 = "\"" + std::string(198, 'p') + "\"";
const std::string result_100 = "\"" + std::string(98, 'r') + "\"";

Task<std::string> no_op(JobContext&, std::string) {
  co_return result_100;
}
Task<int> typed(JobContext&, Resize args) {
  co_return args.width* args.height;
}

Task<void> enqueue(Client client, std::size_t count, std::string name, std::string payload) {
  std::vector<JobSpec> jobs;
  for (std::size_t i = 0; i < count; ++i) {
    jobs.emplace_back(name, payload);
    jobs.back().id = new_uuid();
  }
  Task<std::vector<JobId>> call = client.enqueue(std::move(jobs));
  co_await std::move(call);
}

void process(benchmark::State& state, const std::string& name, const std::string& payload) {
  constexpr std::size_t jobs = 100'000;
  for (auto _ : state) {
    const std::shared_ptr<Broker> broker = open_broker("memory://");
    Worker worker(broker,
                  WorkerOptions().concurrency(static_cast<std::uint32_t>(state.range(0))).stop_when_idle());
    worker.handle_raw("no op", no_op).handle("typed", typed);
    (void)coterie::run(enqueue(Client(broker), jobs, name, payload));
    const TimePoint began = Clock::now();
    (void)coterie::run(worker.serve());
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - began).count());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(jobs));
}

void process_no_op(benchmark::State& state) {
  process(state, "no op", payload_200);
}
BENCHMARK(process_no_op)
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->Arg(256)
    ->Arg(1024)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void process_typed(benchmark::State& state) {
  process(state, "typed", R"({"path":"/var/lib/images/0001.png","width":640,"height":480})");
}
BENCHMARK(process_typed)->Arg(64)->UseManualTime()->Unit(benchmark::kMillisecond);

/// From enqueue, in bulk, to the stored result: what bench/stacks-cost counts.
void job(benchmark::State& state) {
  constexpr std::size_t jobs = 10'000;
  for (auto _ : state) {
    const std::shared_ptr<Broker> broker = open_broker("memory://");
    Worker worker(broker,
                  WorkerOptions().concurrency(static_cast<std::uint32_t>(state.range(0))).stop_when_idle());
    worker.handle_raw("no op", no_op);
    (void)coterie::run(enqueue(Client(broker), jobs, "no op", payload_200));
    (void)coterie::run(worker.serve());
  }
  bench::each_of(state, jobs);
}
BENCHMARK(job)->Arg(64)->Apply(bench::as_told)->Unit(benchmark::kMillisecond);

Task<void> serve(Worker* worker) {
  co_await worker->serve();
}

/// From enqueue to the result in the producer's hands, at rest: the latency of one job.
Task<void> round_trips(benchmark::State* state, Worker* worker, Client client) {
  const JoinHandle<void> serving = spawn(serve, worker);
  for (auto _ : *state) {
    const JobId id = co_await client.enqueue(JobSpec("no op", payload_200));
    const std::string text = co_await client.result_text(id);
    benchmark::DoNotOptimize(text.data());
  }
  worker->drain();
  co_await serving;
}
void round_trip(benchmark::State& state) {
  const std::shared_ptr<Broker> broker = open_broker("memory://");
  Worker worker(broker);
  worker.handle_raw("no op", no_op);
  (void)coterie::run(round_trips(&state, &worker, Client(broker)));
}
BENCHMARK(round_trip)->Unit(benchmark::kMicrosecond);

void write_struct(benchmark::State& state) {
  const Resize args{"/var/lib/images/0001.png", 640, 480};
  for (auto _ : state) benchmark::DoNotOptimize(to_json(args));
}
BENCHMARK(write_struct);

void read_struct(benchmark::State& state) {
  const std::string text = to_json(Resize{"/var/lib/images/0001.png", 640, 480});
  for (auto _ : state) benchmark::DoNotOptimize(from_json<Resize>(text));
}
BENCHMARK(read_struct);

}  // namespace

BENCHMARK_MAIN();

// What the runtime costs, an operation each. One thread; JSON by --benchmark_format=json.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/testing/virtual_loop.hpp"

namespace {

using namespace coterie;
using namespace std::chrono_literals;

/// A loop with the real clock and no I/O: what is measured here never waits for a descriptor.
class ClockPoller final : public Poller {
 public:
  TimePoint now() noexcept override { return Clock::now(); }
  void poll(std::optional<TimePoint>) override {}
  void wake() noexcept override {}
};

template <class T>
void run_on_loop(EventLoop& loop, Task<T> body) {
  JoinHandle<T> main(*detail::TaskState<T>::spawn_on(loop, std::move(body)));
  loop.run_until([&] { return main.done(); });
  main.result();
}

/// Under a simulator, which counts instructions, exactly so many iterations are wanted: see
/// bench/count-instructions.
void as_told(benchmark::internal::Benchmark* bench) {
  const char* iterations = std::getenv("COTERIE_BENCH_ITERATIONS");
  if (iterations != nullptr) bench->Iterations(std::atoll(iterations));
}

/// Runs `body(state)` once in a task; it iterates over the state itself.
template <class Body>
void in_task(benchmark::State& state, Body body) {
  EventLoop loop(std::make_unique<ClockPoller>());
  run_on_loop(loop, body(state));
  (void)loop.cancel_all_and_run(1h);
}

Task<int> ready(int value) {
  co_return value;
}
Task<void> nop() {
  co_return;
}
Task<void> sleeper(Duration time) {
  co_await sleep(time);
}
Task<void> spin(const bool& stop) {
  while (!stop) co_await yield();
}

void direct_await(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (auto _ : s) {
      int value = co_await ready(1);
      benchmark::DoNotOptimize(value);
    }
  });
}
BENCHMARK(direct_await)->Apply(as_told);

void spawn_join_one(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (auto _ : s) {
      JoinHandle<void> task = spawn(nop);
      co_await task;
    }
  });
}
BENCHMARK(spawn_join_one)->Apply(as_told);

/// The same, started eagerly: no tick.
void spawn_join_eager(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    EventLoop::current().set_eager_start(true);
    for (auto _ : s) {
      JoinHandle<void> task = spawn(nop);
      co_await task;
    }
  });
}
BENCHMARK(spawn_join_eager)->Apply(as_told);

void spawn_join_1000(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    std::vector<JoinHandle<void>> tasks;
    for (auto _ : s) {
      for (int i = 0; i < 1000; ++i) tasks.push_back(spawn(nop));
      for (auto& task : tasks) co_await task;
      tasks.clear();
    }
    s.SetItemsProcessed(static_cast<std::int64_t>(s.iterations()) * 1000);
  });
}
BENCHMARK(spawn_join_1000)->Apply(as_told);

void yield_among(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    bool stop = false;
    for (int i = 1; i < s.range(0); ++i) spawn(spin, std::cref(stop));
    for (auto _ : s) co_await yield();
    stop = true;
    s.SetItemsProcessed(static_cast<std::int64_t>(s.iterations()) * s.range(0));
    co_await yield();
  });
}
BENCHMARK(yield_among)->Apply(as_told)->Arg(2)->Arg(1000);

long resident_bytes() {
  long pages = 0;
  long resident = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "r"), std::fclose);
  if (!file || std::fscanf(file.get(), "%ld %ld", &pages, &resident) != 2) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

/// A million tasks that sleep a thousand seconds: time to create and arm one, and what each keeps resident.
void sleeping_task(benchmark::State& state) {
  constexpr int count = 1'000'000;
  for (auto _ : state) {
    EventLoop loop(std::make_unique<ClockPoller>());
    const long before = resident_bytes();
    run_on_loop(loop, []() -> Task<void> {
      for (int i = 0; i < count; ++i) spawn(sleeper, Duration(1000s));
      co_await yield();
    }());
    state.counters["bytes_each"] = static_cast<double>(resident_bytes() - before) / count;
    state.PauseTiming();
    loop.set_exception_handler([](const ErrorContext&) {});  // of each that is closed while it sleeps
    loop.close();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * count);
}
BENCHMARK(sleeping_task)->Iterations(1)->Unit(benchmark::kMillisecond);

/// A sleep below so many frames.
template <class How>
Task<void, How> sleep_below(std::int64_t frames) {
  if (frames > 1)
    co_await sleep_below<How>(frames - 1);
  else
    co_await sleep(1000s);
}

/// Cancelling and joining tasks that sleep, at either price, with so many frames each.
template <class How>
void cancel(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    std::vector<JoinHandle<void>> tasks;
    const std::int64_t count = 100'000 / s.range(0);
    for (auto _ : s) {
      s.PauseTiming();
      for (std::int64_t i = 0; i < count; ++i) tasks.push_back(spawn(sleep_below<How>, s.range(0)));
      co_await yield();
      s.ResumeTiming();
      for (auto& task : tasks) task.cancel();
      for (auto& task : tasks) {
        Outcome<void> end = co_await outcome(task);
        benchmark::DoNotOptimize(end);
      }
      tasks.clear();
    }
    s.SetItemsProcessed(static_cast<std::int64_t>(s.iterations()) * count);
  });
}
BENCHMARK(cancel<catching>)->Name("cancel_by_exception")->Apply(as_told)->Arg(1)->Arg(10);
BENCHMARK(cancel<no_catch>)->Name("cancel_by_destruction")->Apply(as_told)->Arg(1)->Arg(10);

/// A timeout around an await that does not suspend, with so many other timers pending.
void timeout_armed(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (int i = 0; i < s.range(0); ++i) spawn(sleeper, Duration(1000s));
    co_await yield();
    for (auto _ : s) co_await wait_for(10s, nop());
  });
}
BENCHMARK(timeout_armed)->Apply(as_told)->Arg(0)->Arg(10'000);

void task_group_of_10(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (auto _ : s) {
      co_await task_group([&](TaskGroup& group) -> Task<void> {
        for (int i = 0; i < 10; ++i) group.spawn(nop);
        co_return;
      });
    }
  });
}
BENCHMARK(task_group_of_10)->Apply(as_told);

void queue_buffered(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    Queue<int> queue(1024);
    auto producer = spawn(
        [](Queue<int>& items) -> Task<void> {
          for (int i = 0;; ++i) co_await items.put(i);
        },
        std::ref(queue));
    for (auto _ : s) {
      int item = co_await queue.get();
      benchmark::DoNotOptimize(item);
    }
    producer.cancel();
    co_await producer.wait();
  });
}
BENCHMARK(queue_buffered)->Apply(as_told);

void lock_free_and_contended(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    Lock lock;
    bool stop = false;
    std::vector<JoinHandle<void>> rivals;
    for (int i = 1; i < s.range(0); ++i)
      rivals.push_back(spawn(
          [](Lock& mine, const bool& over) -> Task<void> {
            while (!over) {
              LockGuard guard = co_await mine.scoped();
              co_await yield();
            }
          },
          std::ref(lock), std::cref(stop)));
    for (auto _ : s) {
      LockGuard guard = co_await lock.scoped();
      if (s.range(0) > 1) co_await yield();
    }
    stop = true;
    s.SetItemsProcessed(static_cast<std::int64_t>(s.iterations()) * s.range(0));
    for (auto& rival : rivals) co_await rival;
  });
}
BENCHMARK(lock_free_and_contended)->Apply(as_told)->Arg(1)->Arg(100);

}  // namespace

BENCHMARK_MAIN();

// Tasks that sleep, by the real clock, and timeouts.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <vector>

#include "bench/runtime/bench.hpp"
#include "coterie/testing/random.hpp"

namespace coterie::bench {
namespace {
using namespace std::chrono_literals;

long resident_bytes() {
  long pages = 0;
  long resident = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "r"), std::fclose);
  if (!file || std::fscanf(file.get(), "%ld %ld", &pages, &resident) != 2) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

/// So many tasks that sleep a thousand seconds: time to create and arm one, and what each keeps resident.
/// The memory of benchmarks that ran before would be used again: bytes count in a process of its own.
void sleeping_task(benchmark::State& state) {
  for (auto _ : state) {
    EventLoop loop(std::make_unique<ClockPoller>());
    malloc_trim(0);
    const long before = resident_bytes();
    run_on_loop(loop, [](std::int64_t count) -> Task<void> {
      for (std::int64_t i = 0; i < count; ++i) spawn(sleeper, Duration(1000s));
      co_await yield();
    }(state.range(0)));
    state.counters["bytes_each"] =
        static_cast<double>(resident_bytes() - before) / static_cast<double>(state.range(0));
    state.PauseTiming();
    loop.set_exception_handler([](const ErrorContext&) {});  // of each that is closed while it sleeps
    loop.close();
    state.ResumeTiming();
  }
  each_of(state, state.range(0));
}
BENCHMARK(sleeping_task)->Iterations(1)->Unit(benchmark::kMillisecond)->Arg(1'000'000)->Arg(100'000);

/// So many tasks each of which sleeps as long as `delay(i)` says, until all have ended: processor time.
template <class Delay>
void sleep_and_wake(benchmark::State& state, Delay delay) {
  for (auto _ : state) {
    const std::unique_ptr<EventLoop> loop = new_event_loop();
    run_on_loop(*loop, [](std::int64_t count, Delay& how_long) -> Task<void> {
      for (std::int64_t i = 0; i < count; ++i) spawn(sleeper, how_long(i));
      EventLoop& mine = EventLoop::current();
      while (mine.task_count() > 1) co_await sleep(10ms);
    }(state.range(0), delay));
  }
  each_of(state, state.range(0));
}

void sleep_one_second(benchmark::State& state) {
  sleep_and_wake(state, [](std::int64_t) { return Duration(1s); });
}
BENCHMARK(sleep_one_second)
    ->Iterations(1)
    ->Apply(as_told)
    ->Unit(benchmark::kMillisecond)
    ->Arg(1'000'000)
    ->Arg(100'000);

void random_timers(benchmark::State& state) {
  testing::Random random(1);
  sleep_and_wake(state, [&](std::int64_t) { return Duration(random.below(1'000'000'000)); });
}
BENCHMARK(random_timers)->Iterations(1)->Unit(benchmark::kMillisecond)->Arg(1'000'000)->Arg(100'000);

/// A timeout around an await that does not suspend, with so many other timers pending.
void timeout_armed(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (std::int64_t i = 0; i < s.range(0); ++i) spawn(sleeper, Duration(1000s));
    co_await yield();
    for (auto _ : s) co_await wait_for(10s, nop());
  });
}
BENCHMARK(timeout_armed)->Apply(as_told)->Arg(0)->Arg(10'000)->Arg(100'000);

Task<void> one_tick() {
  co_await yield();
}
Task<void> limit_again_and_again(const bool& stop) {
  while (!stop) co_await wait_for(10s, one_tick());
}

/// The same of a thousand tasks at a time, where the loop looks at each tick, before they are disarmed: all
/// enter the heap and leave it.
void timeout_seen(benchmark::State& state) {
  LoopOptions options;
  options.ticks_per_poll = 1;
  const auto body = [](benchmark::State& s) -> Task<void> {
    for (std::int64_t i = 0; i < s.range(0); ++i) spawn(sleeper, Duration(1000s));
    bool stop = false;
    std::vector<JoinHandle<void>> others;
    for (int i = 1; i < 1000; ++i) others.push_back(spawn(limit_again_and_again, std::cref(stop)));
    co_await yield();
    for (auto _ : s) co_await wait_for(10s, one_tick());
    stop = true;
    each_of(s, 1000);
    for (auto& other : others) co_await other;
  };
  in_task(state, body, options);
}
BENCHMARK(timeout_seen)->Apply(as_told)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace coterie::bench

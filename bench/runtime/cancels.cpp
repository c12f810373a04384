// Cancelling tasks that sleep, at the prices that there are.
#include <vector>

#include "bench/runtime/bench.hpp"

namespace coterie::bench {
namespace {
using namespace std::chrono_literals;

/// A sleep below so many frames.
template <class How>
Task<void, How> sleep_below(std::int64_t frames) {
  if (frames > 1)
    co_await sleep_below<How>(frames - 1);
  else
    co_await sleep(1000s);
}

/// Below so many frames each of which catches the cancel, cleans up, and throws it on.
Task<void> sleep_below_handlers(std::int64_t frames, int& cleaned) {
  try {
    if (frames > 1)
      co_await sleep_below_handlers(frames - 1, cleaned);
    else
      co_await sleep(1000s);
  } catch (const Cancelled&) {
    ++cleaned;
    throw;
  }
}

/// Cancels all of `tasks` and waits for each.
Task<void> cancel_and_join(std::vector<JoinHandle<void>>& tasks) {
  for (auto& task : tasks) task.cancel();
  for (auto& task : tasks) {
    Outcome<void> end = co_await outcome(task);
    benchmark::DoNotOptimize(end);
  }
  tasks.clear();
}

/// range(0): frames of each task; range(1): tasks.
template <class How>
void cancel(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    std::vector<JoinHandle<void>> tasks;
    for (auto _ : s) {
      s.PauseTiming();
      for (std::int64_t i = 0; i < s.range(1); ++i) tasks.push_back(spawn(sleep_below<How>, s.range(0)));
      co_await yield();
      s.ResumeTiming();
      co_await cancel_and_join(tasks);
    }
    each_of(s, s.range(1));
  });
}
BENCHMARK(cancel<catching>)
    ->Name("cancel_by_exception")
    ->Apply(as_told)
    ->Args({1, 100'000})
    ->Args({1, 10'000})
    ->Args({10, 10'000});
BENCHMARK(cancel<no_catch>)
    ->Name("cancel_by_destruction")
    ->Apply(as_told)
    ->Args({1, 100'000})
    ->Args({1, 10'000})
    ->Args({10, 10'000});

/// range(0): frames of each task, of which each catches and throws on.
void cancel_caught(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    constexpr std::int64_t count = 1000;
    std::vector<JoinHandle<void>> tasks;
    int cleaned = 0;
    for (auto _ : s) {
      s.PauseTiming();
      for (std::int64_t i = 0; i < count; ++i)
        tasks.push_back(spawn(sleep_below_handlers, s.range(0), std::ref(cleaned)));
      co_await yield();
      s.ResumeTiming();
      co_await cancel_and_join(tasks);
    }
    benchmark::DoNotOptimize(cleaned);
    each_of(s, count);
  });
}
BENCHMARK(cancel_caught)->Apply(as_told)->Arg(3)->Arg(30);

}  // namespace
}  // namespace coterie::bench

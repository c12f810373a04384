// Calls and tasks that wait for nothing but each other.
#include <vector>

#include "bench/runtime/bench.hpp"

namespace coterie::bench {
namespace {

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

/// So many are spawned, then all awaited.
void spawn_join(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    std::vector<JoinHandle<void>> tasks;
    for (auto _ : s) {
      for (std::int64_t i = 0; i < s.range(0); ++i) tasks.push_back(spawn(nop));
      for (auto& task : tasks) co_await task;
      tasks.clear();
    }
    each_of(s, s.range(0));
  });
}
BENCHMARK(spawn_join)->Apply(as_told)->Arg(1000)->Arg(10'000);

Task<void> spin(const bool& stop) {
  while (!stop) co_await yield();
}

/// A yield() among so many tasks that do nothing else.
void yield_among(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    bool stop = false;
    for (std::int64_t i = 1; i < s.range(0); ++i) spawn(spin, std::cref(stop));
    for (auto _ : s) co_await yield();
    stop = true;
    each_of(s, s.range(0));
    co_await yield();
  });
}
BENCHMARK(yield_among)->Apply(as_told)->Arg(2)->Arg(1000)->Arg(10'000);

void task_group_of(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    for (auto _ : s) {
      co_await task_group([&](TaskGroup& group) -> Task<void> {
        for (std::int64_t i = 0; i < s.range(0); ++i) group.spawn(nop);
        co_return;
      });
    }
  });
}
BENCHMARK(task_group_of)->Apply(as_told)->Arg(10)->Arg(100);

Task<void> suspend_below(std::int64_t levels, TimePoint& resumed) {
  if (levels > 1) {
    co_await suspend_below(levels - 1, resumed);
  } else {
    co_await yield();
    resumed = Clock::now();
  }
}

/// From the innermost of so many suspended coroutines, each awaited by the next, back to the outermost: a
/// level each. The descent is not timed.
void return_through(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    TimePoint resumed;
    for (auto _ : s) {
      co_await suspend_below(s.range(0), resumed);
      s.SetIterationTime(std::chrono::duration<double>(Clock::now() - resumed).count());
    }
    each_of(s, s.range(0));
  });
}
BENCHMARK(return_through)->Apply(as_told)->UseManualTime()->Arg(1000)->Arg(10'000);

}  // namespace
}  // namespace coterie::bench

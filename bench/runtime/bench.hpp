#pragma once
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "coterie/coterie.hpp"

/// What the benchmarks of the runtime have in common.
namespace coterie::bench {

/// A loop with the real clock and no I/O: for what never waits for a descriptor.
class ClockPoller final : public Poller {
 public:
  TimePoint now() noexcept override { return Clock::now(); }
  void poll(std::optional<TimePoint>) override {}
  void wake() noexcept override {}
};

/// Under a simulator, which counts instructions, exactly so many iterations are wanted: see
/// bench/count-instructions.
inline void as_told(benchmark::internal::Benchmark* bench) {
  const char* iterations = std::getenv("COTERIE_BENCH_ITERATIONS");
  if (iterations != nullptr) bench->Iterations(std::atoll(iterations));
}

/// So many operations in each iteration.
inline void each_of(benchmark::State& state, std::int64_t operations) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * operations);
}

template <class T>
void run_on_loop(EventLoop& loop, Task<T> body) {
  JoinHandle<T> main(*detail::TaskState<T>::spawn_on(loop, std::move(body)));
  loop.run_until([&] { return main.done(); });
  main.result();
}

/// Runs `body(state)` once in a task; it iterates over the state itself.
template <class Body>
void in_task(benchmark::State& state, Body body, LoopOptions options = LoopOptions()) {
  EventLoop loop(std::make_unique<ClockPoller>(), nullptr, std::move(options));
  run_on_loop(loop, body(state));
  (void)loop.cancel_all_and_run(std::chrono::hours(1));
}

inline Task<int> ready(int value) {
  co_return value;
}
inline Task<void> nop() {
  co_return;
}
inline Task<void> sleeper(Duration time) {
  co_await sleep(time);
}

}  // namespace coterie::bench

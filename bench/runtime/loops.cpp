// What crosses from one loop to another, on a thread each.
#include <sched.h>

#include "bench/runtime/bench.hpp"
#include "coterie/runtime.hpp"

namespace coterie::bench {
namespace {

Task<void> ping(EventLoop& there, benchmark::State& state) {
  for (auto _ : state) co_await spawn_on(there, nop);
}

/// This thread stays on the first of the cores that it may use, or on the last.
void stay_on_the(bool last) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int core = last ? CPU_SETSIZE - 1 : 0;
  while (!CPU_ISSET(core, &allowed)) core += last ? -1 : 1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  (void)sched_setaffinity(0, sizeof one, &one);
}

/// A task of one loop spawns one on another, which sleeps until then, and awaits its end: by the wall's
/// clock. Each loop has a core of its own where the process may use two.
void round_trips(benchmark::State& state, RuntimeOptions options) {
  options.loops = 2;
  Runtime runtime(options);
  runtime.loop(0).call_soon_threadsafe([] { stay_on_the(false); });
  runtime.loop(1).call_soon_threadsafe([] { stay_on_the(true); });
  spawn_on(runtime.loop(0), ping, std::ref(runtime.loop(1)), std::ref(state)).get();
}
void cross_loop(benchmark::State& state) {
  round_trips(state, RuntimeOptions());
}
BENCHMARK(cross_loop)->Apply(as_told)->UseRealTime();

/// Nobody looks whether more comes: the path alone, as that of what it is compared with.
void cross_loop_without_linger(benchmark::State& state) {
  RuntimeOptions options;
  options.linger = Duration::zero();
  round_trips(state, options);
}
BENCHMARK(cross_loop_without_linger)->Apply(as_told)->UseRealTime();

}  // namespace
}  // namespace coterie::bench

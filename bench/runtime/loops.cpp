// What crosses from one loop to another, on a thread each.
#include "bench/runtime/bench.hpp"
#include "coterie/runtime.hpp"

namespace coterie::bench {
namespace {

Task<void> ping(EventLoop& there, benchmark::State& state) {
  for (auto _ : state) co_await spawn_on(there, nop);
}

/// A task of one loop spawns one on another, which sleeps until then, and awaits its end: by the wall's
/// clock.
void cross_loop(benchmark::State& state) {
  RuntimeOptions options;
  options.loops = 2;
  Runtime runtime(options);
  spawn_on(runtime.loop(0), ping, std::ref(runtime.loop(1)), std::ref(state)).get();
}
BENCHMARK(cross_loop)->Apply(as_told)->UseRealTime();

}  // namespace
}  // namespace coterie::bench

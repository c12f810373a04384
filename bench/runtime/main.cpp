// What the runtime costs, an operation each; JSON by --benchmark_format=json. The benchmarks stand in the
// files beside this one, by subject. bench/compare runs them beside those of others.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();

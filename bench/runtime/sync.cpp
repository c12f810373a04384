// Queues and locks.
#include <memory>
#include <vector>

#include "bench/runtime/bench.hpp"
#include "coterie/sched/priority.hpp"

namespace coterie::bench {
namespace {

Task<void> produce(Queue<int>& items) {
  for (int i = 0;; ++i) co_await items.put(i);
}

/// An item from one task to another through a queue that holds so many. With 1 they meet for each.
void queue(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    Queue<int> items(static_cast<std::size_t>(s.range(0)));
    auto producer = spawn(produce, std::ref(items));
    for (auto _ : s) {
      int item = co_await items.get();
      benchmark::DoNotOptimize(item);
    }
    producer.cancel();
    co_await producer.wait();
  });
}
BENCHMARK(queue)->Apply(as_told)->Arg(1)->Arg(1024)->Arg(10'240);

void lock_free(benchmark::State& state) {
  in_task(state, [](benchmark::State& s) -> Task<void> {
    Lock lock;
    for (auto _ : s) LockGuard guard = co_await lock.scoped();
  });
}
BENCHMARK(lock_free)->Apply(as_told);

Task<void> hold_again_and_again(Lock& lock, const bool& stop) {
  while (!stop) {
    LockGuard guard = co_await lock.scoped();
    co_await yield();
  }
}

/// A turn with the lock among so many rivals, a yield() inside.
Task<void> contend(benchmark::State& state) {
  Lock lock;
  bool stop = false;
  std::vector<JoinHandle<void>> rivals;
  for (std::int64_t i = 1; i < state.range(0); ++i)
    rivals.push_back(spawn(hold_again_and_again, std::ref(lock), std::cref(stop)));
  for (auto _ : state) {
    LockGuard guard = co_await lock.scoped();
    co_await yield();
  }
  stop = true;
  each_of(state, state.range(0));
  for (auto& rival : rivals) co_await rival;
}

void lock_contended(benchmark::State& state) {
  in_task(state, contend);
}
BENCHMARK(lock_contended)->Apply(as_told)->Arg(100)->Arg(1000);

/// The same where who holds it has the priority of who waits for it.
void lock_inherited(benchmark::State& state) {
  LoopOptions options;
  options.policy = [] { return std::make_unique<PriorityPolicy>(); };
  in_task(state, contend, options);
}
BENCHMARK(lock_inherited)->Apply(as_told)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace coterie::bench

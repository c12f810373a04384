// What the scheduling policies cost: a push and a pop with so many ready in eight classes, or in so many
// classes; and what looking at steps costs.
#include <memory>
#include <vector>

#include "bench/runtime/bench.hpp"
#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "coterie/testing/random.hpp"

namespace coterie::bench {
namespace {

constexpr std::int64_t few_classes = 8;

class Node final : public Runnable {
 public:
  void run() noexcept override {}
};

std::unique_ptr<ReadyQueue> fifo() {
  return std::make_unique<FifoQueue>();
}
std::unique_ptr<ReadyQueue> priority() {
  return std::make_unique<PriorityPolicy>();
}
std::unique_ptr<ReadyQueue> aging() {
  PriorityOptions options;
  options.aging = 64;
  return std::make_unique<PriorityPolicy>(options);
}
std::unique_ptr<ReadyQueue> weighted_round_robin() {
  return std::make_unique<WeightedRoundRobinPolicy>(std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8});
}
/// Of class 0 on: 100 shares, 100, 200…
std::unique_ptr<ReadyQueue> fair_share_of(std::int64_t classes) {
  auto policy = std::make_unique<FairSharePolicy>();
  for (std::int64_t i = 1; i < classes; ++i) policy->add_class("class", static_cast<std::uint32_t>(100 * i));
  return policy;
}
std::unique_ptr<ReadyQueue> fair_share() {
  return fair_share_of(few_classes);
}
std::unique_ptr<ReadyQueue> weighted_round_robin_of(std::int64_t classes) {
  std::vector<std::uint32_t> weights;
  for (std::int64_t i = 1; i <= classes; ++i) weights.push_back(static_cast<std::uint32_t>(i));
  return std::make_unique<WeightedRoundRobinPolicy>(weights);
}

/// Who was popped is pushed again in a class of its own choice, as a task that wakes another.
void push_and_pop(benchmark::State& state, const std::unique_ptr<ReadyQueue>& queue, std::int64_t ready,
                  std::int64_t classes) {
  testing::Random random(1);
  std::vector<Node> nodes(static_cast<std::size_t>(ready));
  std::vector<SchedClass> choices(4096);
  for (SchedClass& choice : choices)
    choice = static_cast<SchedClass>(random.below(static_cast<std::uint64_t>(classes)));
  for (std::size_t i = nodes.size(); i > 0; --i) {
    nodes[i - 1].set_sched_class(choices[i % choices.size()]);
    queue->push(nodes[i - 1]);
  }
  std::size_t turn = 0;
  for (auto _ : state) {
    Runnable* node = queue->pop();
    if (node == nullptr) {
      queue->begin_tick();
      node = queue->pop();
    }
    queue->charge(node->sched_class(), std::chrono::nanoseconds(100));
    node->set_sched_class(choices[turn++ % choices.size()]);
    queue->push(*node);
  }
  while (!queue->empty()) {
    queue->begin_tick();
    while (queue->pop() != nullptr) {
    }
  }
}

void push_pop(benchmark::State& state, std::unique_ptr<ReadyQueue> (*make)()) {
  push_and_pop(state, make(), state.range(0), few_classes);
}

/// Ten ready of each class.
void of_classes(benchmark::State& state, std::unique_ptr<ReadyQueue> (*make)(std::int64_t)) {
  push_and_pop(state, make(state.range(0)), 10 * state.range(0), state.range(0));
}
void numbers_of_classes(benchmark::internal::Benchmark* bench) {
  as_told(bench);
  bench->Arg(10)->Arg(100)->Arg(1000);
}
BENCHMARK_CAPTURE(of_classes, weighted_round_robin, weighted_round_robin_of)->Apply(numbers_of_classes);
BENCHMARK_CAPTURE(of_classes, fair_share, fair_share_of)->Apply(numbers_of_classes);

void sizes(benchmark::internal::Benchmark* bench) {
  as_told(bench);
  bench->Arg(10)->Arg(1000)->Arg(10'000)->Arg(100'000);
}
BENCHMARK_CAPTURE(push_pop, fifo, fifo)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, priority, priority)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, aging, aging)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, weighted_round_robin, weighted_round_robin)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, fair_share, fair_share)->Apply(sizes);

Task<void> yield_often(int count) {
  for (int i = 0; i < count; ++i) co_await yield();
}

Task<void> hundred_tasks(int steps_each) {
  std::vector<JoinHandle<void>> tasks;
  tasks.reserve(100);
  for (int i = 0; i < 100; ++i) tasks.push_back(spawn(yield_often, steps_each));
  for (const JoinHandle<void>& task : tasks) co_await task.wait();
}

/// A step, among a hundred tasks that do nothing but yield.
void step(benchmark::State& state, void (*set)(LoopOptions&)) {
  constexpr int steps_each = 1000;
  LoopOptions options;
  set(options);
  const std::unique_ptr<EventLoop> loop = new_event_loop(options);
  for (auto _ : state) run_until_complete(*loop, hundred_tasks(steps_each));
  state.counters["step"] = benchmark::Counter(
      100.0 * steps_each, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(step, plain, [](LoopOptions&) {});
BENCHMARK_CAPTURE(step, long_step,
                  [](LoopOptions& options) { options.long_step = std::chrono::milliseconds(100); });
BENCHMARK_CAPTURE(step, class_times, [](LoopOptions& options) { options.class_times = true; });
BENCHMARK_CAPTURE(step, priority, [](LoopOptions& options) { options.policy = priority; });
BENCHMARK_CAPTURE(step, fair_share, [](LoopOptions& options) { options.policy = fair_share; });

}  // namespace
}  // namespace coterie::bench

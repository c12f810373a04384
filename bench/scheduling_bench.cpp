// What the scheduling policies cost: a push and a pop with so many ready in eight classes.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "coterie/testing/random.hpp"

namespace {

using namespace coterie;

constexpr int classes = 8;

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
std::unique_ptr<ReadyQueue> fair_share() {
  auto policy = std::make_unique<FairSharePolicy>();
  for (int i = 1; i < classes; ++i) policy->add_class("class", static_cast<std::uint32_t>(100 * i));
  return policy;
}

/// Who was popped is pushed again in a class of its own choice, as a task that wakes another.
void push_pop(benchmark::State& state, std::unique_ptr<ReadyQueue> (*make)()) {
  const std::unique_ptr<ReadyQueue> queue = make();
  testing::Random random(1);
  std::vector<Node> nodes(static_cast<std::size_t>(state.range(0)));
  std::vector<SchedClass> choices(4096);
  for (SchedClass& choice : choices) choice = static_cast<SchedClass>(random.below(classes));
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

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(10)->Arg(1000)->Arg(100'000);
}
BENCHMARK_CAPTURE(push_pop, fifo, fifo)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, priority, priority)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, aging, aging)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, weighted_round_robin, weighted_round_robin)->Apply(sizes);
BENCHMARK_CAPTURE(push_pop, fair_share, fair_share)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();

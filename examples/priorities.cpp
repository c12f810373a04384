#include <coterie/coterie.hpp>
#include <coterie/sched/priority.hpp>
#include <iostream>
using namespace coterie;

Task<void> work(const char* name) {
  for (int step = 1; step <= 2; ++step) {
    std::cout << name << ' ' << step << '\n';
    co_await yield();  // whoever is more urgent goes first, whoever is as urgent has a turn
  }
}

Task<void> async_main() {
  co_await task_group([](TaskGroup& group) -> Task<void> {
    group.spawn(work, "report");  // 0, as async_main
    group.spawn(work, "export");
    group.spawn(SpawnOptions("answer").sched_class(10), work, "answer");
    co_return;
  });
}

int main() {
  RunOptions options;
  options.loop.policy = [] { return std::make_unique<PriorityPolicy>(); };
  return run(async_main(), options);
}

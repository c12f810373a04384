// Three kinds of work want more of a loop than there is: what each scheduling policy makes of it, in virtual
// time, so always the same. bench/plot-scheduling draws what this prints:
//   share POLICY END_MS BULK NORMAL URGENT   percent of the loop's time in the window that ends then
//   late POLICY MS                           how late the latest of the urgent requests began
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "coterie/testing/virtual_loop.hpp"

namespace {

using namespace coterie;
using namespace std::chrono_literals;

struct Kind {
  SchedClass sched_class;
  Duration step;
  Duration from;
  Duration until;
};
constexpr Duration end = 1200ms;
constexpr Duration window = 50ms;
constexpr std::size_t windows = end / window;
constexpr SchedClass urgent = 3;
/// Bulk, normal, urgent: the more urgent, the shorter the steps. Four tasks each.
constexpr std::array<Kind, 3> kinds{Kind{1, 4ms, 0ms, end}, Kind{2, 1ms, 300ms, end},
                                    Kind{urgent, 250us, 600ms, 900ms}};
constexpr int tasks_each = 4;

std::unique_ptr<ReadyQueue> make(const std::string& policy) {
  if (policy == "priority") return std::make_unique<PriorityPolicy>();
  if (policy == "aging") {
    PriorityOptions options;
    options.aging = 16;
    return std::make_unique<PriorityPolicy>(options);
  }
  if (policy == "weighted-round-robin")
    return std::make_unique<WeightedRoundRobinPolicy>(std::vector<std::uint32_t>{1, 1, 2, 4});
  if (policy == "fair-share") {
    auto fair = std::make_unique<FairSharePolicy>();
    (void)fair->add_class("bulk", 100);
    (void)fair->add_class("normal", 200);
    (void)fair->add_class("urgent", 400);
    return fair;
  }
  return std::make_unique<FifoQueue>();
}

/// Steps are long here, so timers are looked at after each.
LoopOptions each_step() {
  LoopOptions options;
  options.steps_per_poll = 1;
  return options;
}

class Overload {
 public:
  explicit Overload(const std::string& policy) : loop_(make(policy), each_step()) {}

  void run() { loop_.run(all(*this)); }
  void print(const std::string& policy) const {
    for (std::size_t i = 0; i < windows; ++i) {
      double sum = 0;
      for (const auto& used : used_) sum += used[i];
      std::printf("share %s %zu", policy.c_str(), (i + 1) * static_cast<std::size_t>(window / 1ms));
      for (const auto& used : used_) std::printf(" %.1f", sum > 0 ? 100 * used[i] / sum : 0);
      std::printf("\n");
    }
    std::printf("late %s %.2f\n", policy.c_str(), std::chrono::duration<double, std::milli>(latest_).count());
  }

 private:
  Duration now() { return loop_.loop().now().time_since_epoch(); }
  void step(std::size_t kind, Duration time) {
    loop_.block_for(time);
    const auto at = static_cast<std::size_t>((now() - 1ns) / window);
    used_[kind][std::min(at, windows - 1)] += static_cast<double>(time.count());
  }

  static Task<void> all(Overload& self) {
    std::vector<JoinHandle<void>> tasks;
    for (std::size_t kind = 0; kind < kinds.size(); ++kind)
      for (int i = 0; i < tasks_each; ++i)
        tasks.push_back(
            spawn(SpawnOptions().sched_class(kinds[kind].sched_class), work, std::ref(self), kind));
    tasks.push_back(spawn(SpawnOptions().sched_class(urgent), requests, std::ref(self)));
    for (const JoinHandle<void>& task : tasks) co_await task.wait();
  }
  static Task<void> work(Overload& self, std::size_t kind) {
    co_await sleep(kinds[kind].from);
    while (self.now() < kinds[kind].until) {
      self.step(kind, kinds[kind].step);
      co_await yield();
    }
  }
  /// Short ones, at times that have nothing to do with the steps of others.
  static Task<void> requests(Overload& self) {
    for (Duration due = 7ms; due < end; due += 13ms) {
      if (due > self.now()) co_await sleep(due - self.now());
      self.latest_ = std::max(self.latest_, self.now() - due);
      self.step(2, 50us);
    }
  }

  testing::VirtualLoop loop_;
  std::array<std::array<double, windows>, 3> used_{};
  Duration latest_{};
};

}  // namespace

int main() {
  for (const char* policy : {"fifo", "priority", "aging", "weighted-round-robin", "fair-share"}) {
    Overload overload(policy);
    overload.run();
    overload.print(policy);
  }
  return 0;
}

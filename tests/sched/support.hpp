#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "support/runtime.hpp"

namespace coterie::test {

/// The loop of the test that runs.
inline testing::VirtualLoop* world = nullptr;

inline SpawnOptions at(SchedClass sched_class) {
  return SpawnOptions().sched_class(sched_class);
}

/// Runs `body()` as the main task of a virtual loop with that policy.
template <class Body>
void run_under(std::unique_ptr<ReadyQueue> policy, Body body) {
  testing::VirtualLoop loop(std::move(policy));
  world = &loop;
  loop.run(body());
}

/// Always ready until it is stopped, with steps that take so long, which it counts.
class Busy {
 public:
  explicit Busy(SchedClass sched_class, Duration step = std::chrono::milliseconds(10))
      : Busy(sched_class, [step] { return step; }) {}
  Busy(SchedClass sched_class, std::function<Duration()> step)
      : step_(std::move(step)), task_(spawn(at(sched_class), &Busy::run, std::ref(*this))) {}
  [[nodiscard]] int steps() const noexcept { return steps_; }
  [[nodiscard]] Duration time() const noexcept { return time_; }
  [[nodiscard]] const JoinHandle<void>& task() const noexcept { return task_; }
  Task<void> stop() {
    stopped_ = true;
    co_await task_;
  }

 private:
  static Task<void> run(Busy& self) {
    while (!self.stopped_) {
      ++self.steps_;
      const Duration takes = self.step_();
      self.time_ += takes;
      world->block_for(takes);
      co_await yield();
    }
  }
  int steps_ = 0;
  std::function<Duration()> step_;
  Duration time_{};
  bool stopped_ = false;
  JoinHandle<void> task_;
};

}  // namespace coterie::test

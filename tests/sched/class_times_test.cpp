// What each scheduling class has had of a loop.
#include "coterie/core/class_times.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

#include "coterie/runtime.hpp"
#include "coterie/sched/priority.hpp"
#include "sched/support.hpp"

namespace coterie::test {
namespace {

constexpr SchedClass high = 5;
constexpr SchedClass middle = 0;

LoopOptions measured() {
  LoopOptions options;
  options.class_times = true;
  options.ticks_per_poll = 1;
  return options;
}

/// Of the current loop, or of those given; all zero for a class that was never queued.
ClassTimes times_of(SchedClass sched_class,
                    const std::vector<ClassTimes>& all = EventLoop::current().class_times()) {
  for (const ClassTimes& its : all)
    if (its.sched_class == sched_class) return its;
  return ClassTimes();
}

/// `body()` as the most urgent task, on a loop that measures.
template <class Body>
void run_measured(std::unique_ptr<ReadyQueue> policy, Body body) {
  testing::VirtualLoop loop(std::move(policy), measured());
  world = &loop;
  loop.run([](Body& mine) -> Task<void> {
    auto main = spawn(at(PriorityPolicy::highest), std::ref(mine));
    co_await main;
  }(body));
}

TEST(ClassTimes, TellWhoRanWhoStarvedAndWhoWaited) {
  run_measured(std::make_unique<PriorityPolicy>(), []() -> Task<void> {
    Busy urgent(high, 10ms);
    Busy other(middle, 20ms);
    co_await sleep(1s);
    ClassTimes its = times_of(high);
    EXPECT_EQ(its.steps, 100U);
    EXPECT_EQ(its.runtime, 1s);
    EXPECT_EQ(its.starved, 0s);
    EXPECT_EQ(its.waiting, 0s);
    its = times_of(middle);
    EXPECT_EQ(its.runtime, 0s);
    EXPECT_EQ(its.starved, 1s);  // up to now, though it has had no turn that could have told

    co_await urgent.stop();
    co_await sleep(1s);
    its = times_of(high);
    EXPECT_EQ(its.runtime, 1s);
    EXPECT_EQ(its.waiting, 1s);
    its = times_of(middle);
    EXPECT_EQ(its.runtime, 1s);
    EXPECT_EQ(its.starved, 1s);
    co_await other.stop();
  });
}

TEST(ClassTimes, AddUpForEveryClassWhateverHappens) {
  run_measured(nullptr, []() -> Task<void> {  // first in, first out has classes too where they are measured
    const TimePoint begun = EventLoop::current().now();
    Busy a(1, 3ms);
    Busy b(2, 7ms);
    for (int i = 0; i < 20; ++i) {
      auto starved = spawn(at(3), sleeper, Duration(5ms));
      auto cancelled = spawn(at(4), nop);
      cancelled.cancel();
      spawn(at(5).eager(), nop);
      co_await sleep(11ms);
      co_await starved;
    }
    const Duration passed = EventLoop::current().now() - begun;
    for (SchedClass sched_class = 1; sched_class <= 5; ++sched_class) {
      const ClassTimes its = times_of(sched_class);
      EXPECT_EQ(its.runtime + its.waiting + its.starved, passed) << sched_class;
    }
    EXPECT_EQ(times_of(1).runtime, a.time());
    EXPECT_EQ(times_of(2).runtime, b.time());
    EXPECT_EQ(times_of(1).steps, static_cast<std::uint64_t>(a.steps()));
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(ClassTimes, AreNotKeptUnlessAskedFor) {
  testing::VirtualLoop loop(std::make_unique<PriorityPolicy>());
  loop.run(nop());
  EXPECT_TRUE(loop.loop().class_times().empty());
}

TEST(ThreadsClassTimes, AreThoseOfAllLoopsAndReadWhileAStepDoesNotEnd) {
  RuntimeOptions options;
  options.loops = 2;
  options.loop.class_times = true;
  Runtime runtime(options);
  std::latch release(1);
  const auto block = [](std::latch& until) -> Task<void> {
    until.wait();
    co_return;
  };
  std::vector<RemoteHandle<void>> tasks;
  for (std::size_t i = 0; i < 2; ++i)
    tasks.push_back(spawn_on(runtime.loop(i), at(high), block, std::ref(release)));
  while (times_of(high, runtime.class_times()).steps < 2) std::this_thread::yield();
  const Duration before = times_of(high, runtime.class_times()).runtime;
  while (times_of(high, runtime.class_times()).runtime == before) std::this_thread::yield();
  release.count_down();
  for (auto& task : tasks) task.get();
}

}  // namespace
}  // namespace coterie::test

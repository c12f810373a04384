// The quota: how many steps timers and I/O wait at most where everybody is busy.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "coterie/io/fd.hpp"
#include "coterie/run.hpp"
#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "sched/support.hpp"

namespace coterie::test {
namespace {

const LoopOptions defaults;

void a_millisecond() {
  world->block_for(1ms);
}

/// So many tasks that are always ready, with steps of a millisecond where the loop is a virtual one. Of these
/// classes in turn.
class Crowd {
 public:
  explicit Crowd(std::size_t size, std::function<void()> each_step = a_millisecond,
                 const std::vector<SchedClass>& classes = {0})
      : each_step_(std::move(each_step)) {
    for (std::size_t i = 0; i < size; ++i)
      tasks_.push_back(spawn(at(classes[i % classes.size()]), &Crowd::run, std::ref(*this)));
  }
  [[nodiscard]] int steps() const noexcept { return steps_; }
  Task<void> stop() {
    stopped_ = true;
    for (const JoinHandle<void>& task : tasks_) co_await task;
  }

 private:
  static Task<void> run(Crowd& self) {
    while (!self.stopped_) {
      ++self.steps_;
      self.each_step_();
      co_await yield();
    }
  }
  std::function<void()> each_step_;
  int steps_ = 0;
  bool stopped_ = false;
  std::vector<JoinHandle<void>> tasks_;
};

/// Runs `body()` as a task of that class, on a loop that looks around as seldom as one does in production.
template <class Body>
void run_as(SchedClass its, std::unique_ptr<ReadyQueue> policy, Body body,
            const LoopOptions& options = defaults) {
  testing::VirtualLoop loop(std::move(policy), options);
  world = &loop;
  loop.run([](SchedClass its_class, Body& mine) -> Task<void> {
    auto main = spawn(at(its_class), std::ref(mine));
    co_await main;
  }(its, body));
}

/// The most urgent one.
template <class Body>
void run_urgently(std::unique_ptr<ReadyQueue> policy, Body body) {
  run_as(PriorityPolicy::highest, std::move(policy), std::move(body));
}

/// So many steps pass at most between two looks, where so many tasks are always ready.
int steps_between_looks(std::size_t ready) {
  return static_cast<int>(std::min<std::size_t>(ready * defaults.ticks_per_poll, defaults.steps_per_poll));
}

/// How many steps the crowd makes at most, each of which takes so long, after somebody's time has come, and
/// before that one runs.
Task<int> most_steps_late(const Crowd& crowd, Duration step = 1ms) {
  int most = 0;
  for (int steps = 700; steps < 800; steps += 9) {
    const int before = crowd.steps();
    co_await sleep(steps * step);
    most = std::max(most, crowd.steps() - before - steps);
  }
  co_return most;
}

/// A look at timers and I/O after each step: what is late is so by the policy.
LoopOptions looks_each_step() {
  LoopOptions options;
  options.steps_per_poll = 1;
  return options;
}

TEST(Quota, AnUrgentTimerWaitsForSoManyTicksOrStepsAtMost) {
  for (const std::size_t ready : {1U, 10U, 100U, 5000U})
    run_urgently(std::make_unique<PriorityPolicy>(), [ready]() -> Task<void> {
      Crowd crowd(ready);
      const int late = co_await most_steps_late(crowd);
      EXPECT_LE(late, steps_between_looks(ready)) << ready;
      EXPECT_GT(late, 0) << ready;
      co_await crowd.stop();
    });
}

TEST(Quota, OfNoStepsIsOfOne) {
  LoopOptions options;
  options.steps_per_poll = 0;
  const auto within = [](int steps) {
    return [steps]() -> Task<void> {
      Crowd crowd(100);
      const int late = co_await most_steps_late(crowd);
      EXPECT_LE(late, steps);
      co_await crowd.stop();
    };
  };
  run_as(PriorityPolicy::highest, std::make_unique<PriorityPolicy>(), within(1), options);
  run_as(0, nullptr, within(1 + 2 * 100), options);
}

// The timer stands in line in the class of the task that it wakes, and then the task does.
TEST(Quota, WhatIsReadyInItsOwnClassGoesBeforeATimerAndBeforeItsTask) {
  for (const int ready : {1, 10, 100, 5000})
    run_urgently(std::make_unique<PriorityPolicy>(), [ready]() -> Task<void> {
      const auto size = static_cast<std::size_t>(ready);
      Crowd crowd(size, a_millisecond, {PriorityPolicy::highest});
      const int late = co_await most_steps_late(crowd);
      EXPECT_LE(late, steps_between_looks(size) + 2 * ready) << ready;
      EXPECT_GE(late, 2 * ready) << ready;
      co_await crowd.stop();
    });
}

TEST(Quota, WithAgingEachOtherLevelHasAStepBesideForEverySoManyThatATimerWaits) {
  PriorityOptions options;
  options.aging = 10;
  const auto body = []() -> Task<void> {
    std::vector<SchedClass> classes(10, PriorityPolicy::highest);
    classes.insert(classes.end(), {0, -5});
    Crowd crowd(120, a_millisecond, classes);  // 100 of its own class
    const int late = co_await most_steps_late(crowd);
    EXPECT_GT(late, 1 + 2 * 100 + 2);  // one of each of the two levels is not all
    EXPECT_LE(late, 1 + 2 * 100 + 2 * (1 + late / 10));
    co_await crowd.stop();
  };
  run_as(PriorityPolicy::highest, std::make_unique<PriorityPolicy>(options), body, looks_each_step());
}

TEST(Quota, MessagesThatAreThereByThenGoBeforeAnUrgentTimer) {
  run_urgently(std::make_unique<PriorityPolicy>(), []() -> Task<void> {
    constexpr int messages = 50;
    const auto inbox = EventLoop::current().inbox();
    const auto due = EventLoop::current().now() + 700ms;
    bool posted = false;
    Crowd crowd(1, [&] {
      if (EventLoop::current().now() >= due && !std::exchange(posted, true))
        for (int i = 0; i < messages; ++i) inbox->post(make_posted(a_millisecond));
      a_millisecond();
    });
    co_await sleep(700ms);
    const auto late = (EventLoop::current().now() - due) / 1ms;
    EXPECT_GE(late, messages);
    EXPECT_LE(late, steps_between_looks(1) + messages);
    co_await crowd.stop();
  });
}

TEST(Quota, UnderWeightedRoundRobinATimerAndItsTaskWaitForATurnOfTheirClassEach) {
  constexpr std::size_t ready = 100;
  constexpr SchedClass mine = 1;
  for (const std::uint32_t weight : {1U, 2U, 12U}) {
    const std::vector<std::uint32_t> weights{1, weight, 3, 5};
    run_as(mine, std::make_unique<WeightedRoundRobinPolicy>(weights), [weight]() -> Task<void> {
      Crowd crowd(ready, a_millisecond, {2, 3});
      const int late = co_await most_steps_late(crowd);
      const auto to_a_turn = static_cast<int>((weight + 3 + 5 + weight - 1) / weight);
      EXPECT_LE(late, steps_between_looks(ready) + 2 * to_a_turn) << weight;
      co_await crowd.stop();
    });
  }
}

TEST(Quota, UnderWeightedRoundRobinWhatIsReadyInItsOwnClassHasATurnOfItBeforeEach) {
  constexpr int own = 10;
  const auto body = []() -> Task<void> {
    Crowd crowd(std::size_t{2} * own, a_millisecond, {1, 2});
    const int late = co_await most_steps_late(crowd);
    EXPECT_LE(late, 1 + (2 * (own + 1) + 1) * (2 + 3) / 2);
    EXPECT_GT(late, (2 * own - 1) * (2 + 3) / 2);
    co_await crowd.stop();
  };
  auto policy = std::make_unique<WeightedRoundRobinPolicy>(std::vector<std::uint32_t>{1, 2, 3});
  run_as(1, std::move(policy), body, looks_each_step());
}

TEST(Quota, UnderFairShareWhoIsWokenWaitsForOneStepOfEachOtherClass) {
  constexpr std::size_t ready = 100;
  auto policy = std::make_unique<FairSharePolicy>();
  const auto group = policy->add_group("group", 50);
  const SchedClass mine = policy->add_class("mine", 10, group);
  const SchedClass beside_mine = policy->add_class("beside mine", 500, group);
  const SchedClass beside_the_group = policy->add_class("beside the group", 100);
  run_as(mine, std::move(policy), [=]() -> Task<void> {
    Crowd crowd(ready, a_millisecond, {beside_mine, beside_the_group});
    const int late = co_await most_steps_late(crowd);
    EXPECT_LE(late, steps_between_looks(ready) + 2);
    co_await crowd.stop();
  });
}

TEST(Quota, UnderFairShareTheOthersHaveTheirSharesOfATimersOwnStepBeforeItsTask) {
  auto policy = std::make_unique<FairSharePolicy>();
  const SchedClass mine = policy->add_class("mine", 10);
  const SchedClass other = policy->add_class("other", 1000);
  const auto body = [=]() -> Task<void> {
    Crowd crowd(1, [] { world->block_for(1us); }, {other});
    const int late = co_await most_steps_late(crowd, 1us);
    EXPECT_GE(late, 9);  // of 1 us are to 1000 shares what 100 ns are to 10
    EXPECT_LE(late, 1 + 1 + 10 + 1);
    co_await crowd.stop();
  };
  run_as(mine, std::move(policy), body, looks_each_step());
}

TEST(Quota, UnderFairShareWhatIsReadyInItsOwnClassHasItsTimeBeforeATimerAndBeforeItsTask) {
  constexpr int own = 10;
  auto policy = std::make_unique<FairSharePolicy>();
  const SchedClass mine = policy->add_class("mine", 100);
  const SchedClass other = policy->add_class("other", 200);
  const auto body = [=]() -> Task<void> {
    Crowd crowd(std::size_t{2} * own, a_millisecond, {mine, other});
    const int late = co_await most_steps_late(crowd);
    EXPECT_LE(late, 1 + 2 * (own + 1) * (1 + 2) + 1);
    EXPECT_GT(late, 2 * own * (1 + 2) - 3);
    co_await crowd.stop();
  };
  run_as(mine, std::move(policy), body, looks_each_step());
}

TEST(Quota, FirstInFirstOutWhatIsReadyByThenComesOnTop) {
  for (const std::size_t ready : {10U, 5000U})
    run_urgently(std::make_unique<FifoQueue>(), [ready]() -> Task<void> {
      Crowd crowd(ready);
      const int late = co_await most_steps_late(crowd);
      // The timer, and the task that it wakes, stand in line once each.
      EXPECT_LE(late, steps_between_looks(ready) + static_cast<int>(2 * ready)) << ready;
      co_await crowd.stop();
    });
}

TEST(Quota, AMessageOfAnotherThreadIsTakenInTheMiddleOfALongTick) {
  run_urgently(std::make_unique<PriorityPolicy>(), []() -> Task<void> {
    constexpr int posted_after = 1500;
    const auto inbox = EventLoop::current().inbox();
    int steps = 0;
    Event taken;
    Crowd crowd(5000, [&] {
      if (++steps == posted_after) inbox->post(make_posted([&] { taken.set(); }));
    });
    co_await taken.wait();
    EXPECT_LE(steps, posted_after + static_cast<int>(defaults.steps_per_poll));
    co_await crowd.stop();
  });
}

/// Messages of other threads that never end: each that is taken sends another.
class Flood {
 public:
  explicit Flood(int size) : inbox_(EventLoop::current().inbox()) {
    for (int i = 0; i < size; ++i) post();
  }
  void stop() noexcept { stopped_ = true; }

 private:
  void post() {
    inbox_->post(make_posted([this] {
      if (!stopped_) post();
    }));
  }
  std::shared_ptr<Inbox> inbox_;
  bool stopped_ = false;
};

TEST(Quota, AFloodOfMessagesLeavesTasksTheirTurns) {
  const auto body = []() -> Task<void> {
    Flood flood(3000);  // more than a look takes in
    auto task = spawn(at(0), ticks, 10);
    co_await task;
    flood.stop();
    co_await sleep(1s);
  };
  run_urgently(std::make_unique<FifoQueue>(), body);
  run_urgently(std::make_unique<PriorityPolicy>(), body);
  run_urgently(std::make_unique<WeightedRoundRobinPolicy>(), body);
  run_urgently(std::make_unique<FairSharePolicy>(), body);
}

/// How many steps a crowd of that size and class makes, at most, after there is input for a task of class
/// `reader`, under that policy, and before that one runs.
template <class Policy = PriorityPolicy, class... Args>
void expect_input_within(std::size_t size, SchedClass its, int steps_late,
                         SchedClass reader = PriorityPolicy::highest, const Args&... args) {
  RunOptions options;
  options.handle_signals = false;
  options.loop.policy = [args...] { return std::make_unique<Policy>(args...); };
  const auto body = [=]() -> Task<void> {
    constexpr int written_after = 1500;
    io::Pipe pipe = io::make_pipe();
    int steps = 0;
    const auto write_once = [&] {
      if (++steps != written_after) return;
      const ssize_t written = ::write(pipe.write_end.fd(), "x", 1);
      EXPECT_EQ(written, 1);
    };
    Crowd crowd(size, write_once, {its});
    std::array<std::byte, 1> got{};
    const std::size_t count = co_await pipe.read_end.read_some(got);
    EXPECT_EQ(count, 1U);
    EXPECT_LE(steps, written_after + steps_late);
    co_await crowd.stop();
  };
  coterie::run(
      [](SchedClass its_class, const auto& mine) -> Task<void> {
        auto reading = spawn(at(its_class), std::cref(mine));
        co_await reading;
      }(reader, body),
      options);
}

TEST(Quota, InputIsSeenInTheMiddleOfALongTick) {
  expect_input_within(5000, 0, static_cast<int>(defaults.steps_per_poll));
}

TEST(Quota, WhatIsReadyInItsOwnClassGoesBeforeInputOnce) {
  expect_input_within(500, PriorityPolicy::highest, static_cast<int>(defaults.steps_per_poll) + 500);
}

TEST(Quota, UnderWeightedRoundRobinWhoHasInputWaitsForATurnOfItsClass) {
  const std::vector<std::uint32_t> weights{1, 2, 9};
  constexpr int to_a_turn = (2 + 9 + 1) / 2;
  const int late = static_cast<int>(defaults.steps_per_poll) + to_a_turn;
  expect_input_within<WeightedRoundRobinPolicy>(100, 2, late, 1, weights);
}

TEST(Quota, AHundredThousandTasksThatAreAlwaysReadyStarveNoTimerAndNoInput) {
  RunOptions options;
  options.handle_signals = false;
  const auto body = []() -> Task<void> {
    constexpr std::size_t size = 100'000;
    constexpr int written_after = 150'000;  // in the middle of a tick
    const int most = static_cast<int>(defaults.steps_per_poll + 2 * size);
    io::Pipe pipe = io::make_pipe();
    int steps = 0;
    int timer_at = 0;
    // Due at once.
    EventLoop::current().call_later(1ns, [&] { timer_at = steps; });
    Crowd crowd(size, [&] {
      if (++steps != written_after) return;
      const ssize_t written = ::write(pipe.write_end.fd(), "x", 1);
      EXPECT_EQ(written, 1);
    });
    std::array<std::byte, 1> got{};
    const std::size_t count = co_await pipe.read_end.read_some(got);
    EXPECT_EQ(count, 1U);
    EXPECT_GT(timer_at, 0);
    EXPECT_LE(timer_at, most);
    EXPECT_LE(steps, written_after + most);
    co_await crowd.stop();
  };
  coterie::run(body(), options);
}

TEST(Quota, ATickThatIsInterruptedKeepsItsOrder) {
  run_urgently(std::make_unique<FifoQueue>(), []() -> Task<void> {
    constexpr int count = 3000;
    std::vector<int> order;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < count; ++i)
      tasks.push_back(spawn(
          [](int number, std::vector<int>& log) -> Task<void> {
            for (int round = 0; round < 2; ++round) {
              log.push_back(number);
              co_await yield();
            }
          },
          i, std::ref(order)));
    for (const JoinHandle<void>& task : tasks) co_await task;
    std::vector<int> expected(2 * count);
    for (int i = 0; i < 2 * count; ++i) expected[static_cast<std::size_t>(i)] = i % count;
    EXPECT_EQ(order, expected);
  });
}

}  // namespace
}  // namespace coterie::test

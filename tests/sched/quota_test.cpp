// The quota: how many steps timers and I/O wait at most where everybody is busy.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
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

/// So many tasks that are always ready, with steps of a millisecond where the loop is a virtual one.
class Crowd {
 public:
  explicit Crowd(
      std::size_t size, std::function<void()> each_step = [] { world->block_for(1ms); })
      : each_step_(std::move(each_step)) {
    for (std::size_t i = 0; i < size; ++i) tasks_.push_back(spawn(at(0), &Crowd::run, std::ref(*this)));
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

/// Runs `body()` as the most urgent task of a loop that looks around as seldom as one does in production.
template <class Body>
void run_urgently(std::unique_ptr<ReadyQueue> policy, Body body) {
  testing::VirtualLoop loop(std::move(policy), defaults);
  world = &loop;
  loop.run([](Body& mine) -> Task<void> {
    auto main = spawn(at(PriorityPolicy::highest), std::ref(mine));
    co_await main;
  }(body));
}

/// How many steps the crowd makes at most after somebody's time has come, and before that one runs.
Task<int> most_steps_late(const Crowd& crowd) {
  int most = 0;
  for (int milliseconds = 700; milliseconds < 800; milliseconds += 9) {
    const int before = crowd.steps();
    co_await sleep(std::chrono::milliseconds(milliseconds));
    most = std::max(most, crowd.steps() - before - milliseconds);
  }
  co_return most;
}

TEST(Quota, AnUrgentTimerWaitsForSoManyTicksOrStepsAtMost) {
  for (const std::size_t ready : {1U, 10U, 100U, 5000U})
    run_urgently(std::make_unique<PriorityPolicy>(), [ready]() -> Task<void> {
      Crowd crowd(ready);
      const int late = co_await most_steps_late(crowd);
      const auto by_ticks = static_cast<int>(ready * defaults.ticks_per_poll);
      EXPECT_LE(late, std::min<int>(by_ticks, static_cast<int>(defaults.steps_per_poll))) << ready;
      EXPECT_GT(late, 0) << ready;
      co_await crowd.stop();
    });
}

TEST(Quota, FirstInFirstOutWhatIsReadyByThenComesOnTop) {
  for (const std::size_t ready : {10U, 5000U})
    run_urgently(std::make_unique<FifoQueue>(), [ready]() -> Task<void> {
      Crowd crowd(ready);
      const int late = co_await most_steps_late(crowd);
      // The timer, and the task that it wakes, stand in line once each.
      EXPECT_LE(late, static_cast<int>(defaults.steps_per_poll + 2 * ready)) << ready;
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

TEST(Quota, InputIsSeenInTheMiddleOfALongTick) {
  RunOptions options;
  options.handle_signals = false;
  options.loop.policy = [] { return std::make_unique<PriorityPolicy>(); };
  const auto body = []() -> Task<void> {
    constexpr int written_after = 1500;
    io::Pipe pipe = io::make_pipe();
    int steps = 0;
    Crowd crowd(5000, [&] {
      if (++steps != written_after) return;
      const ssize_t written = ::write(pipe.write_end.fd(), "x", 1);
      EXPECT_EQ(written, 1);
    });
    std::array<std::byte, 1> got{};
    const std::size_t count = co_await pipe.read_end.read_some(got);
    EXPECT_EQ(count, 1U);
    EXPECT_LE(steps, written_after + static_cast<int>(defaults.steps_per_poll));
    co_await crowd.stop();
  };
  coterie::run(
      [](const auto& mine) -> Task<void> {
        auto urgent = spawn(at(PriorityPolicy::highest), std::cref(mine));
        co_await urgent;
      }(body),
      options);
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

// A policy as a user writes one, through public headers alone: the one that docs/scheduling.md shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sched/earliest_deadline.hpp"
#include "sched/support.hpp"

namespace coterie::test {
namespace {

/// Runs `body()` as the main task, which is of class 0 and so patient.
template <class Body>
void run_by_deadline(std::vector<std::uint64_t> within, Body body) {
  run_under(std::make_unique<EarliestDeadline>(std::move(within)), std::move(body));
}

Task<void> write(std::string& log, char name) {
  log += name;
  co_return;
}

TEST(OwnPolicy, WhatIsDueFirstRunsFirstAndEqualsInOrder) {
  run_by_deadline({1000, 30, 3}, []() -> Task<void> {
    std::string log;
    spawn(at(0), write, std::ref(log), 'p');
    spawn(at(1), write, std::ref(log), 'b');
    spawn(at(1), write, std::ref(log), 'B');
    spawn(at(2), write, std::ref(log), 'u');
    co_await sleep(1s);
    EXPECT_EQ(log, "ubBp");
  });
}

/// Always ready: how many steps of others there were at most between one of its own and the next.
struct Impatient {
  int& steps;
  int waited_most = 0;
  Task<void> run() {
    while (steps < 10'000) {
      const int before = ++steps;
      co_await yield();
      waited_most = std::max(waited_most, steps - before);
    }
  }
};

// A half, a fourth and two eighths of all steps. In turns each would wait for three.
TEST(OwnPolicy, EachBeginsWithinAsManyStepsAsItSays) {
  run_by_deadline({1000, 2, 4, 8}, []() -> Task<void> {
    int steps = 0;
    Impatient half{steps};
    Impatient fourth{steps};
    Impatient eighth{steps};
    Impatient other_eighth{steps};
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(spawn(at(1), &Impatient::run, std::ref(half)));
    tasks.push_back(spawn(at(2), &Impatient::run, std::ref(fourth)));
    tasks.push_back(spawn(at(3), &Impatient::run, std::ref(eighth)));
    tasks.push_back(spawn(at(3), &Impatient::run, std::ref(other_eighth)));
    for (const JoinHandle<void>& task : tasks) co_await task;
    EXPECT_LE(half.waited_most, 2);
    EXPECT_LE(fourth.waited_most, 4);
    EXPECT_LE(eighth.waited_most, 8);
    EXPECT_LE(other_eighth.waited_most, 8);
  });
}

TEST(OwnPolicy, NothingStarves) {
  run_by_deadline({50, 0}, []() -> Task<void> {
    Busy always(1, 1ms);
    Busy patient(0, 1ms);
    co_await sleep(10s);
    EXPECT_GE(patient.steps(), 190);
    co_await always.stop();
    co_await patient.stop();
  });
}

TEST(OwnPolicy, WhatIsTakenBackLeavesItAndMessagesOfOtherThreadsPass) {
  run_by_deadline({1000, 3}, []() -> Task<void> {
    std::string log;
    CallbackHandle taken_back = EventLoop::current().call_soon([&log] { log += 'x'; });
    spawn(at(1), write, std::ref(log), 'u');
    std::thread([&log, loop = &EventLoop::current()] {
      loop->call_soon_threadsafe([&log] { log += 't'; });
    }).join();
    taken_back.cancel();
    co_await sleep(1s);
    EXPECT_EQ(log, "tu");
  });
}

// With one class a tick is what was ready when it began, as without a policy.
TEST(OwnPolicy, TicksAreAsWithoutOne) {
  run_by_deadline({5}, []() -> Task<void> {
    const int of_three_yields = co_await ticks_of(ticks(3));
    EXPECT_EQ(of_three_yields, 3);
  });
}

}  // namespace
}  // namespace coterie::test

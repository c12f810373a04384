// Strict priorities on a loop.
#include "coterie/sched/priority.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "sched/by_priority.hpp"

namespace coterie::test {
namespace {

using namespace std::chrono_literals;

TEST(PriorityPolicy, GreaterRunFirstAndEqualsInOrder) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    spawn(at(low), steps, std::ref(log), 'l', 2);
    spawn(at(high), steps, std::ref(log), 'h', 2);
    spawn(at(middle), steps, std::ref(log), 'm', 2);
    spawn(at(high), steps, std::ref(log), 'H', 2);
    co_await sleep(1s);
    EXPECT_EQ(log, "hHhHmmll");
  });
}

TEST(PriorityPolicy, ATaskHasThePriorityOfItsSpawnerUnlessItIsGivenOne) {
  run_by_priority([]() -> Task<void> {
    auto parent = spawn(at(low), []() -> Task<void> {
      EXPECT_EQ(spawn(nop).sched_class(), low);
      EXPECT_EQ(spawn(at(0), nop).sched_class(), 0);
      co_return;
    });
    co_await parent;
  });
}

TEST(PriorityPolicy, WhatACallbackSpawnsHasTheClassInWhichItWasRegistered) {
  run_by_priority([]() -> Task<void> {
    std::vector<SchedClass> found;
    Event done;
    auto task = spawn(at(low), [&]() -> Task<void> {
      EventLoop::current().call_soon([&] { found.push_back(spawn(nop).sched_class()); });
      EventLoop::current().call_later(1s, [&] {
        found.push_back(spawn(nop).sched_class());
        done.set();
      });
      co_return;
    });
    co_await done.wait();
    EXPECT_EQ(found, (std::vector<SchedClass>{low, low}));
  });
}

TEST(PriorityPolicy, ACallbackRunsInTheClassOfTheStepThatRegistersIt) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    const auto registers = [](std::string& text, char name) -> Task<void> {
      EventLoop::current().call_soon([&text, name] { text += name; });
      co_return;
    };
    spawn(at(low), registers, std::ref(log), 'l');
    spawn(at(middle), steps, std::ref(log), 'm', 2);
    spawn(at(high), registers, std::ref(log), 'h');
    co_await sleep(1s);
    EXPECT_EQ(log, "hmml");
  });
}

TEST(PriorityPolicy, ADoneCallbackRunsInTheClassOfTheTaskThatHasEnded) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    std::vector<SchedClass> spawns;
    const auto ends = [&](SchedClass its, char name) {
      spawn(at(its), nop).add_done_callback([&log, &spawns, name](const JoinHandle<void>&) {
        log += name;
        spawns.push_back(spawn(nop).sched_class());
      });
    };
    ends(low, 'l');
    spawn(at(middle), steps, std::ref(log), 'm', 2);
    ends(high, 'h');
    co_await sleep(1s);
    EXPECT_EQ(log, "hmml");
    EXPECT_EQ(spawns, (std::vector<SchedClass>{high, low}));
  });
}

TEST(PriorityPolicy, ADoneCallbackOfAFutureRunsInTheClassOfTheStepThatSettlesIt) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    const Future<void> urgent;
    const Future<void> patient;
    const auto notes = [&log](char name) { return [&log, name](const Future<void>&) { log += name; }; };
    urgent.add_done_callback(notes('h'));
    patient.add_done_callback(notes('l'));
    const auto settle = [](const Future<void>& future) -> Task<void> {
      future.set_value();
      co_return;
    };
    spawn(at(low), settle, std::cref(patient));
    spawn(at(middle), steps, std::ref(log), 'm', 2);
    spawn(at(high), settle, std::cref(urgent));
    co_await sleep(1s);
    EXPECT_EQ(log, "hmml");
  });
}

TEST(PriorityPolicy, ATimerRunsInTheClassOfTheTaskThatItWakes) {
  run_by_priority([]() -> Task<void> {
    std::deque<Busy> busy;
    const auto steps_at_wake = [](std::deque<Busy>& all, int& sum) -> Task<void> {
      co_await sleep(2s);
      for (const Busy& one : all) sum += one.steps();
    };
    int urgent = 0;
    int starved = 0;
    auto first = spawn(at(low), steps_at_wake, std::ref(busy), std::ref(urgent));
    auto last = spawn(at(low), steps_at_wake, std::ref(busy), std::ref(starved));
    co_await sleep(1s);
    for (int i = 0; i < 10; ++i) busy.emplace_back(middle);
    spawn(at(high), join, first);  // so it is high itself
    co_await sleep(3s);
    EXPECT_EQ(urgent, 100);  // at its second, not when each of the ten has had another step
    EXPECT_FALSE(last.done());
    for (Busy& one : busy) co_await one.stop();
    co_await last;
  });
}

TEST(PriorityPolicy, WhatAnotherThreadSendsRunsBeforeAllOthersAndItsTasksHaveClassZero) {
  run_by_priority([]() -> Task<void> {
    std::string log;
    SchedClass spawned = high;
    spawn(at(high), steps, std::ref(log), 'h', 2);
    std::thread([&, loop = &EventLoop::current()] {
      loop->call_soon_threadsafe([&] {
        log += 't';
        spawned = spawn(nop).sched_class();
      });
    }).join();
    co_await sleep(1s);
    EXPECT_EQ(log, "thh");
    EXPECT_EQ(spawned, 0);
  });
}

TEST(PriorityPolicy, TimersOfTheSamePriorityAreNotStarvedByATaskThatIsAlwaysReady) {
  run_by_priority([]() -> Task<void> {
    Busy busy(high);
    auto timer = spawn(at(high), sleeper, Duration(1s));
    co_await timer;
    EXPECT_LE(busy.steps(), 103);
    co_await busy.stop();
  });
}

TEST(PriorityPolicy, WithoutAgingTheLowStarve) {
  run_by_priority([]() -> Task<void> {
    Busy starved(low);
    Busy busy(middle);
    co_await sleep(10s);
    EXPECT_EQ(starved.steps(), 0);
    EXPECT_EQ(busy.steps(), 1000);
    co_await busy.stop();
    co_await starved.stop();
  });
}

TEST(PriorityPolicy, WithAgingALevelHasATurnWithinItsBound) {
  PriorityOptions options;
  options.aging = 10;
  run_by_priority(
      []() -> Task<void> {
        std::vector<int> started;
        Busy busy(middle);
        for (int i = 0; i < 3; ++i)
          spawn(
              at(low),
              [](const Busy& other, std::vector<int>& log) -> Task<void> {
                log.push_back(other.steps());
                co_return;
              },
              std::cref(busy), std::ref(started));
        co_await sleep(10s);
        // Two levels are ready: one in 10 + 2 - 1 steps at least is for the lower.
        EXPECT_EQ(started.size(), 3U);
        for (std::size_t i = 0; i < started.size(); ++i)
          EXPECT_LE(started[i], static_cast<int>(i + 1) * 11) << i;
        EXPECT_GE(started.at(2), 20);  // and the middle keeps the rest
        co_await busy.stop();
      },
      options);
}

TEST(PriorityPolicy, ManyStarvingLevelsShareTheTurnsOfAging) {
  PriorityOptions options;
  options.aging = 10;
  run_by_priority(
      []() -> Task<void> {
        std::deque<Busy> starving;
        for (SchedClass priority = -20; priority < 0; ++priority) starving.emplace_back(priority);
        Busy busy(middle);
        co_await sleep(10s);
        for (const Busy& one : starving) EXPECT_GE(one.steps(), 1000 / (10 + 21 - 1) - 1);
        co_await busy.stop();
        for (Busy& one : starving) co_await one.stop();
      },
      options);
}

TEST(PriorityPolicy, WhatHasStarvedForAnyNumberOfTicksMayLeaveInTheMiddleOfOne) {
  struct Node final : Runnable {
    void run() noexcept override {}
  };
  Node starving;
  Node busy;
  starving.set_sched_class(low);
  PriorityPolicy policy;
  policy.push(starving);
  policy.push(busy);
  policy.begin_tick();
  for (int tick = 0; tick < 1000; ++tick) {
    EXPECT_EQ(policy.pop(), &busy);
    policy.remove(starving);
    EXPECT_EQ(policy.pop(), nullptr);
    policy.push(starving);
    policy.push(busy);
    for (int i = 0; i < tick; ++i) {  // so many later
      policy.begin_tick();
      EXPECT_EQ(policy.pop(), &busy);
      policy.push(busy);
    }
    policy.begin_tick();
  }
  policy.remove(starving);
  policy.remove(busy);
}

}  // namespace
}  // namespace coterie::test

// What is told about a loop.
#include "coterie/metrics/loop.hpp"

#include <gtest/gtest.h>

#include "coterie/core/runtime_counts.hpp"
#include "coterie/coterie.hpp"
#include "coterie/sched/fair_share.hpp"
#include "coterie/sched/priority.hpp"
#include "coterie/sched/weighted_round_robin_policy.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "tests/metrics/page.hpp"

namespace {

using namespace coterie;
using namespace std::chrono_literals;
using coterie::testing::run_virtual;
using coterie::testing::VirtualLoop;
using coterie::tests::count_of;
using coterie::tests::value_of;

Task<void> watched(metrics::Registry* registry, Duration time) {
  metrics::watch_loop(*registry, "0");
  co_await sleep(time);
}

TEST(LoopMetrics, ALoopThatComesRoundInTimeHasNoLag) {
  metrics::Registry registry;
  run_virtual(watched(&registry, 1050ms));
  const std::string page = registry.scrape();
  EXPECT_EQ(value_of(page, "coterie_loop_lag_seconds_count{loop=\"0\"}"), 10);
  EXPECT_EQ(value_of(page, "coterie_loop_lag_seconds_bucket{loop=\"0\",le=\"0.0001\"}"), 10);
}

TEST(LoopMetrics, AStepThatBlocksTheLoopIsLag) {
  metrics::Registry registry;
  VirtualLoop time;
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    co_await sleep(50ms);
    time.block_for(350ms);  // over the look at 100 ms
    co_await sleep(10ms);
  };
  time.run(body());
  const std::string page = registry.scrape();
  EXPECT_NEAR(value_of(page, "coterie_loop_lag_seconds_sum{loop=\"0\"}"), .3, 1e-6);
  EXPECT_EQ(value_of(page, "coterie_loop_lag_seconds_bucket{loop=\"0\",le=\"0.25\"}"), 0);
  EXPECT_EQ(value_of(page, "coterie_loop_lag_seconds_bucket{loop=\"0\",le=\"0.5\"}"), 1);
}

TEST(LoopMetrics, TenTimesASecondAStepIsTimed) {
  metrics::Registry registry;
  VirtualLoop time;
  const auto busy = [&]() -> Task<void> {
    for (int i = 0; i < 1000; ++i) {
      time.block_for(3ms);
      co_await yield();
    }
  };
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    co_await busy();
  };
  time.run(body());
  const std::string page = registry.scrape();
  const double count = value_of(page, "coterie_poll_duration_seconds_count{loop=\"0\"}");
  EXPECT_GE(count, 25) << "of three seconds";
  EXPECT_LE(count, 30);
  EXPECT_EQ(value_of(page, "coterie_poll_duration_seconds_bucket{loop=\"0\",le=\"0.001024\"}"), 0);
  EXPECT_EQ(value_of(page, "coterie_poll_duration_seconds_bucket{loop=\"0\",le=\"0.004096\"}"), count);
}

TEST(LoopMetrics, TwoWatchesOfALoopAndOneThatHasGoneDoNoHarm) {
  metrics::Registry registry;
  for (int i = 0; i < 2; ++i) {
    const auto body = [&]() -> Task<void> {
      metrics::watch_loop(registry, "0");
      metrics::watch_loop(registry, "1");
      co_await sleep(100ms);  // asked, and not told any more
    };
    run_virtual(body());
  }
  run_virtual([]() -> Task<void> { co_await sleep(1s); }());
  EXPECT_EQ(count_of(registry.scrape(), "coterie_poll_duration_seconds_count"), 2u);
}

TEST(LoopMetrics, TasksAreCountedByWhatTheyDo) {
  metrics::Registry registry;
  std::string page;
  VirtualLoop time;
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    Event never;
    std::vector<JoinHandle<void>> waiting;
    for (int i = 0; i < 3; ++i)
      waiting.push_back(spawn([](Event* event) -> Task<void> { co_await event->wait(); }, &never));
    co_await sleep(1s + 1ms);
    page = registry.scrape();
    for (auto& each : waiting) each.cancel();
  };
  time.run(body());
  EXPECT_EQ(value_of(page, "coterie_tasks{loop=\"0\",state=\"waiting\"}"), 4);  // and main
  EXPECT_EQ(value_of(page, "coterie_tasks{loop=\"0\",state=\"ready\"}"), 0);
  EXPECT_EQ(value_of(page, "coterie_tasks{loop=\"0\",state=\"uncounted\"}"), 0);
}

TEST(LoopMetrics, MoreTasksThanItLooksAtAreUncounted) {
  metrics::Registry registry;
  std::string page;
  VirtualLoop time;
  const auto body = [&]() -> Task<void> {
    Event never;
    std::vector<JoinHandle<void>> waiting;
    for (int i = 0; i < 9; ++i)
      waiting.push_back(spawn([](Event* event) -> Task<void> { co_await event->wait(); }, &never));
    co_await yield();
    metrics::LoopWatchOptions options;
    options.most_tasks = 4;
    metrics::watch_loop(registry, "0", options);
    page = registry.scrape();
    for (auto& each : waiting) each.cancel();
  };
  time.run(body());
  EXPECT_EQ(value_of(page, "coterie_tasks{loop=\"0\",state=\"uncounted\"}"), 6);
}

TEST(LoopMetrics, ALoopThatHasClosedHasNoTasks) {
  metrics::Registry registry;
  {
    VirtualLoop time;
    time.run(watched(&registry, 2s));
  }
  const std::string page = registry.scrape();
  EXPECT_EQ(value_of(page, "coterie_tasks{loop=\"0\",state=\"waiting\"}"), 0);
  EXPECT_EQ(value_of(page, "coterie_loop_overdue_seconds{loop=\"0\"}"), 0);
  EXPECT_GT(value_of(page, "coterie_loop_lag_seconds_count{loop=\"0\"}"), 0) << "what was counted is kept";
}

TEST(LoopMetrics, TwoLoopsAreToldApart) {
  metrics::Registry registry;
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    metrics::watch_loop(registry, "1");
    co_return;
  };
  run_virtual(body());
  EXPECT_EQ(count_of(registry.scrape(), "coterie_loop_lag_seconds_count"), 2u);
}

TEST(LoopMetrics, ClassesAreToldWhereTheLoopKeepsTheirTimes) {
  metrics::Registry registry;
  LoopOptions options;
  options.class_times = true;
  VirtualLoop time(nullptr, options);
  std::string page;
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    const auto block = [&time]() -> Task<void> {
      time.block_for(2s);
      co_return;
    };
    co_await spawn(SpawnOptions().sched_class(7), block);
    page = registry.scrape();
  };
  time.run(body());
  EXPECT_EQ(value_of(page, "coterie_class_runtime_seconds_total{class=\"7\"}"), 2);
  EXPECT_EQ(value_of(page, "coterie_class_steps_total{class=\"7\"}"), 1);
  EXPECT_EQ(value_of(page, "coterie_class_starved_seconds_total{class=\"7\"}"), 0);
}

TEST(LoopMetrics, TasksOfAClassThatStandInLineAreCounted) {
  metrics::Registry registry;
  LoopOptions options;
  options.class_times = true;
  VirtualLoop time(nullptr, options);
  std::string page;
  const auto body = [&]() -> Task<void> {
    const auto nothing = []() -> Task<void> { co_return; };
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(spawn(SpawnOptions().sched_class(7), nothing));
    metrics::watch_loop(registry, "0");
    page = registry.scrape();
    for (auto& task : tasks) co_await task;
    co_await sleep(1s + 1ms);
  };
  time.run(body());
  EXPECT_EQ(value_of(page, "coterie_class_queue_length{class=\"7\"}"), 3);
  EXPECT_EQ(value_of(page, "coterie_class_queue_length{class=\"0\"}"), 0) << "main runs";
}

/// A page of a loop with this policy, on which a task of class 1 waits.
std::string page_under(std::unique_ptr<ReadyQueue> policy) {
  metrics::Registry registry;
  LoopOptions options;
  options.class_times = true;
  VirtualLoop time(std::move(policy), options);
  std::string page;
  const auto body = [&]() -> Task<void> {
    auto task = spawn(SpawnOptions().sched_class(1), []() -> Task<void> { co_await sleep(2s); });
    metrics::watch_loop(registry, "0");
    co_await sleep(1s + 1ms);
    page = registry.scrape();
    co_await task;
  };
  time.run(body());
  return page;
}

TEST(LoopMetrics, WhatAClassWeighsIsToldWhereThePolicyHasWeights) {
  auto fair = std::make_unique<FairSharePolicy>();
  (void)fair->add_class("sweep", 20);
  const std::string shares = page_under(std::move(fair));
  EXPECT_EQ(value_of(shares, "coterie_class_weight{class=\"0\"}"), 100);
  EXPECT_EQ(value_of(shares, "coterie_class_weight{class=\"1\"}"), 20);
  const std::string turns =
      page_under(std::make_unique<WeightedRoundRobinPolicy>(std::vector<std::uint32_t>{1, 5}));
  EXPECT_EQ(value_of(turns, "coterie_class_weight{class=\"1\"}"), 5);
  EXPECT_EQ(count_of(page_under(std::make_unique<PriorityPolicy>()), "coterie_class_weight"), 0U);
}

TEST(LoopMetrics, ManyClassesAreFoldedAndThatIsTold) {
  metrics::Registry registry;
  LoopOptions options;
  options.class_times = true;
  VirtualLoop time(nullptr, options);
  std::string page;
  const auto body = [&]() -> Task<void> {
    metrics::watch_loop(registry, "0");
    const auto nothing = []() -> Task<void> { co_return; };
    for (std::int16_t i = 1; i <= 250; ++i) co_await spawn(SpawnOptions().sched_class(i), nothing);
    page = registry.scrape();
  };
  time.run(body());
  EXPECT_EQ(count_of(page, "coterie_class_steps_total"), metrics::most_label_values + 1);
  EXPECT_GT(value_of(page, "coterie_class_steps_total{class=\"_other\"}"), 0);
  EXPECT_GT(value_of(page, "coterie_metrics_dropped_labels_total"), 0);
}

TEST(RuntimeCounts, TasksThatAreSpawnedCancelledAndUnobservedAreCounted) {
  const RuntimeCounts before = runtime_counts();
  VirtualLoop time;
  time.loop().set_exception_handler([](const ErrorContext&) {});
  const auto body = []() -> Task<void> {
    JoinHandle<void> sleeper = spawn([]() -> Task<void> { co_await sleep(1s); });
    co_await yield();
    sleeper.cancel();
    (void)co_await outcome(sleeper);
    spawn([]() -> Task<void> {
      throw std::runtime_error("nobody looks");
      co_return;
    });
    co_await sleep(1s);
  };
  time.run(body());
  const RuntimeCounts now = runtime_counts();
  EXPECT_EQ(now.spawned - before.spawned, 3u);
  EXPECT_EQ(now.cancelled - before.cancelled, 1u);
  EXPECT_EQ(now.failed_unobserved - before.failed_unobserved, 1u);
}

TEST(RuntimeCounts, StepsThatAreReportedAsLongAreCounted) {
  const RuntimeCounts before = runtime_counts();
  LoopOptions options;
  options.long_step = 100ms;
  VirtualLoop time(nullptr, options);
  time.loop().set_exception_handler([](const ErrorContext&) {});
  const auto body = [&time]() -> Task<void> {
    time.block_for(99ms);
    co_await yield();
    time.block_for(100ms);
  };
  time.run(body());
  EXPECT_EQ(runtime_counts().long_steps - before.long_steps, 1u);
}

}  // namespace

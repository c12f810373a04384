// Runtime: loops with a thread each, started, used from everywhere, and ended in order.
#include <gmock/gmock.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <latch>
#include <mutex>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

RuntimeOptions loops(std::size_t count) {
  RuntimeOptions options;
  options.loops = count;
  return options;
}

Task<std::string> thread_name() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  co_return std::string(name.data());
}

TEST(Runtime, EachLoopHasAThreadWithAName) {
  RuntimeOptions options = loops(3);
  options.name = "a name that is too long";
  Runtime runtime(options);
  EXPECT_EQ(runtime.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(spawn_on(runtime.loop(i), thread_name).get(), "a name that i-" + std::to_string(i));
  EXPECT_THROW((void)runtime.loop(3), std::out_of_range);
  EXPECT_EQ(&runtime.next_loop(), &runtime.loop(0));
  EXPECT_EQ(&runtime.next_loop(), &runtime.loop(1));
  EXPECT_EQ(spawn_on(Runtime(loops(1)).loop(0), thread_name).name(), "remote task");
}

TEST(Runtime, HasALoopForEachCoreThatItMayUse) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(Runtime().size(), static_cast<std::size_t>(CPU_COUNT(&before)));
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  const std::size_t size = Runtime().size();
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(size, 1U);
}

TEST(Runtime, TasksOfDifferentLoopsAwaitEachOther) {
  Runtime runtime(loops(2));
  auto ping = [](EventLoop& other) -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 100; ++i) sum += co_await spawn_on(other, give, 1);
    co_return sum;
  };
  auto there = spawn_on(runtime.loop(0), ping, std::ref(runtime.loop(1)));
  auto back = spawn_on(runtime.loop(1), ping, std::ref(runtime.loop(0)));
  EXPECT_EQ(there.get() + back.get(), 200);
}

TEST(Runtime, MainOfRunAwaitsItsTasks) {
  Runtime runtime(loops(2));
  EXPECT_EQ(run([&]() -> Task<int> {
              int sum = 0;
              for (std::size_t i = 0; i < runtime.size(); ++i)
                sum += co_await spawn_on(runtime.loop(i), give, 3);
              co_return sum;
            }()),
            6);
}

/// Tells on which thread it is destroyed.
struct Whereabouts {
  explicit Whereabouts(std::thread::id& out)
      : destroyed_on(&out, [](std::thread::id* id) { *id = std::this_thread::get_id(); }) {}
  std::shared_ptr<std::thread::id> destroyed_on;
};

TEST(Runtime, FramesAndArgumentsAreFreedByTheLoopsThread) {
  std::thread::id argument;
  std::thread::id local;
  std::thread::id loop_thread;
  {
    Runtime runtime(loops(1));
    loop_thread = spawn_on(runtime.loop(0), []() -> Task<std::thread::id> {
                    co_return std::this_thread::get_id();
                  }).get();
    auto handle = spawn_on(
        runtime.loop(0),
        [](Whereabouts, std::thread::id& out) -> Task<void> {
          Whereabouts mine(out);
          co_await sleep(1h);
        },
        Whereabouts(argument), std::ref(local));
    handle.cancel();
    EXPECT_THROW(handle.get(), Cancelled);
  }
  EXPECT_EQ(argument, loop_thread);
  EXPECT_TRUE(local == loop_thread || local == std::thread::id())
      << "cancelled before its start it has no locals";
}

TEST(RuntimeStop, CancelsTasksAndServesWhatTheyCleanUpWithOtherLoops) {
  Runtime runtime(loops(2));
  std::latch waiting(2);
  std::atomic<int> cleaned{0};
  auto session = [](EventLoop& other, std::latch& begun, std::atomic<int>& count) -> Task<void> {
    begun.count_down();
    Outcome<void> end = co_await outcome(sleep(1h));
    for (int i = 0; i < 50; ++i) count += co_await spawn_on(other, give, 1);
    end.get();
  };
  auto first =
      spawn_on(runtime.loop(0), session, std::ref(runtime.loop(1)), std::ref(waiting), std::ref(cleaned));
  auto second =
      spawn_on(runtime.loop(1), session, std::ref(runtime.loop(0)), std::ref(waiting), std::ref(cleaned));
  waiting.wait();
  EXPECT_THAT(runtime.stop(), ElementsAre());
  EXPECT_EQ(cleaned.load(), 100);
  EXPECT_THROW(first.get(), LoopClosed);
  EXPECT_THROW(second.get(), LoopClosed);
  EXPECT_THROW((void)spawn_on(runtime.loop(0), give, 1).get(), LoopClosed);
  EXPECT_FALSE(runtime.loop(0).call_soon_threadsafe([] {}));
  EXPECT_THAT(runtime.stop(), ElementsAre());
}

// The other loop's own tasks have ended by then: it serves what it was sent, and does not cancel it.
TEST(RuntimeStop, ServesWhatAnotherLoopCleansUpWithAfterItsOwnTasksHaveEnded) {
  Runtime runtime(loops(2));
  std::latch waiting(2);
  std::atomic<int> result{0};
  Event sent;  // of the second loop
  auto helper = [](Event& here) -> Task<int> {
    here.set();
    co_await ticks(100);
    co_return 1;
  };
  auto first = [](EventLoop& other, decltype(helper)& help, Event& there, std::latch& begun,
                  std::atomic<int>& out) -> Task<void> {
    begun.count_down();
    Outcome<void> end = co_await outcome(sleep(1h));
    out = co_await spawn_on(other, help, std::ref(there));
    end.get();
  };
  auto second = [](Event& here, std::latch& begun) -> Task<void> {
    begun.count_down();
    Outcome<void> end = co_await outcome(sleep(1h));
    co_await here.wait();
    end.get();
  };
  auto a = spawn_on(runtime.loop(0), first, std::ref(runtime.loop(1)), std::ref(helper), std::ref(sent),
                    std::ref(waiting), std::ref(result));
  auto b = spawn_on(runtime.loop(1), second, std::ref(sent), std::ref(waiting));
  waiting.wait();
  EXPECT_THAT(runtime.stop(), ElementsAre());
  EXPECT_EQ(result.load(), 1);
}

// What was posted before the stop belongs to those that are cancelled and clean up, not to others' cleanup.
TEST(RuntimeStop, TaskThatWasSentJustBeforeCleansUpWithTheOtherLoops) {
  std::atomic<int> refused{0};
  auto first = [](EventLoop& other, std::atomic<int>& count) -> Task<void> {
    Outcome<void> end = co_await outcome(sleep(1h));
    auto task = spawn_on(other, give, 1);
    Outcome<int> served = co_await outcome(task);
    if (!served.has_value()) ++count;
    end.get();
  };
  for (int round = 0; round < 20; ++round) {
    Runtime runtime(loops(2));
    std::vector<RemoteHandle<void>> sent;
    for (int i = 0; i < 5; ++i)
      sent.push_back(spawn_on(runtime.loop(0), first, std::ref(runtime.loop(1)), std::ref(refused)));
    EXPECT_THAT(runtime.stop(), ElementsAre());
    for (auto& each : sent) EXPECT_THROW(each.get(), LoopClosed);
  }
  EXPECT_EQ(refused.load(), 0);
}

TEST(RuntimeStop, ErrorOfATaskThatWasSentIsReportedAsItIs) {
  RuntimeOptions options = loops(1);
  std::mutex mutex;
  std::vector<std::string> reports;
  options.exception_handler = [&](const ErrorContext& context) {
    const std::lock_guard lock(mutex);
    reports.push_back(context.message + ": " + text(context.error));
  };
  Runtime runtime(options);
  std::latch begun(1);
  auto saver = [](std::latch& first) -> Task<void> {
    first.count_down();
    (void)co_await outcome(sleep(1h));
    throw Boom("disk full");
  };
  auto handle = spawn_on(runtime.loop(0), saver, std::ref(begun));
  begun.wait();
  EXPECT_THAT(runtime.stop(), ElementsAre());
  EXPECT_THROW(handle.get(), Boom);
  EXPECT_THAT(reports, ElementsAre("unhandled exception during shutdown: disk full"));
}

TEST(RuntimeStop, WhatRefusesIsNamedAndDestroyed) {
  RuntimeOptions options = loops(2);
  options.shutdown_timeout = 1ms;
  std::mutex mutex;
  std::vector<std::string> reports;
  options.exception_handler = [&](const ErrorContext& context) {
    const std::lock_guard lock(mutex);
    reports.push_back(context.task);
  };
  int alive = 0;
  {
    Runtime runtime(options);
    std::latch begun(1);
    auto deaf = [](Probe, std::latch& first) -> Task<void> {
      first.count_down();
      for (;;) (void)co_await outcome(sleep(1h));
    };
    auto handle = spawn_on(runtime.loop(1), named("deaf"), deaf, Probe(alive), std::ref(begun));
    begun.wait();
    EXPECT_THAT(runtime.stop(), ElementsAre("deaf"));
    EXPECT_THROW(handle.get(), LoopClosed);
  }
  EXPECT_THAT(reports, ElementsAre("deaf"));
  EXPECT_EQ(alive, 0);
}

TEST(RuntimeStop, IsAwaitedByATaskOfAnotherLoopThatStillServes) {
  Runtime runtime(loops(2));
  run([&]() -> Task<void> {
    EventLoop& mine = EventLoop::current();
    Completion<void> begun;
    auto session = [](EventLoop& main, Completion<void> first) -> Task<void> {
      first.set_value();
      Outcome<void> end = co_await outcome(sleep(1h));
      (void)co_await spawn_on(main, give, 1);  // stop() would block this loop, which then could not answer
      end.get();
    };
    auto task = spawn_on(runtime.loop(0), session, std::ref(mine), begun);
    co_await begun.wait();
    runtime.request_stop();
    co_await runtime.stopped();
    EXPECT_TRUE(task.done());
  }());
}

TEST(RuntimeStop, OnAThreadOfItsOwnIsRefused) {
  Runtime runtime(loops(1));
  auto stop = [](Runtime& mine) -> Task<void> {
    (void)mine.stop();
    co_return;
  };
  EXPECT_THROW(spawn_on(runtime.loop(0), stop, std::ref(runtime)).get(), std::logic_error);
}

TEST(RuntimeStop, LoopThatStoppedAloneClosesAlone) {
  Runtime runtime(loops(2));
  auto stop = []() -> Task<void> {
    EventLoop::current().stop();
    co_await sleep(1h);
  };
  EXPECT_THROW(spawn_on(runtime.loop(0), stop).get(), LoopClosed);
  EXPECT_EQ(spawn_on(runtime.loop(1), give, 2).get(), 2);
}

TEST(RuntimeErrors, GoToTheHandlerOnTheLoopsThread) {
  RuntimeOptions options = loops(1);
  std::mutex mutex;
  std::vector<std::string> reports;
  options.exception_handler = [&](const ErrorContext& context) {
    const std::lock_guard lock(mutex);
    reports.push_back(text(context.error));
  };
  {
    Runtime runtime(options);
    spawn_on(runtime.loop(0), fail, "unseen");
    runtime.loop(0).call_soon_threadsafe([] { throw Boom("posted"); });
    (void)spawn_on(runtime.loop(0), give, 1).get();
  }
  EXPECT_THAT(reports, ::testing::UnorderedElementsAre("unseen", "posted"));
}

Task<int> descend(int depth, Duration wait) {
  if (depth == 0) {
    if (wait > Duration::zero()) co_await sleep(wait);
    co_return 0;
  }
  const int below = co_await descend(depth - 1, wait);
  co_return below + 1;
}

TEST(RuntimeDepth, RecursionOfTenThousandWithALeafThatIsReadyAndOneThatSuspends) {
  Runtime runtime(loops(1));
  EXPECT_EQ(spawn_on(runtime.loop(0), descend, 10'000, Duration::zero()).get(), 10'000);
  EXPECT_EQ(spawn_on(runtime.loop(0), descend, 10'000, Duration(1)).get(), 10'000);
  auto deep = spawn_on(runtime.loop(0), descend, 10'000, Duration(1h));
  deep.cancel("deep");
  EXPECT_THROW((void)deep.get(), Cancelled);
}

}  // namespace
}  // namespace coterie

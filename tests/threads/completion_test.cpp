// Completion and call_soon_threadsafe(): what other threads hand to a loop.

#include <algorithm>
#include <latch>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(CompletionSet, BeforeTheAwaitItTakesNoTick) {
  run([]() -> Task<void> {
    Completion<int> completion;
    completion.set_value(3);
    completion.set_value(4);  // only the first counts
    TickCounter counter;
    int value = co_await completion.wait();
    EXPECT_EQ(value, 3);
    EXPECT_EQ(counter.count(), 0);
    Completion<void> failed;
    failed.set_exception(error("there"));
    std::string what;
    try {
      co_await failed.wait();
    } catch (const Boom& boom) {
      what = boom.what();
    }
    EXPECT_EQ(what, "there");
  });
}

TEST(CompletionSet, NoExceptionAtAllIsRefused) {
  Completion<int> completion;
  EXPECT_THROW(completion.set_exception(nullptr), std::invalid_argument);
  EXPECT_FALSE(completion.done());
}

TEST(CompletionSet, AfterTheAwaitFromAnotherThread) {
  run([]() -> Task<void> {
    for (int i = 0; i < 100; ++i) {
      Completion<std::string> completion;
      std::thread thread([completion] { completion.set_value(std::string(100, 'x')); });
      std::string value = co_await completion.wait();
      EXPECT_EQ(value.size(), 100U);
      thread.join();
    }
  });
}

TEST(CompletionCancel, ResultOfACancelledAwaiterIsDropped) {
  run([]() -> Task<void> {
    Completion<std::string> completion;
    auto task = spawn([](Completion<std::string> c) -> Task<void> { (void)co_await c.wait(); }, completion);
    co_await ticks(1);
    EXPECT_FALSE(completion.abandoned());
    task.cancel();
    EXPECT_TRUE(completion.abandoned());
    completion.set_value("late");
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    co_await ticks(2);
  });
}

TEST(CompletionCancel, CancelBetweenTheSetAndTheStepLosesTheValue) {
  run([]() -> Task<void> {
    Completion<int> completion;
    auto task = spawn([](Completion<int> c) -> Task<int> { co_return co_await c.wait(); }, completion);
    co_await ticks(1);
    completion.set_value(1);
    task.cancel("first");
    Outcome<int> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: first");
    EXPECT_FALSE(completion.abandoned());
  });
}

TEST(CompletionCancel, SetWhileTheLoopCloses) {
  for (int i = 0; i < 50; ++i) {
    Completion<std::string> completion;
    std::latch waiting(1);
    std::thread thread([completion, &waiting] {
      waiting.wait();
      completion.set_value(std::string(100, 'x'));
    });
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    loop.run([](Completion<std::string> c) -> Task<void> {
      spawn([](Completion<std::string> mine) -> Task<void> { (void)co_await mine.wait(); }, c);
      co_await ticks(2);
    }(completion));
    waiting.count_down();
    loop.loop().close();
    thread.join();
  }
}

TEST(Threadsafe, EightThreadsKeepTheOrderOfEach) {
  static constexpr int producers = 8;
  static constexpr int posts = 2000;
  testing::VirtualLoop loop;
  std::vector<std::vector<int>> seen(producers);
  int total = 0;
  auto inbox = loop.loop().inbox();  // says to the virtual loop that other threads are there
  std::vector<std::thread> threads;
  for (int t = 0; t < producers; ++t)
    threads.emplace_back([&, t, inbox] {
      for (int i = 0; i < posts; ++i)
        loop.loop().call_soon_threadsafe([&seen, &total, &loop, t, i] {
          seen[static_cast<std::size_t>(t)].push_back(i);
          if (++total == producers * posts) loop.loop().stop();
        });
    });
  loop.loop().run_forever();
  for (auto& thread : threads) thread.join();
  for (const auto& mine : seen) {
    ASSERT_EQ(mine.size(), static_cast<std::size_t>(posts));
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
  }
}

TEST(Threadsafe, WhatAPostThrowsGoesToTheHandler) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    EventLoop::current().call_soon_threadsafe([] { throw Boom("posted"); });
    co_await ticks(3);
  }());
  ASSERT_EQ(reports.count(), 1U);
  EXPECT_EQ(text(reports[0].error), "posted");
}

}  // namespace
}  // namespace coterie

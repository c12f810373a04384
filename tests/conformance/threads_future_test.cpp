// Futures of other threads, and tasks that other threads make or ask for (lines 35, 36 and list P).
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

// 35. test_futures::BaseFutureTests.test_wrap_future_cancel
TEST(ThreadsFuture, CancelOfTheLoopsSideCancelsWhatHasNotStarted) {
  run([]() -> Task<void> {
    Completion<int> thread_side;
    Future<int> loop_side = wrap_future(thread_side);
    EXPECT_TRUE(loop_side.cancel());
    EXPECT_TRUE(loop_side.cancelled());
    co_await yield();
    EXPECT_TRUE(thread_side.abandoned());
    EXPECT_FALSE(thread_side.done());
  });
}

// 36. test_futures::BaseFutureTests.test_wrap_future_cancel2
COTERIE_CASE(ThreadsFuture, CancelOfTheLoopsSideLeavesTheOtherItsValue) {
  run([]() -> Task<void> {
    Completion<int> thread_side;
    Future<int> loop_side = wrap_future(thread_side);
    std::thread([thread_side] { thread_side.set_value(42); }).join();
    EXPECT_TRUE(loop_side.cancel());  // the value is on its way
    co_await ticks(2);
    EXPECT_TRUE(loop_side.cancelled());
    EXPECT_FALSE(thread_side.abandoned());
    auto subject = [](Completion<int> kept) -> Co<int> { co_return co_await kept.wait(); };
    int value = co_await subject(thread_side);
    EXPECT_EQ(value, 42);
  });
}

// 242. test_tasks::RunCoroutineThreadsafeTests.test_run_coroutine_threadsafe_task_factory_exception
COTERIE_CASE(ThreadsSpawnOn, ErrorInMakingTheTaskReachesTheHandleAndTheHandler) {
  testing::VirtualLoop virtual_loop;
  Reports reports(virtual_loop.loop());
  std::string seen;
  std::thread other;
  virtual_loop.run([](EventLoop& loop, std::thread& thread, std::string& what) -> Task<void> {
    Completion<void> done;
    thread = std::thread([&loop, &what, done] {
      auto broken = [](int) -> Co<int> { throw Boom("no task"); };  // a plain function that makes a Task
      RemoteHandle<int> handle = run_coroutine_threadsafe(loop, broken, 1);
      try {
        handle.get();
      } catch (const Boom& boom) {
        what = boom.what();
      }
      done.set_value();
    });
    co_await done.wait();
  }(virtual_loop.loop(), other, seen));
  other.join();
  EXPECT_EQ(seen, "no task");
  ASSERT_EQ(reports.count(), 1U);
  EXPECT_EQ(text(reports[0].error), "no task");
}

template <class How>
Task<void, How> make_tasks(std::latch& begun) {
  begun.count_down();
  for (;;) {
    JoinHandle<void> child = spawn(Subjects<How>::nop);
    co_await child;
    spawn(Subjects<How>::nop);
  }
}

// 244. test_free_threading::TestFreeThreading.test_all_tasks_race
COTERIE_CASE(ThreadsAllTasks, AskedFromOtherThreadsWhileTasksComeAndGo) {
  RuntimeOptions options;
  options.loops = 2;
  options.loop = loop_options();
  Runtime runtime(options);
  std::latch begun(2);
  for (std::size_t i = 0; i < 2; ++i) {
    spawn_on(runtime.loop(i), named("pending"), []() -> Co<void> { co_await Future<void>(); });
    spawn_on(runtime.loop(i), named("maker"), make_tasks<How>, std::ref(begun));
  }
  begun.wait();
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> complete{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        std::vector<std::string> names;
        for (const TaskSnapshot& task :
             all_tasks_threadsafe(runtime.loop(static_cast<std::size_t>(i % 2))).get())
          names.push_back(task.name);
        const bool all = std::count(names.begin(), names.end(), "pending") == 1 &&
                         std::count(names.begin(), names.end(), "maker") == 1;
        if (all) ++complete;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(complete.load(), 4 * 50);
  EXPECT_TRUE(runtime.stop().empty());
}

}  // namespace
}  // namespace coterie

// Futures of other threads, executors, coroutines from other threads (lines 35, 36 and list P).
#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Holds a thread of a pool until it is let go. What is left to itself must own what it uses: the gate is
/// shared, and `gone` tells when the last of those who held it has let go.
struct Gate {
  explicit Gate(std::latch& last) : gone(last) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { gone.count_down(); }
  void pass() {
    entered.count_down();
    open.wait();
  }
  std::latch entered{1};
  std::latch open{1};
  std::latch& gone;
};
/// Opens it and waits until the thread is through with its job.
void let_go(std::shared_ptr<Gate> gate, std::latch& gone) {
  gate->open.count_down();
  gate.reset();
  gone.wait();
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

// 240. test_threads::ToThreadTests.test_to_thread_concurrent
COTERIE_CASE(ThreadsExecutor, TenCallsAtOnce) {
  run([]() -> Task<void> {
    std::atomic<int> calls{0};
    auto call = [](std::atomic<int>& count) -> Co<void> {
      co_await to_thread([](std::atomic<int>& n) { n.fetch_add(1); }, std::ref(count));
    };
    std::vector<Co<void>> tasks;
    tasks.reserve(10);
    for (int i = 0; i < 10; ++i) tasks.push_back(call(calls));
    (void)co_await gather(std::move(tasks));
    EXPECT_EQ(calls.load(), 10);
  });
}

// 240. test_threads::ToThreadTests.test_to_thread_args_kwargs
COTERIE_CASE(ThreadsExecutor, ArgumentsTravel) {
  run([]() -> Task<void> {
    auto subject = []() -> Co<std::string> {
      std::string word = co_await to_thread(
          [](const std::string& part, int times) {
            std::string all;
            for (int i = 0; i < times; ++i) all += part;
            return all;
          },
          std::string("ab"), 3);
      co_return word;
    };
    std::string word = co_await subject();
    EXPECT_EQ(word, "ababab");
  });
}

// 241. test_events::EventLoopTestsMixin.test_run_in_executor_cancel
COTERIE_CASE(ThreadsExecutor, LateResultDoesNotCallIntoAClosedLoop) {
  ThreadPool pool(1);
  std::latch gone(1);
  auto gate = std::make_shared<Gate>(gone);
  bool called = false;
  // A real loop: a virtual one does not let its clock run on while a thread is waited for.
  coterie::run([](ThreadPool& p, std::shared_ptr<Gate> g, bool& c) -> Co<void> {
    Future<void> job = run_in_executor(p, [](const std::shared_ptr<Gate>& x) { x->pass(); }, g);
    job.add_done_callback([&c](const Future<void>&) { c = true; });
    g->entered.wait();
    job.cancel();
    co_await ticks(3);
    EXPECT_TRUE(c) << "the cancelled future's own callback";
    c = false;
    bool joined = co_await shutdown_executor(p, 1ms);
    EXPECT_FALSE(joined);
  }(pool, gate, called));
  let_go(std::move(gate), gone);
  EXPECT_FALSE(called);
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

// 243. test_base_events::BaseEventLoopTests.test_shutdown_default_executor_timeout
TEST(ThreadsExecutor, ShutdownJoinsUpToTheLimitThenWarnsAndLetsGo) {
  std::latch gone(1);
  auto gate = std::make_shared<Gate>(gone);
  {
    ThreadPool pool(2);
    coterie::run([](ThreadPool& p, std::shared_ptr<Gate> g) -> Task<void> {
      Reports reports(EventLoop::current());
      Future<void> stuck = run_in_executor(p, [](const std::shared_ptr<Gate>& x) { x->pass(); }, g);
      g->entered.wait();
      bool joined = co_await shutdown_executor(p, 10ms);
      EXPECT_FALSE(joined);
      stuck.cancel();
      std::string refused;
      try {
        (void)run_in_executor(p, [] {});
      } catch (const std::logic_error& error) {
        refused = error.what();
      }
      EXPECT_THAT(refused, HasSubstr("shut down"));
      EXPECT_THAT(reports.messages(), ElementsAre(HasSubstr("did not finish joining")));
    }(pool, gate));
  }  // the pool goes, its thread runs on
  let_go(std::move(gate), gone);
}

// 243. test_base_events::BaseEventLoopTests.test_shutdown_default_executor_timeout: nothing to warn of
COTERIE_CASE(ThreadsExecutor, ShutdownWaitsForWhatRunsWithinTheLimit) {
  ThreadPool pool(2);
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](ThreadPool& p) -> Co<void> {
    Future<int> last = run_in_executor(p, [] { return 7; });
    int value = co_await last;
    EXPECT_EQ(value, 7);
    bool joined = co_await shutdown_executor(p, Duration::max());
    EXPECT_TRUE(joined);
  }(pool));
  EXPECT_EQ(reports.count(), 0U);
}

// 244. test_free_threading::TestFreeThreading.test_all_tasks_race
COTERIE_CASE(ThreadsAllTasks, AskedFromOtherThreadsWhileTasksComeAndGo) {
  RuntimeOptions options;
  options.loops = 2;
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

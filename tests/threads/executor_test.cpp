// run_in_executor(), and the stop token of a call in a thread.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/runtime.hpp"
#include "threads/gate.hpp"

namespace coterie {
namespace {
using namespace test;

TEST(ToThread, ItsStopTokenIsRequestedByTheCancelAndTheWaitEndsAtOnce) {
  ThreadPool pool(1);
  auto gate = std::make_shared<Gate>();
  std::atomic<bool> stopped{false};
  run([&]() -> Task<void> {
    auto task = spawn(
        [](ThreadPool& p, std::shared_ptr<Gate> g, std::atomic<bool>& flag) -> Task<void> {
          co_await to_thread_on(
              p,
              [](std::stop_token stop, const std::shared_ptr<Gate>& x, std::atomic<bool>& out) {
                x->pass();
                while (!stop.stop_requested()) std::this_thread::yield();
                out = true;
              },
              g, std::ref(flag));
        },
        std::ref(pool), gate, std::ref(stopped));
    co_await ticks(2);
    gate->entered.wait();
    task.cancel();
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled");
    gate->open.count_down();
  });
  pool.shutdown();
  EXPECT_TRUE(stopped);
}

TEST(RunInExecutor, FutureHasManyWaitersAndCallbacks) {
  ThreadPool pool(1);
  run([&]() -> Task<void> {
    auto gate = std::make_shared<Gate>();
    Future<std::string> job = run_in_executor(
        pool,
        [](const std::shared_ptr<Gate>& g) {
          g->pass();
          return std::string(100, 'x');
        },
        gate);
    std::size_t called = 0;
    job.add_done_callback([&called](const Future<std::string>& done) { called = done.result().size(); });
    auto first = spawn(await_future<std::string>, job);
    auto second = spawn(await_future<std::string>, job);
    gate->entered.wait();
    gate->open.count_down();
    const std::string& value = co_await first;
    EXPECT_EQ(value.size(), 100U);
    co_await second;
    EXPECT_EQ(called, 100U);
    std::string failed =
        co_await end_of(await_future<void>(run_in_executor([] { throw Boom("shared pool"); })));
    EXPECT_EQ(failed, "shared pool");
  });
}

TEST(RunInExecutor, DroppingEveryHandleTakesBackWhatHasNotStarted) {
  ThreadPool pool(1);
  Gate gate;
  std::atomic<bool> ran{false};
  run([&]() -> Task<void> {
    Future<void> holder = run_in_executor(pool, [](Gate& g) { g.pass(); }, std::ref(gate));
    gate.entered.wait();
    {
      Future<void> dropped =
          run_in_executor(pool, [](std::atomic<bool>& flag) { flag = true; }, std::ref(ran));
    }
    gate.open.count_down();
    co_await holder;
  });
  pool.shutdown();
  EXPECT_FALSE(ran);
}

TEST(RunInExecutor, ValueOfAnEndedCompletionIsThereAtOnce) {
  run([]() -> Task<void> {
    Completion<std::unique_ptr<int>> thread_side;
    thread_side.set_value(std::make_unique<int>(3));
    Future<std::unique_ptr<int>> future = wrap_future(thread_side);
    EXPECT_TRUE(future.done());
    const std::unique_ptr<int>& value = co_await future;
    EXPECT_EQ(*value, 3);
  });
}

}  // namespace
}  // namespace coterie

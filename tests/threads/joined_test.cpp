// to_thread_joined(), stop tokens of threads, and run_in_executor().
#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

struct Gate {
  std::latch entered{1};
  std::latch open{1};
  void pass() {
    entered.count_down();
    open.wait();
  }
};

TEST(ToThreadJoined, RefersToLocalsOfTheCaller) {
  run([]() -> Task<void> {
    std::string local = "abc";
    std::size_t size = co_await to_thread_joined(
        [](std::string& word, std::string more) {
          word += more;
          return word.size();
        },
        local, std::string("def"));
    EXPECT_EQ(size, 6U);
    EXPECT_EQ(local, "abcdef");
    auto moved =
        co_await to_thread_joined([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(6));
    EXPECT_EQ(*moved, 6);
    Outcome<void> end = co_await outcome(to_thread_joined([] { throw Boom("there"); }));
    EXPECT_EQ(text(end), "there");
  });
}

TEST(ToThreadJoined, CancelWaitsUntilTheThreadHasLeftTheCallersLocals) {
  ThreadPool pool(1);
  Gate gate;
  run([&]() -> Task<void> {
    auto task = spawn(
        [](ThreadPool& p, Gate& g) -> Task<void> {
          std::string local(1000, 'x');
          co_await to_thread_joined_on(
              p,
              [](std::string& text, Gate& x) {
                x.pass();
                text.append(1000, 'y');  // under ASan: the frame is still there
              },
              local, g);
        },
        std::ref(pool), std::ref(gate));
    co_await ticks(2);
    gate.entered.wait();
    task.cancel("now");
    co_await ticks(5);
    EXPECT_FALSE(task.done());
    gate.open.count_down();
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: now");
  });
}

TEST(ToThreadJoined, CancelledBeforeItBeginsItNeverRunsAndTheWaitEndsAtOnce) {
  ThreadPool pool(1);
  Gate gate;
  bool ran = false;
  int alive = 0;
  run([&]() -> Task<void> {
    auto holder =
        spawn([](ThreadPool& p,
                 Gate& g) -> Task<void> { co_await to_thread_joined_on(p, [](Gate& x) { x.pass(); }, g); },
              std::ref(pool), std::ref(gate));
    auto second = spawn(
        [](ThreadPool& p, bool& flag, Probe probe) -> Task<void> {
          co_await to_thread_joined_on(p, [](bool& f, const Probe&) { f = true; }, flag, std::move(probe));
        },
        std::ref(pool), std::ref(ran), Probe(alive));
    co_await ticks(2);
    gate.entered.wait();
    second.cancel();
    std::string end = co_await end_of(std::move(second));
    EXPECT_EQ(end, "cancelled");
    EXPECT_EQ(alive, 0);
    gate.open.count_down();
    co_await holder;
  });
  pool.shutdown();
  EXPECT_FALSE(ran);
}

TEST(ToThreadJoined, TellsTheThreadByItsStopToken) {
  run([]() -> Task<void> {
    Gate gate;
    auto task = spawn(
        [](Gate& g) -> Task<void> {
          co_await to_thread_joined(
              [](std::stop_token stop, Gate& x) {
                x.entered.count_down();
                while (!stop.stop_requested()) std::this_thread::yield();
              },
              g);
        },
        std::ref(gate));
    co_await ticks(2);
    gate.entered.wait();
    task.cancel("told");
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled: told");
  });
}

TEST(ToThreadJoined, LoopThatClosesByForceWaitsForTheThread) {
  ThreadPool pool(1);
  std::latch entered(1);
  std::atomic<bool> left{false};
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([](ThreadPool& p, std::latch& l, std::atomic<bool>& out) -> Task<void> {
    auto work = [&]() -> Task<void> {
      std::string local(1000, 'x');
      co_await to_thread_joined_on(
          p,
          [](std::stop_token stop, std::string& text, std::latch& in, std::atomic<bool>& flag) {
            in.count_down();
            while (!stop.stop_requested()) std::this_thread::yield();
            text += 'y';
            flag = true;
          },
          local, l, out);
    };
    auto working = spawn(work);
    co_await ticks(2);
    l.wait();
  }(pool, entered, left));
  loop.loop().close();
  EXPECT_TRUE(left);
}

TEST(ToThreadJoined, PoolThatWasShutDownSaysSo) {
  ThreadPool pool(1);
  pool.shutdown();
  run([&]() -> Task<void> {
    Outcome<void> end = co_await outcome(to_thread_joined_on(pool, [] {}));
    EXPECT_THAT(text(end), HasSubstr("shut down"));
  });
}

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

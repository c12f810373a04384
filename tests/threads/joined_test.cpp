// to_thread_joined(): it waits for its thread, however it ends.
#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "support/runtime.hpp"
#include "threads/gate.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace coterie

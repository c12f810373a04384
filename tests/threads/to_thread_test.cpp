// to_thread() and its pool (list P and our own rules). Latches, never sleeps.
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

TEST(ToThread, ValuesVoidAndExceptionsComeBack) {
  run([]() -> Task<void> {
    const std::thread::id here = std::this_thread::get_id();
    int sum = co_await to_thread([](int a, int b) { return a + b; }, 3, 4);
    EXPECT_EQ(sum, 7);
    std::thread::id there = co_await to_thread([] { return std::this_thread::get_id(); });
    EXPECT_NE(there, here);
    int out = 0;
    co_await to_thread([](int& result) { result = 5; }, std::ref(out));
    EXPECT_EQ(out, 5);
    auto moved = co_await to_thread([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(6));
    EXPECT_EQ(*moved, 6);
    auto future = run_in_executor([] { return std::make_unique<int>(7); });
    moved = co_await std::move(future);
    EXPECT_EQ(*moved, 7);
    std::string what;
    try {
      co_await to_thread([] { throw Boom("there"); });
    } catch (const Boom& boom) {
      what = boom.what();
    }
    EXPECT_EQ(what, "there");
  });
}

TEST(ToThread, CancelledBeforeItStartsItNeverRuns) {
  ThreadPool pool(1);
  Gate gate;
  int alive = 0;
  std::atomic<bool> ran{false};
  run([&]() -> Task<void> {
    auto holder =
        spawn([](ThreadPool& p,
                 Gate& g) -> Task<void> { co_await to_thread_on(p, [](Gate& x) { x.pass(); }, std::ref(g)); },
              std::ref(pool), std::ref(gate));
    co_await ticks(1);
    gate.entered.wait();
    auto second = spawn(
        [](ThreadPool& p, Probe probe, std::atomic<bool>& flag) -> Task<void> {
          co_await to_thread_on(
              p, [](const Probe&, std::atomic<bool>& f) { f = true; }, probe, std::ref(flag));
        },
        std::ref(pool), Probe(alive), std::ref(ran));
    co_await ticks(2);
    second.cancel("no need");
    Outcome<void> end = co_await outcome(second);
    EXPECT_EQ(text(end), "cancelled: no need");
    gate.open.count_down();
    co_await holder;
  });
  pool.shutdown();
  EXPECT_FALSE(ran.load());
  EXPECT_EQ(alive, 0);
}

TEST(ToThread, CancelledWhileItRunsItsResultIsDroppedAndItsArgumentsLive) {
  ThreadPool pool(1);
  Gate gate;
  std::atomic<int> seen{0};
  run([&]() -> Task<void> {
    auto task = spawn(
        [](ThreadPool& p, Gate& g, std::atomic<int>& out) -> Task<void> {
          std::string local(1000, 'x');
          (void)co_await to_thread_on(
              p,
              [](const std::string& text, Gate& x, std::atomic<int>& o) {
                x.pass();
                o = static_cast<int>(text.size());
                return std::make_unique<int>(1);
              },
              local, std::ref(g), std::ref(out));
        },
        std::ref(pool), std::ref(gate), std::ref(seen));
    co_await ticks(1);
    gate.entered.wait();
    task.cancel();
    Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(seen.load(), 0);
    gate.open.count_down();
  });
  pool.shutdown();
  EXPECT_EQ(seen.load(), 1000);
}

TEST(ToThread, WhatItWasGivenIsReleasedBeforeTheAwaiterGoesOn) {
  run([]() -> Task<void> {
    for (int i = 0; i < 200; ++i) {
      auto shared = std::make_shared<int>(1);
      auto closure = [shared] { return *shared; };
      int value = co_await to_thread(closure);
      EXPECT_EQ(value, 1);
      EXPECT_EQ(shared.use_count(), 2);  // here and in the closure above
    }
  });
}

TEST(ToThread, LoopIsClosedWhileTheWorkRuns) {
  ThreadPool pool(2);
  Gate gate;
  {
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    loop.run([](ThreadPool& p, Gate& g) -> Task<void> {
      spawn([](ThreadPool& q,
               Gate& h) -> Task<void> { co_await to_thread_on(q, [](Gate& x) { x.pass(); }, std::ref(h)); },
            std::ref(p), std::ref(g));
      co_await ticks(2);
      g.entered.wait();
    }(pool, gate));
    loop.loop().close();
  }
  gate.open.count_down();
  pool.shutdown();
}

TEST(Pool, RunsAtMostAsManyThreadsAsItWasGiven) {
  constexpr int limit = 3;
  ThreadPool pool(limit);
  EXPECT_EQ(pool.thread_limit(), static_cast<std::size_t>(limit));
  struct Count {
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::latch together{limit};
  } count;
  auto call = [](ThreadPool& p, Count& c, bool meet) -> Task<void> {
    co_await to_thread_on(
        p,
        [](Count& counts, bool wait) {
          const int mine = counts.running.fetch_add(1) + 1;
          for (int seen = counts.most.load();
               seen < mine && !counts.most.compare_exchange_weak(seen, mine);) {
          }
          if (wait) counts.together.arrive_and_wait();  // so many do run at once
          counts.running.fetch_sub(1);
        },
        std::ref(c), meet);
  };
  run([&]() -> Task<void> {
    for (const int calls : {limit, 50}) {
      std::vector<Task<void>> tasks;
      for (int i = 0; i < calls; ++i) tasks.push_back(call(pool, count, calls == limit));
      (void)co_await gather(std::move(tasks));
    }
  });
  EXPECT_EQ(count.most.load(), limit);
}

TEST(Pool, ShutdownDropsWhatHasNotStartedAndRefusesMore) {
  int alive = 0;
  {
    ThreadPool pool(1);
    Gate gate;
    struct Call final : ThreadPool::Work {
      explicit Call(Gate* g, Probe p) : gate(g), probe(std::move(p)) {}
      void run() noexcept override {
        if (gate != nullptr) gate->pass();
      }
      Gate* gate;
      Probe probe;
    };
    int running = 0;
    pool.submit(std::make_unique<Call>(&gate, Probe(running)));
    gate.entered.wait();
    for (int i = 0; i < 5; ++i) pool.submit(std::make_unique<Call>(nullptr, Probe(alive)));
    EXPECT_EQ(alive, 5);
    std::thread closer([&] { pool.shutdown(); });
    gate.open.count_down();
    closer.join();
    EXPECT_EQ(running, 0);
    EXPECT_THROW(pool.submit(std::make_unique<Call>(nullptr, Probe(alive))), std::logic_error);
    pool.shutdown();
  }
  EXPECT_EQ(alive, 0);
}

TEST(Pool, ShutdownEndsTheWaitForWhatHadNotStarted) {
  ThreadPool pool(1);
  Gate gate;
  run([&]() -> Task<void> {
    auto first =
        spawn([](ThreadPool& p,
                 Gate& g) -> Task<void> { co_await to_thread_on(p, [](Gate& x) { x.pass(); }, std::ref(g)); },
              std::ref(pool), std::ref(gate));
    auto second = spawn([](ThreadPool& p) -> Task<void> { co_await to_thread_on(p, [] {}); }, std::ref(pool));
    co_await ticks(2);
    gate.entered.wait();
    std::thread closer([&] { pool.shutdown(); });
    std::string end = co_await end_of(std::move(second));
    EXPECT_THAT(end, HasSubstr("shut down"));
    gate.open.count_down();
    co_await first;
    closer.join();
  });
}

TEST(Pool, SubmitAfterTheShutdownComesOutOfToThread) {
  ThreadPool pool(1);
  pool.shutdown();
  run([&]() -> Task<void> {
    auto call = [&]() -> Task<void> { co_await to_thread_on(pool, [] {}); };
    std::string end = co_await end_of(call());
    EXPECT_THAT(end, HasSubstr("shut down"));
  });
}

}  // namespace
}  // namespace coterie

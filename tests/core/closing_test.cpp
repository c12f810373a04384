// How a loop ends: who refuses is named, what is left is destroyed, newest first, and nothing leaks (ASan).
#include <gmock/gmock.h>

#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

class Note {
 public:
  Note(std::vector<int>& out, int number) : out_(&out), number_(number) {}
  Note(Note&& other) noexcept : out_(std::exchange(other.out_, nullptr)), number_(other.number_) {}
  Note& operator=(Note&&) = delete;
  ~Note() {
    if (out_ != nullptr) out_->push_back(number_);
  }

 private:
  std::vector<int>* out_;
  int number_;
};

Task<void> refuse(std::vector<int>& out, int number) {
  Note note(out, number);
  for (;;) (void)co_await outcome(sleep(1h));
}

TEST(Closing, TasksThatRefuseAreNamedAndThenDestroyedNewestFirst) {
  std::vector<int> order;
  std::vector<std::string> refused;
  {
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    loop.run([](std::vector<int>& out) -> Task<void> {
      for (int i = 1; i <= 3; ++i) spawn(named("refuses-" + std::to_string(i)), refuse, std::ref(out), i);
      spawn(named("obeys"), sleeper, 1h);
      co_await ticks(2);
    }(order));
    refused = loop.loop().cancel_all_and_run(1min);
    EXPECT_TRUE(order.empty());
    loop.loop().close();
    EXPECT_THAT(order, ElementsAre(3, 2, 1));
    loop.loop().close();  // again: nothing
    EXPECT_TRUE(loop.loop().closed());
    EXPECT_THROW(loop.loop().run_forever(), std::logic_error);
    EXPECT_THROW(loop.loop().call_soon([] {}), std::logic_error);
    EXPECT_THROW(loop.loop().call_later(1s, [] {}), std::logic_error);
    EXPECT_FALSE(loop.loop().call_soon_threadsafe([] {}));
  }
  EXPECT_THAT(refused, ElementsAre("refuses-1", "refuses-2", "refuses-3"));
}

TEST(Closing, WithoutALimitADeadlockLeavesNothingBehind) {
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) {});
  loop.run([]() -> Task<void> {
    spawn([]() -> Task<void> {
      for (;;) (void)co_await outcome(await_future(Future<void>()));
    });
    co_await ticks(2);
  }());
  EXPECT_THROW(loop.loop().cancel_all_and_run(Duration::max()), testing::Deadlock);
}

TEST(Closing, OfALoopInsideAnothersTask) {
  auto other = std::make_unique<testing::VirtualLoop>();
  other->loop().set_exception_handler([](const ErrorContext&) {});
  other->run([]() -> Task<void> {
    spawn(sleeper, 1h);
    co_await ticks(2);
  }());
  run([&]() -> Task<void> {
    EventLoop* outer = &EventLoop::current();
    other->loop().close();
    EXPECT_EQ(&EventLoop::current(), outer);
    co_await yield();
  });
}

TEST(Closing, PostsInFlightFromManyThreads) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    {
      testing::VirtualLoop loop;
      std::atomic<int> posted{0};
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([inbox = loop.loop().inbox(), &posted, &refused] {
          while (inbox->post(make_posted([text = std::string(100, 'x')] { (void)text; })))
            posted.fetch_add(1);
          refused.fetch_add(1);
        });
      loop.run([](std::atomic<int>& count) -> Task<void> {
        while (count.load() < 100) co_await yield();
      }(posted));
      loop.loop().close();
      for (auto& thread : threads) thread.join();
    }
    EXPECT_EQ(refused.load(), 4);
  }
}

TEST(Closing, RunInsideARunningLoopIsRefused) {
  run([]() -> Task<void> {
    testing::VirtualLoop inner;
    EXPECT_THROW(inner.run(nop()), std::logic_error);
    EXPECT_THROW(EventLoop::current().run_forever(), std::logic_error);
    co_return;
  });
}

TEST(Closing, StopBeforeRunForeverIsExactlyOneTick) {
  testing::VirtualLoop loop;
  int runs = 0;
  loop.loop().call_soon([&] {
    ++runs;
    loop.loop().call_soon([&] { ++runs; });
  });
  loop.loop().stop();
  loop.loop().run_forever();
  EXPECT_EQ(runs, 1);
  loop.loop().call_soon([&] { loop.loop().stop(); });
  loop.loop().run_forever();
  EXPECT_EQ(runs, 2);
}

TEST(Closing, WhatCanNeverHappenIsADeadlock) {
  EXPECT_THROW(run([]() -> Task<void> { return await_future(Future<void>()); }), testing::Deadlock);
}

}  // namespace
}  // namespace coterie

// Work that begins while a loop ends: it is cancelled, or destroyed, in its turn.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

TEST(Closing, DestructorsOfFramesMayStartMoreWork) {
  int alive = 0;
  struct Starts {
    EventLoop* loop;
    int* count;
    ~Starts() {
      if (loop == nullptr) return;
      loop->call_soon([probe = Probe(*count)] {});
      loop->call_later(1h, [probe = Probe(*count)] {});
    }
  };
  {
    testing::VirtualLoop loop;
    loop.loop().set_exception_handler([](const ErrorContext&) {});
    loop.run([](int& count) -> Task<void> {
      spawn(
          [](int& n) -> Task<void> {
            Starts starts{&EventLoop::current(), &n};
            co_await sleep(1h);
          },
          std::ref(count));
      co_await ticks(2);
    }(alive));
    loop.loop().close();
  }
  EXPECT_EQ(alive, 0);
}

TEST(Closing, DestructorsOfFramesMaySpawnAndPost) {
  int alive = 0;
  int ran = 0;
  struct Starts {
    int* count;
    int* steps;
    ~Starts() {
      for (const bool eager : {false, true})
        spawn(
            SpawnOptions().eager(eager),
            [](Probe, int* n) -> Task<void> {
              ++*n;
              co_return;
            },
            Probe(*count), steps);
      EventLoop::current().call_soon_threadsafe([probe = Probe(*count)] {});
    }
  };
  {
    testing::VirtualLoop loop;
    Reports reports(loop.loop());
    loop.run([](int* count, int* steps) -> Task<void> {
      auto body = [](int* n, int* of) -> Task<void> {
        const Starts starts{n, of};
        co_await sleep(1h);
      };
      spawn(body, count, steps);
      spawn(body, count, steps);
      co_await ticks(2);
    }(&alive, &ran));
    loop.loop().close();
    EXPECT_EQ(reports.count(), 6U);  // two that ran, and four that never did
    EXPECT_EQ(loop.loop().task_count(), 0U);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(ran, 0);
}

TEST(Closing, WhatIsSpawnedDuringTheShutdownIsCancelledInItsTurn) {
  testing::VirtualLoop loop;
  std::vector<std::string> order;
  loop.run([](std::vector<std::string>& out) -> Task<void> {
    spawn(
        [](std::vector<std::string>& lines) -> Task<void> {
          Outcome<void> end = co_await outcome(sleep(1h));
          spawn(
              [](std::vector<std::string>& notes) -> Task<void> {
                Outcome<void> last = co_await outcome(sleep(1h));
                notes.push_back(text(last));
              },
              std::ref(lines));
          auto helper = spawn([]() -> Task<int> {
            co_await sleep(1s);
            co_return 3;
          });
          int value = co_await helper;  // what a cleanup awaits is left alone
          lines.push_back(std::to_string(value));
          end.get();
        },
        std::ref(out));
    co_await ticks(2);
  }(order));
  EXPECT_THAT(loop.loop().cancel_all_and_run(30s), ElementsAre());
  EXPECT_THAT(order, ElementsAre("3", "cancelled"));
  EXPECT_DOUBLE_EQ(loop.seconds(), 1);
}
}  // namespace
}  // namespace coterie

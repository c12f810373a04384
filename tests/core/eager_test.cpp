// Eager start beyond asyncio's own tests: what runs on top of a step that runs.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

constexpr auto eagerly = [] { return SpawnOptions().eager(); };

TEST(EagerStart, CreatorGoesOnAsTheCurrentTask) {
  run([]() -> Task<void> {
    std::vector<std::string> order;
    auto body = [](std::vector<std::string>& out) -> Task<void> {
      out.push_back("child begins");
      spawn(
          eagerly(),
          [](std::vector<std::string>& lines) -> Task<void> {
            lines.push_back("grandchild");
            co_return;
          },
          std::ref(out));
      out.push_back("child goes on");
      co_await yield();
      out.push_back("child ends");
    };
    const TaskRec* self = EventLoop::current().current_task();
    auto child = spawn(eagerly(), body, std::ref(order));
    order.push_back("creator");
    EXPECT_EQ(EventLoop::current().current_task(), self);
    EXPECT_EQ(child.state().parent_id(), self->id());
    co_await child;
    EXPECT_THAT(order, ElementsAre("child begins", "grandchild", "child goes on", "creator", "child ends"));
  });
}

TEST(EagerStart, InAPlainCallbackThereIsNoTaskAfterwards) {
  run([]() -> Task<void> {
    bool ran = false;
    EventLoop& loop = EventLoop::current();
    loop.call_soon([&] {
      auto task = spawn(
          eagerly(),
          [](bool& flag) -> Task<void> {
            flag = true;
            co_return;
          },
          std::ref(ran));
      EXPECT_TRUE(task.done());
      EXPECT_EQ(loop.current_task(), nullptr);
    });
    co_await ticks(1);
    EXPECT_TRUE(ran);
  });
}

TEST(EagerStart, ChildMayCancelItsCreatorAndItself) {
  run([]() -> Task<void> {
    auto creator = spawn([]() -> Task<std::string> {
      auto child = spawn(
          eagerly(),
          [](TaskRec* parent) -> Task<void> {
            parent->cancel(nullptr);
            EventLoop::require_task().cancel(nullptr);
            co_await sleep(1h);
          },
          EventLoop::current().current_task());
      EXPECT_FALSE(child.done());
      Outcome<void> end = co_await outcome(sleep(1h));
      EXPECT_TRUE(end.cancelled());
      co_return co_await end_of(child);
    });
    std::string end = co_await creator;
    EXPECT_EQ(end, "cancelled");
    EXPECT_DOUBLE_EQ(seconds(), 0);
  });
}

TEST(EagerStart, CancelledBeforeItsFirstStepItNeverRuns) {
  run([]() -> Task<void> {
    std::stop_source stop;
    stop.request_stop();
    bool ran = false;
    auto task = spawn(
        SpawnOptions().stop_token(stop.get_token()).eager(),
        [](bool& flag) -> Task<void> {
          flag = true;
          co_return;
        },
        std::ref(ran));
    std::string end = co_await end_of(task);
    EXPECT_EQ(end, "cancelled: stop requested");
    EXPECT_FALSE(ran);
  });
}

TEST(EagerStart, ErrorThatNobodyRetrievesIsReported) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    spawn(eagerly(), fail, "alone");
    co_return;
  }());
  EXPECT_THAT(reports.messages(), ElementsAre("Task exception was never retrieved"));
}

TEST(EagerStart, DestructorOfADyingFrameMaySpawn) {
  run([]() -> Task<void> {
    struct Last {
      bool& flag;
      ~Last() {
        spawn(
            eagerly(),
            [](bool& ran) -> Task<void> {
              ran = true;
              co_await yield();
            },
            std::ref(flag));
      }
    };
    bool by_exception = false;
    auto catches = spawn(
        [](bool& flag) -> Task<void> {
          const Last last{flag};
          co_await sleep(1h);
        },
        std::ref(by_exception));
    bool by_destruction = false;
    auto dies = spawn(
        [](bool& flag) -> Task<void, no_catch> {
          const Last last{flag};
          co_await sleep(1h);
        },
        std::ref(by_destruction));
    co_await yield();
    catches.cancel();
    dies.cancel("why");
    std::string first = co_await end_of(catches);
    std::string second = co_await end_of(dies);
    EXPECT_EQ(first, "cancelled");
    EXPECT_EQ(second, "cancelled: why");
    EXPECT_TRUE(by_exception && by_destruction);
  });
}

TEST(EagerStart, FatalComesOutOfSpawnAndOfTheRunOnce) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  bool seen = false;
  auto body = [](bool& flag) -> Task<void> {
    co_await task_group([&](TaskGroup& group) -> Task<void> {
      try {
        group.spawn(eagerly(), []() -> Task<void> {
          co_await std::suspend_never();
          throw Fatal("disk is gone");
        });
      } catch (const Fatal&) {
        flag = true;
        throw;
      }
      co_return;
    });
  };
  EXPECT_THROW(loop.run(body(seen)), Fatal);
  EXPECT_TRUE(seen);
  EXPECT_THAT(reports.messages(), ElementsAre());
}

TEST(EagerStart, BareTasksOfAGatherStartOneTickLater) {
  run([]() -> Task<void> {
    EventLoop::current().set_eager_start(true);
    TickCounter ticks_passed;
    auto [a, b] = co_await gather(give(1), give(2));
    EXPECT_EQ(a + b, 3);
    EXPECT_GE(ticks_passed.count(), 1);
  });
}

using EagerStartDeathTest = ::testing::Test;
TEST(EagerStartDeathTest, CreatorThatIsDestroyedFromAboveIsBeyondHelp) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto destroy = [] {
    run([]() -> Task<void> {
      TaskRec* self = EventLoop::current().current_task();
      spawn(
          eagerly(),
          [](TaskRec* creator) -> Task<void> {
            creator->destroy_unfinished();
            co_return;
          },
          self);
      co_return;
    });
  };
  EXPECT_DEATH(destroy(), "destroys itself while it runs");
}

int comparisons_of_callbacks = 0;
struct Tally {
  int* count;
  void operator()(const JoinHandle<void>&) const { ++*count; }
  bool operator==(const Tally& other) const {
    ++comparisons_of_callbacks;
    return count == other.count;
  }
};

TEST(Handle, RemovesEqualCallbacksAndLeavesTheOthers) {
  run([]() -> Task<void> {
    int kept = 0;
    int removed = 0;
    auto task = spawn(nop);
    for (int i = 0; i < 6; ++i) task.add_done_callback(Tally{&removed});
    task.add_done_callback(Tally{&kept});
    task.add_done_callback([&](const JoinHandle<void>&) { kept += 10; });
    EXPECT_EQ(task.remove_done_callback(Tally{&removed}), 6U);
    EXPECT_EQ(task.remove_done_callback(Tally{&removed}), 0U);
    EXPECT_GT(comparisons_of_callbacks, 0);
    co_await task;
    co_await ticks(2);
    EXPECT_EQ(removed, 0);
    EXPECT_EQ(kept, 11);
    task.add_done_callback(Tally{&kept});
    EXPECT_EQ(task.remove_done_callback(Tally{&kept}), 0U);  // queued already
    co_await ticks(2);
    EXPECT_EQ(kept, 12);
  });
}

}  // namespace
}  // namespace coterie

// A cancel may run what users gave (a callback's on_cancel, a stop callback), and that may cancel, wake and
// destroy tasks, the very one that is being cancelled too.
#include <gmock/gmock.h>

#include <optional>
#include <stop_token>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

/// Waits for a callback that never comes; a cancel calls `then`.
Task<void> wait_and(std::function<void()> then) {
  std::optional<Completer<void>> kept;
  auto start = [&kept](Completer<void> done) { kept = std::move(done); };
  auto on_cancel = [&then] { then(); };
  co_await from_callback<void>(start, on_cancel);
}
std::string cancelled_then_yield(TaskRec& self) {
  return "cancelling " + std::to_string(self.cancelling());
}

TEST(ReentrantCancel, OfTheSameTaskIsOneDelivery) {
  run([]() -> Task<void> {
    JoinHandle<void> task;
    int later = 0;
    std::function<void()> again = [&] {
      task.cancel();
      EventLoop::current().call_soon([&later] { ++later; });
    };
    task = spawn(wait_and, again);
    auto other = spawn([]() -> Task<int> {
      co_await ticks(3);
      co_return 7;
    });
    co_await ticks(2);
    task.cancel();
    EXPECT_EQ(co_await end_of(task), "cancelled");
    EXPECT_EQ(task.cancelling(), 2U);
    EXPECT_EQ(co_await other, 7) << "who stood behind it in line";
    EXPECT_EQ(later, 1);
  });
}

TEST(ReentrantCancel, OfItsGroupEndsEverybodyOnce) {
  run([]() -> Task<void> {
    std::uint32_t left = 99;
    auto block = [](TaskGroup& group) -> Task<void> {
      std::function<void()> all = [&group] { group.cancel(); };
      auto first = group.spawn(wait_and, all);
      (void)group.spawn([]() -> Task<void> { co_await sleep(24h); });
      EventLoop::current().call_later(1s, [first] { JoinHandle<void>(first).cancel(); });
      co_await sleep(1h);
    };
    (void)co_await end_of(task_group(block));
    left = EventLoop::require_task().cancelling();
    EXPECT_EQ(left, 0U);
    co_await ticks(2);
  });
}

TEST(ReentrantCancel, OfAFailingGroupAsksItsParentOnce) {
  run([]() -> Task<void> {
    auto block = [](TaskGroup& group) -> Task<void> {
      std::function<void()> all = [&group] { group.cancel(); };
      (void)group.spawn(wait_and, all);
      (void)group.spawn([]() -> Task<void> {
        co_await sleep(1s);
        throw std::runtime_error("boom");
      });
      co_await sleep(1h);
    };
    EXPECT_EQ(co_await end_of(task_group(block)), "group(boom)");
    EXPECT_EQ(cancelled_then_yield(EventLoop::require_task()), "cancelling 0");
    co_await ticks(2);  // nothing is left over
  });
}

TEST(ReentrantCancel, ThatDestroysItsOwnTasksScope) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](Reports& told) -> Task<void> {
    auto scope = std::make_unique<TaskScope>("own");
    std::function<void()> destroy = [&scope] { scope.reset(); };
    auto task = scope->spawn(wait_and, destroy);
    co_await ticks(2);
    task.cancel();
    EXPECT_TRUE(task.done());
    EXPECT_EQ(co_await end_of(task), "cancelled: its frame was destroyed");
    EXPECT_EQ(told.count(), 1U);
  }(reports));
}

TEST(ReentrantCancel, AtTheEndOfALoopMayDestroyOthers) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  auto other = std::make_unique<TaskScope>("other");
  loop.run([](std::unique_ptr<TaskScope>& victim) -> Task<void> {
    std::function<void()> destroy = [&victim] { victim.reset(); };
    (void)spawn(wait_and, destroy);
    (void)victim->spawn([]() -> Task<void> { co_await sleep(1h); });
    co_await ticks(2);
  }(other));
  EXPECT_TRUE(loop.loop().cancel_all_and_run(1h).empty());
  EXPECT_EQ(other, nullptr);
}

TEST(ReentrantCancel, ByAStopCallbackOfItsThread) {
  run([]() -> Task<void> {
    TaskScope scope("work");
    auto body = [](TaskScope& all) -> Task<void> {
      co_await with_stop_token([&all](std::stop_token token) -> Task<void> {
        const std::stop_callback on_stop(token, [&all] { all.cancel(); });
        co_await sleep(1h);
      });
    };
    auto task = scope.spawn(body, std::ref(scope));
    co_await ticks(3);
    task.cancel();
    EXPECT_EQ(co_await end_of(task), "cancelled");
    co_await scope.close();
  });
}

// EventLoop::cancel_all_and_run: what one of them stops for does not make it cancel the others again.
TEST(ReentrantCancel, AStopInACleanupDoesNotCancelTwice) {
  testing::VirtualLoop loop;
  bool cleaned_up = false;
  loop.run([](bool& done) -> Task<void> {
    (void)spawn(
        [](bool& through) -> Task<void> {
          (void)co_await outcome(sleep(1h));
          EventLoop::current().stop();
          co_await sleep(1s);
          through = true;
        },
        std::ref(done));
    co_await ticks(2);
  }(cleaned_up));
  EXPECT_TRUE(loop.loop().cancel_all_and_run(1h).empty());
  EXPECT_TRUE(cleaned_up);
}

}  // namespace
}  // namespace coterie

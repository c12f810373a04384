// The Timeout that a block is given: rescheduled, asked, misused (list F). Line numbers and names are those
// of CPython 3.14.7's test_timeouts::TimeoutTests.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::HasSubstr;

// 101. test_reschedule
COTERIE_CASE(TimeoutBlock, RescheduledLaterAndToNeverByAnotherTask) {
  run([]() -> Task<void> {
    Timeout* scope = nullptr;
    bool expired = true;
    auto task = spawn(
        [](Timeout*& out, bool& was_expired) -> Co<void> {
          co_await timeout(100ms, [&](Timeout& mine) -> Task<void> {
            out = &mine;
            Outcome<void> end = co_await outcome(sleep(1h));
            was_expired = mine.expired();
            end.get();
          });
        },
        std::ref(scope), std::ref(expired));
    co_await ticks(2);
    scope->reschedule_after(10s);
    co_await sleep(1s);
    EXPECT_FALSE(task.done());
    scope->reschedule(std::nullopt);
    EXPECT_EQ(scope->when(), std::nullopt);
    co_await sleep(1min);
    EXPECT_FALSE(task.done());
    task.cancel();
    std::string end = co_await end_of(std::move(task));
    EXPECT_EQ(end, "cancelled");
    EXPECT_FALSE(expired);
  });
}

// 104. test_timeout_already_entered, _double_enter, _finished, _expired, _expiring, _not_entered,
// _without_task
COTERIE_CASE(TimeoutBlock, MisuseSaysInWhichStateItIs) {
  // It cannot be entered twice, nor be used before it is entered: a Timeout is what the block is given.
  static_assert(!std::is_default_constructible_v<Timeout> && !std::is_copy_constructible_v<Timeout> &&
                !std::is_move_constructible_v<Timeout>);
  run([]() -> Task<void> {
    auto refusal = [](Timeout& scope) -> std::string {
      try {
        scope.reschedule(std::nullopt);
      } catch (const InvalidState& error) {
        return error.what();
      }
      return "accepted";
    };
    std::string expiring;
    auto block = [&](Timeout& scope) -> Co<void> {
      Outcome<void> end = co_await outcome(sleep(1s));
      expiring = refusal(scope);
      end.get();
    };
    std::string end = co_await end_of(timeout(10ms, block));
    EXPECT_EQ(end, "timeout");
    EXPECT_THAT(expiring, HasSubstr("expiring"));

    Timeout finished(EventLoop::require_task(), std::nullopt);
    EXPECT_FALSE(finished.exit(false));
    EXPECT_THAT(refusal(finished), HasSubstr("finished"));
    Timeout expired(EventLoop::require_task(), EventLoop::current().now());
    (void)co_await outcome(sleep(1s));
    EXPECT_TRUE(expired.exit(true));
    EXPECT_THAT(refusal(expired), HasSubstr("expired"));

    std::string without_task;
    EventLoop::current().call_soon([&] {
      try {
        const Timeout scope(EventLoop::require_task(), std::nullopt);
      } catch (const std::logic_error& error) {
        without_task = error.what();
      }
    });
    co_await ticks(1);
    EXPECT_THAT(without_task, HasSubstr("needs a task"));
  });
}

}  // namespace
}  // namespace coterie

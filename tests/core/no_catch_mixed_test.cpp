// Coroutines that catch and coroutines that do not, one inside the other, and inside what awaits both.
#include <gmock/gmock.h>

#include "no_catch_support.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

TEST(NoCatchMixed, ACatchingCallerGetsTheExceptionAtItsAwait) {
  run([]() -> Task<void> {
    Log log;
    auto task = spawn(
        [](Log& out) -> Task<int> {
          try {
            co_await nest<no_catch>(out, 1);
          } catch (const Cancelled& cancel) {
            out.push_back("caught " + cancel.message());
          }
          co_return 7;
        },
        std::ref(log));
    co_await ticks(1);
    task.cancel("why");
    int value = co_await task;
    EXPECT_EQ(value, 7);
    EXPECT_THAT(log, ElementsAre("inner0", "outer0", "inner1", "outer1", "caught why"));
  });
}

TEST(NoCatchMixed, ACatchingChildThatEndsCancelledDestroysItsCaller) {
  run([]() -> Task<void> {
    Log log;
    auto catching_child = [](Log& out) -> Task<void> {
      try {
        co_await sleep(1h);
      } catch (const Cancelled&) {
        out.push_back("child cleans up");
        throw;
      }
    };
    auto task = spawn(
        [](auto child, Log& out) -> Task<void, no_catch> {
          Note note(out, "caller");
          co_await child(out);
        },
        catching_child, std::ref(log));
    co_await ticks(1);
    task.cancel("why");
    Outcome<void> end = co_await outcome(task);
    EXPECT_EQ(text(end), "cancelled: why");
    EXPECT_THAT(log, ElementsAre("child cleans up", "caller"));
  });
}

TEST(NoCatchMixed, ACatchingChildMaySwallowTheCancelAndItsCallerGoesOn) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<int, no_catch> {
      Outcome<void> slept = co_await outcome(sleep(1h));
      std::string how = text(slept);
      EXPECT_EQ(how, "cancelled");
      co_await sleep(1s);
      co_return 3;
    });
    co_await ticks(1);
    task.cancel();
    int value = co_await task;
    EXPECT_EQ(value, 3);
  });
}

TEST(NoCatchMixed, OutcomeGivesTheCancelAsAValueHereToo) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<std::string, no_catch> {
      Outcome<void> first = co_await outcome(sleep(1h));
      Outcome<void> second = co_await outcome(Subjects<no_catch>::sleeper(1h));
      co_return text(first) + ", " + text(second);
    });
    co_await ticks(1);
    task.cancel("one");
    co_await ticks(2);
    task.cancel();
    std::string ends = co_await task;
    EXPECT_EQ(ends, "cancelled: one, cancelled");
  });
}

/// A no_catch coroutine inside each of the things that take one; cancelled from outside.
template <class Body>
Task<void> expect_cancelled_inside(Body body) {
  Log log;
  auto task = spawn(body, std::ref(log));
  co_await ticks(2);
  task.cancel("outside");
  Outcome<void> end = co_await outcome(task);
  EXPECT_EQ(text(end), "cancelled: outside");
  EXPECT_THAT(log, ElementsAre("inner0", "outer0"));
}

TEST(NoCatchMixed, InsideTimeoutGroupShieldAndWaitFor) {
  run([]() -> Task<void> {
    co_await expect_cancelled_inside(
        [](Log& log) -> Task<void> { co_await wait_for(2h, nest<no_catch>(log, 0)); });
    co_await expect_cancelled_inside([](Log& log) -> Task<void> {
      co_await timeout(2h, [&log](Timeout&) -> Task<void, no_catch> { return nest<no_catch>(log, 0); });
    });
    co_await expect_cancelled_inside([](Log& log) -> Task<void> {
      co_await task_group([&log](TaskGroup& group) -> Task<void, no_catch> {
        group.spawn(nest<no_catch>, std::ref(log), 0);
        co_await sleep(1h);
      });
    });
    co_await expect_cancelled_inside([](Log& log) -> Task<void> {
      auto child = spawn(nest<no_catch>, std::ref(log), 0);
      co_await gather(child);
    });
    EXPECT_EQ(seconds(), 0);
  });
}

TEST(NoCatchMixed, TimeoutAndWaitForTurnItIntoATimeoutError) {
  run([]() -> Task<void> {
    std::string end = co_await end_of(wait_for(1s, Subjects<no_catch>::sleeper(1h)));
    EXPECT_EQ(end, "timeout");
    end = co_await end_of(timeout(1s, [](Timeout&) -> Task<void, no_catch> { co_await sleep(1h); }));
    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(seconds(), 2);
  });
}

TEST(NoCatchMixed, AShieldedTaskRunsOnAndAShieldedCoroutineEndsFirst) {
  run([]() -> Task<void> {
    Log log;
    auto inner = spawn(Subjects<no_catch>::give_later, 1s, 5);
    auto outer = spawn(
        [](JoinHandle<int> kept, Log& out) -> Task<int, no_catch> {
          Note note(out, "outer");
          co_return co_await shield(kept);
        },
        inner, std::ref(log));
    auto section = spawn(
        [](Log& out) -> Task<void, no_catch> {
          Note note(out, "section");
          co_await shield(Subjects<no_catch>::sleeper(1s));
        },
        std::ref(log));
    co_await ticks(2);
    outer.cancel();
    section.cancel();
    co_await ticks(2);
    EXPECT_TRUE(outer.cancelled());
    EXPECT_FALSE(section.done());
    EXPECT_THAT(log, ElementsAre("outer"));
    int value = co_await inner;
    EXPECT_EQ(value, 5);
    co_await ticks(3);
    EXPECT_TRUE(section.cancelled());
    EXPECT_THAT(log, ElementsAre("outer", "section"));
  });
}

}  // namespace
}  // namespace coterie

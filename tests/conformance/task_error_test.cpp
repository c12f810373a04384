// Task: messages, what errors keep, what is reported of them (list C). Line numbers and names are those of
// CPython 3.14.7.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// 57. test_tasks::BaseTaskTests.test_cancel_with_message_then_future_result
COTERIE_CASE(TaskBasics, MessageArrivesUnchangedInResult) {
  for (const std::string message : {"", "m", "5", "a longer message that does not fit in place"}) {
    run([&message]() -> Task<void> {
      auto task = spawn([]() -> Co<void> { co_await Subjects::sleeper(10s); });
      auto awaiter = spawn([](JoinHandle<void> inner) -> Co<void> { co_await inner; }, task);
      co_await ticks(2);
      awaiter.cancel(message);
      std::string end = co_await end_of(awaiter);
      EXPECT_EQ(end, message.empty() ? "cancelled" : "cancelled: " + message);
      for (const JoinHandle<void>& cancelled : {awaiter, task}) {
        try {
          cancelled.result();
          ADD_FAILURE();
        } catch (const Cancelled& cancel) {
          EXPECT_EQ(cancel.message(), message);
        }
      }
    });
  }
}

// 58. test_tasks::BaseTaskTests.test_cancel_with_message_then_future_exception
COTERIE_CASE(TaskBasics, MessageArrivesUnchangedInException) {
  const auto message_of = [](const JoinHandle<int>& task) -> std::string {
    try {
      (void)task.exception();
    } catch (const Cancelled& cancel) {
      return "cancelled(" + cancel.message() + ")";
    }
    return "nothing was thrown";
  };
  run([&message_of]() -> Task<void> {
    auto without = spawn(Subjects::give_later, 10s, 1);
    auto with = spawn(Subjects::give_later, 10s, 2);
    co_await ticks(1);
    without.cancel();
    with.cancel("my message");
    co_await without.wait();
    co_await with.wait();
    EXPECT_EQ(message_of(without), "cancelled()");
    EXPECT_EQ(message_of(with), "cancelled(my message)");
    EXPECT_EQ(message_of(with), "cancelled(my message)") << "as often as somebody asks";
  });
}

// 60. test_tasks::BaseTaskTests.test_cancellation_exception_context
TEST(TaskBasics, ErrorThatACancelWasTurnedIntoKeepsItAsItsCause) {
  run([]() -> Task<void> {
    auto inner = spawn(sleeper, 10s);
    auto outer = spawn(
        [](JoinHandle<void> task) -> Task<void> {
          try {
            co_await task;
          } catch (const Cancelled&) {
            std::throw_with_nested(Boom("value"));
          }
        },
        inner);
    co_await ticks(2);
    inner.cancel("msg");
    Outcome<void> end = co_await outcome(outer);
    EXPECT_FALSE(outer.cancelled());
    try {
      end.get();
      ADD_FAILURE();
    } catch (const Boom& error) {
      EXPECT_STREQ(error.what(), "value");
      std::string cause;
      try {
        std::rethrow_if_nested(error);
      } catch (const Cancelled& cancel) {
        cause = "cancelled: " + cancel.message();
      }
      EXPECT_EQ(cause, "cancelled: msg");
    }
  });
}

// 64. test_tasks::BaseTaskTests.test_exception_chaining_after_await. C++ chains by hand, and what was chained
// outlives awaits and tasks.
TEST(TaskBasics, ChainedErrorsStayChainedThroughAwaitsAndTasks) {
  run([]() -> Task<void> {
    auto task = spawn([]() -> Task<void> {
      Outcome<void> first = co_await outcome(fail("key"));
      co_await yield();  // no await in a catch: the error waits as a value
      std::string second = co_await end_of(fail_later(1s, "value"));
      try {
        first.get();
      } catch (const Boom&) {
        std::throw_with_nested(Boom(second));
      }
    });
    auto awaiter = spawn([](JoinHandle<void> inner) -> Task<void> { co_await inner; }, task);
    Outcome<void> end = co_await outcome(awaiter);
    std::vector<std::string> chain;
    try {
      end.get();
    } catch (const Boom& error) {
      chain.emplace_back(error.what());
      try {
        std::rethrow_if_nested(error);
      } catch (const Boom& cause) {
        chain.emplace_back(cause.what());
      }
    }
    EXPECT_THAT(chain, ElementsAre("value", "key"));
  });
}

// Beyond the list: a task's exception that nobody retrieved is reported once, when the last handle goes; a
// cancel that it answered with an error does not silence it, a cancel after its end does.
COTERIE_CASE(TaskBasics, NeverRetrievedExceptionIsReportedOnceAndOnlyWhenDue) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](Reports& told) -> Task<void> {
    auto task = std::make_unique<JoinHandle<void>>(spawn(named("first"), Subjects::fail, "one"));
    auto copy = std::make_unique<JoinHandle<void>>(*task);
    co_await ticks(2);
    task.reset();
    EXPECT_EQ(told.count(), 0U);
    copy.reset();
    EXPECT_EQ(told.count(), 1U);
    EXPECT_EQ(told[0].message, "Task exception was never retrieved");
    EXPECT_EQ(told[0].task, "first");
    EXPECT_EQ(text(told[0].error), "one");

    spawn(named("detached"), Subjects::fail, "two");
    co_await ticks(1);
    EXPECT_EQ(told.count(), 2U);

    {
      auto seen = spawn(Subjects::fail, "seen");
      (void)co_await outcome(seen);
      auto looked = spawn(Subjects::fail, "looked");
      auto cancelled_later = spawn(Subjects::fail, "noted");
      co_await ticks(1);
      EXPECT_NE(looked.exception(), nullptr);
      EXPECT_FALSE(cancelled_later.cancel());
      auto cancelled = spawn(Subjects::sleeper, 1s);
      co_await ticks(1);
      cancelled.cancel();
      co_await ticks(1);
      EXPECT_TRUE(cancelled.cancelled());
    }
    EXPECT_EQ(told.count(), 2U);

    spawn(Subjects::crash_on_cancel, 1s, "cleanup").cancel();
    auto crashing = std::make_unique<JoinHandle<void>>(spawn(Subjects::crash_on_cancel, 1s, "cleanup"));
    co_await ticks(1);
    crashing->cancel();
    co_await ticks(1);
    crashing.reset();
    EXPECT_EQ(told.count(), 3U);
    EXPECT_EQ(text(told[2].error), "cleanup");
  }(reports));
  EXPECT_EQ(reports.count(), 3U);
}

}  // namespace
}  // namespace coterie

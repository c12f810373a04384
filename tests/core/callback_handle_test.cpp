// CallbackHandle and Outcome: what is cancelled, in which order callbacks run, and every kind of end.
#include <gmock/gmock.h>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Outcomes, HoldEveryKindOfEnd) {
  Outcome<std::string> end;
  EXPECT_TRUE(end.empty());
  EXPECT_THROW((void)end.get(), std::logic_error);
  EXPECT_EQ(end.error(), nullptr);
  end.set_value("text");
  Outcome<std::string> copy = end;
  EXPECT_EQ(copy.get(), "text");
  end.set_exception(error("bad"));
  EXPECT_TRUE(end.has_exception());
  EXPECT_THROW((void)end.get(), Boom);
  copy = end;
  EXPECT_THROW((void)copy.get(), Boom);
  try {
    throw Cancelled("why");
  } catch (...) {
    end.set_current_exception();
  }
  EXPECT_TRUE(end.cancelled());
  EXPECT_EQ(text(end), "cancelled: why");
  Outcome<std::string> moved = std::move(copy);
  EXPECT_TRUE(moved.has_exception());
  Outcome<void> nothing;
  nothing.set_value();
  EXPECT_NO_THROW(nothing.get());
}

TEST(Callbacks, HandlesCancelWhatIsQueuedOrTimed) {
  run([]() -> Task<void> {
    EventLoop& loop = EventLoop::current();
    int runs = 0;
    CallbackHandle soon = loop.call_soon([&] { ++runs; });
    CallbackHandle copy = soon;
    CallbackHandle later = loop.call_later(1s, [&] { ++runs; });
    EXPECT_EQ(loop.timer_count(), 1U);
    copy.cancel();
    later.cancel();
    EXPECT_TRUE(soon.cancelled());
    EXPECT_EQ(loop.timer_count(), 0U);
    co_await sleep(2s);
    EXPECT_EQ(runs, 0);
    CallbackHandle self;
    self = loop.call_soon([&] {
      ++runs;
      self.cancel();
      ++runs;
    });
    co_await ticks(1);
    EXPECT_EQ(runs, 2);
    EXPECT_TRUE(self.cancelled());
    soon.cancel();
    CallbackHandle().cancel();
  });
}

TEST(Callbacks, OrderOfTimersIsDeadlineThenArming) {
  run([]() -> Task<void> {
    EventLoop& loop = EventLoop::current();
    std::vector<int> order;
    const TimePoint when = loop.now() + 1s;
    for (int i = 0; i < 6; ++i) loop.call_at(when, [&order, i] { order.push_back(i); });
    loop.call_at(when - 1ms, [&order] { order.push_back(-1); });
    loop.call_later(-1s, [&order] { order.push_back(-2); });
    loop.call_later(-2s, [&order] { order.push_back(-3); });
    co_await sleep(2s);
    EXPECT_THAT(order, ElementsAre(-3, -2, -1, 0, 1, 2, 3, 4, 5));
  });
}

TEST(Callbacks, WhatTheyThrowGoesToTheHandlerAndTheLoopGoesOn) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    EventLoop::current().call_soon([] { throw Boom("soon"); });
    EventLoop::current().call_later(1s, [] { throw Boom("later"); });
    co_await sleep(2s);
  }());
  EXPECT_THAT(reports.messages(), ElementsAre("Exception in callback", "Exception in callback"));
  EXPECT_EQ(text(reports[1].error), "later");
}

TEST(Callbacks, BrokenHandlerDoesNotBreakTheLoop) {
  testing::VirtualLoop loop;
  loop.loop().set_exception_handler([](const ErrorContext&) { throw Boom("handler"); });
  ::testing::internal::CaptureStderr();
  loop.run([]() -> Task<void> {
    EventLoop::current().call_soon([] { throw Boom("callback"); });
    co_await ticks(2);
  }());
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("Unhandled error in exception handler: handler"));
  EXPECT_THAT(told, HasSubstr("callback"));
}

TEST(Callbacks, WhatAnErrorSaysCannotWriteToTheTerminal) {
  ::testing::internal::CaptureStderr();
  testing::VirtualLoop loop;
  loop.run([]() -> Task<void> {
    EventLoop::current().call_soon([] {
      throw Boom(
          "two\nlines \x1b[2J \xC2\x9B"
          "2J \xE2\x80\xAE 报表 \xFF");
    });
    co_await ticks(2);
  }());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("two\nlines ?[2J ?2J ? 报表 ?"));
}

TEST(Outcome, OfAFuture) {
  run([]() -> Task<void> {
    Future<int> future;
    EventLoop::current().call_soon([future] { future.set_value(4); });
    Outcome<int> end = co_await outcome(future);
    EXPECT_EQ(end.get(), 4);
  });
}

TEST(CallbackHandle, WhatHoldsItsOwnTimerGoesWithIt) {
  struct Owner {
    CallbackHandle timer;
  };
  run([]() -> Task<void> {
    std::weak_ptr<Owner> cancelled;
    std::weak_ptr<Owner> ran;
    {
      auto owner = std::make_shared<Owner>();
      cancelled = owner;
      owner->timer = EventLoop::current().call_later(1h, [owner] {});
      owner->timer.cancel();
    }
    EXPECT_TRUE(cancelled.expired());
    {
      auto owner = std::make_shared<Owner>();
      ran = owner;
      owner->timer = EventLoop::current().call_later(1s, [owner] {});
    }
    co_await sleep(2s);
    EXPECT_TRUE(ran.expired());
  });
}

}  // namespace
}  // namespace coterie

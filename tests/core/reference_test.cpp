// Results that refer: Task<T&>.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

COTERIE_CASE(Reference, ComesOutOfATaskAsItself) {
  run([]() -> Task<void> {
    int number = 1;
    auto look = [](int& at, bool suspend) -> Co<int&> {
      if (suspend) co_await sleep(1s);
      co_return at;
    };
    int& now = co_await look(number, false);
    int& later = co_await look(number, true);
    EXPECT_EQ(&now, &number);
    EXPECT_EQ(&later, &number);
    auto task = spawn(look, std::ref(number), true);
    int& joined = co_await task;
    EXPECT_EQ(&joined, &number);
    joined = 5;
    EXPECT_EQ(&task.result(), &number);
    int& moved = co_await std::move(task);
    EXPECT_EQ(&moved, &number);
    Outcome<int&> end = co_await outcome(look(number, true));
    EXPECT_EQ(&end.get(), &number);
    EXPECT_EQ(number, 5);
  });
}

COTERIE_CASE(Reference, PassesThroughEveryWayToWait) {
  run([]() -> Task<void> {
    const std::string text = "text";
    auto look = [](const std::string& at, Duration after) -> Co<const std::string&> {
      co_await sleep(after);
      co_return at;
    };
    const std::string& limited = co_await wait_for(10s, look(text, 1s));
    EXPECT_EQ(&limited, &text);
    const std::string& shielded = co_await shield(look(text, 1s));
    EXPECT_EQ(&shielded, &text);
    auto [a, b] = co_await gather(look(text, 1s), look(text, 2s));
    EXPECT_EQ(&a.get(), &text);
    EXPECT_EQ(&b.get(), &text);
    auto winner = co_await race(look(text, 1s), look(text, 2s));
    EXPECT_EQ(&std::get<0>(winner).get(), &text);
    const std::string& cleaned = co_await with_cleanup(look(text, 1s), [] { return nop(); });
    EXPECT_EQ(&cleaned, &text);
    auto task = spawn(look, std::cref(text), 1s);
    const std::string& joined = co_await wait_for(10s, task);
    EXPECT_EQ(&joined, &text);
    const std::string& grouped = co_await task_group(
        [&](TaskGroup&) -> Task<const std::string&> { co_return co_await look(text, 1s); });
    EXPECT_EQ(&grouped, &text);
  });
}

TEST(Reference, ErrorAndCancelComeInItsPlace) {
  run([]() -> Task<void> {
    int number = 0;
    auto look = [](int& at, bool fails) -> Task<int&> {
      co_await sleep(1s);
      if (fails) throw Boom("no");
      co_return at;
    };
    auto failing = spawn(look, std::ref(number), true);
    std::string end = co_await end_of(failing);
    EXPECT_EQ(end, "no");
    auto cancelled = spawn(look, std::ref(number), false);
    co_await yield();
    cancelled.cancel();
    end = co_await end_of(cancelled);
    EXPECT_EQ(end, "cancelled");
  });
}

TEST(Reference, AcrossLoopsAndThroughRun) {
  static int number = 3;
  auto look = []() -> Task<int&> { co_return number; };
  testing::VirtualLoop loop;
  int& result = loop.run(look());
  EXPECT_EQ(&result, &number);
}

// A coroutine type with a free operator co_await can be awaited as well.
struct Ticket {
  int number;
};
struct TicketAwaiter {
  int number;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  int await_resume() const noexcept { return number; }
};
TicketAwaiter operator co_await(Ticket ticket) {
  return {ticket.number};
}

TEST(Await, FreeOperatorCoAwait) {
  run([]() -> Task<void> {
    int number = co_await Ticket{4};
    EXPECT_EQ(number, 4);
  });
}

}  // namespace
}  // namespace coterie

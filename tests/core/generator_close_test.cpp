// AsyncGenerator: close(), and the cleanup that it runs.
#include <gtest/gtest.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;

AsyncGenerator<int> cleaning_up(std::string& log) {
  std::exception_ptr end;
  try {
    for (int i = 1;; ++i) co_yield i;
  } catch (...) {
    end = std::current_exception();
  }
  co_await sleep(1s);
  log += "cleaned";
  if (end) std::rethrow_exception(end);
}

TEST(GeneratorClose, RunsTheCleanupThatAwaits) {
  run([]() -> Task<void> {
    std::string log;
    AsyncGenerator<int> numbers = cleaning_up(log);
    (void)co_await numbers.next();
    co_await numbers.close();
    EXPECT_EQ(log, "cleaned");
    EXPECT_EQ(seconds(), 1);
    EXPECT_TRUE(numbers.done());
    co_await numbers.close();
  });
}

TEST(GeneratorClose, WhatHasNotBegunNeverRuns) {
  run([]() -> Task<void> {
    int alive = 0;
    auto never = [](Probe) -> AsyncGenerator<int> {
      ADD_FAILURE();
      co_yield 1;
    };
    AsyncGenerator<int> numbers = never(Probe(alive));
    EXPECT_EQ(alive, 1);
    co_await numbers.close();
    EXPECT_EQ(alive, 0);
    EXPECT_TRUE(numbers.done());
  });
}

TEST(GeneratorClose, ErrorOfTheCleanupComesOut) {
  run([]() -> Task<void> {
    auto failing = []() -> AsyncGenerator<int> {
      try {
        co_yield 1;
      } catch (const GeneratorExit&) {
        throw Boom("cleanup");
      }
    };
    AsyncGenerator<int> numbers = failing();
    (void)co_await numbers.next();
    Outcome<void> end = co_await outcome(numbers.close());
    EXPECT_EQ(text(end), "cleanup");
    EXPECT_TRUE(numbers.done());
  });
}

TEST(GeneratorClose, YieldingWhileItIsClosedIsAnError) {
  run([]() -> Task<void> {
    auto stubborn = []() -> AsyncGenerator<int> {
      try {
        co_yield 1;
      } catch (const GeneratorExit&) {
      }
      co_yield 2;
    };
    AsyncGenerator<int> numbers = stubborn();
    (void)co_await numbers.next();
    Outcome<void> end = co_await outcome(numbers.close());
    EXPECT_THROW(end.get(), InvalidState);
    co_await numbers.close();  // and now it goes
    EXPECT_TRUE(numbers.done());
  });
}

COTERIE_CASE(GeneratorClose, CancelReachesTheCleanup) {
  run([]() -> Task<void> {
    std::string log;
    AsyncGenerator<int> numbers = cleaning_up(log);
    (void)co_await numbers.next();
    auto closer = spawn([](AsyncGenerator<int>& g) -> Co<void> { co_await g.close(); }, std::ref(numbers));
    co_await ticks(2);
    closer.cancel();
    (void)co_await outcome(closer);
    EXPECT_TRUE(closer.cancelled());
    EXPECT_EQ(log, "");
    EXPECT_TRUE(numbers.done());
  });
}

}  // namespace
}  // namespace coterie

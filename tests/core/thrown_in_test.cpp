// Where an exception came from, whatever way it has taken since.
#include "coterie/core/thrown_in.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "coterie/generator.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Task<void> fails() {
  co_await yield();
  throw std::runtime_error("boom");
}
Task<void> calls() {
  co_await fails();
}

std::vector<std::string> functions(const std::optional<ThrownIn>& thrown) {
  std::vector<std::string> names;
  if (thrown)
    for (const StackFrame& frame : thrown->stack) names.push_back(frame.function);
  return names;
}

TEST(ThrownIn, NamesTheTaskAndItsCoroutinesFromTheInnermostOutwards) {
  run([]() -> Task<void> {
    auto task = spawn(named("loader"), calls);
    const Outcome<void> end = co_await outcome(task);
    const std::optional<ThrownIn> thrown = thrown_in(end.error());
    EXPECT_THAT(functions(thrown), ElementsAre("coterie::fails", "coterie::calls"));
    EXPECT_EQ(thrown->task, task.id());
    EXPECT_EQ(thrown->name, "loader");
    EXPECT_THAT(thrown->str(), AllOf(StartsWith("\n   at coterie::fails() thrown_in_test.cpp:"),
                                     HasSubstr("\n   at coterie::calls() thrown_in_test.cpp:")));
  });
}

TEST(ThrownIn, IsThatOfTheFirstThrowHoweverFarItWentSince) {
  run([]() -> Task<void> {
    const auto cleans_up = []() -> Task<void> {
      Outcome<void> end = co_await outcome(calls());
      co_await sleep(1s);
      end.get();
    };
    auto task = spawn(cleans_up);
    const auto awaits = [&]() -> Task<void> { co_await task; };
    const Outcome<void> end = co_await outcome(spawn(awaits));
    EXPECT_EQ(functions(thrown_in(end.error())).front(), "coterie::fails");
    EXPECT_EQ(thrown_in(end.error())->task, task.id());
  });
}

TEST(ThrownIn, AnotherExceptionAtTheSameAddressHasAStackOfItsOwn) {
  run([]() -> Task<void> {
    const void* before = nullptr;
    for (int i = 0; i < 20; ++i) {
      try {
        co_await calls();
      } catch (const std::exception& error) {
        before = &error;
      }
      const auto later = []() -> Task<void> {
        co_await yield();
        throw std::runtime_error("other");
      };
      const Outcome<void> end = co_await outcome(later());
      EXPECT_EQ(functions(thrown_in(end.error())).size(), 2U) << "the lambda and the test's";
    }
    EXPECT_NE(before, nullptr);
  });
}

TEST(ThrownIn, EndsWithTheExceptionWhoseOwnDestructorStillRuns) {
  struct Counted {
    std::shared_ptr<int> alive;
  };
  const auto alive = std::make_shared<int>(0);
  run([&]() -> Task<void> {
    const auto throws = [](std::shared_ptr<int> held) -> Task<void> {
      co_await yield();
      Counted counted{std::move(held)};
      throw counted;
    };
    Outcome<void> end = co_await outcome(throws(alive));
    std::exception_ptr error = end.error();
    end = Outcome<void>();
    EXPECT_TRUE(thrown_in(error));
    EXPECT_EQ(alive.use_count(), 2);
    std::thread([last = std::move(error)]() mutable { last = nullptr; }).join();
    EXPECT_EQ(alive.use_count(), 1);
  });
}

TEST(ThrownIn, ACoroutineThatCatchesAndThrowsOnKeepsIt) {
  run([]() -> Task<void> {
    const auto rethrows = []() -> Task<void> {
      try {
        co_await calls();
      } catch (const std::runtime_error&) {
        throw;
      }
    };
    const Outcome<void> end = co_await outcome(rethrows());
    EXPECT_EQ(functions(thrown_in(end.error())).front(), "coterie::fails");
  });
}

TEST(ThrownIn, GeneratorsAreCoroutinesToo) {
  run([]() -> Task<void> {
    const auto numbers = []() -> AsyncGenerator<int> {
      co_yield 1;
      co_await fails();
    };
    AsyncGenerator<int> some = numbers();
    const auto drain = [&]() -> Task<void> {
      while (const auto item = co_await some.next()) (void)item;
    };
    const Outcome<void> end = co_await outcome(drain());
    EXPECT_EQ(functions(thrown_in(end.error())).size(), 4U);
    EXPECT_EQ(functions(thrown_in(end.error())).front(), "coterie::fails");
  });
}

TEST(ThrownIn, NothingOfACancelNorOfWhatLeftNoCoroutine) {
  EXPECT_FALSE(thrown_in(nullptr));
  EXPECT_FALSE(thrown_in(std::make_exception_ptr(std::runtime_error("made"))));
  run([]() -> Task<void> {
    auto task = spawn(sleeper, 1h);
    co_await yield();
    task.cancel("why");
    const Outcome<void> end = co_await outcome(task);
    EXPECT_TRUE(end.cancelled());
    EXPECT_FALSE(thrown_in(end.error()));
  });
}

TEST(ThrownIn, ADeepStackIsCut) {
  run([]() -> Task<void> {
    struct Deep {
      static Task<void> down(int levels) {
        if (levels == 0) throw std::runtime_error("deep");
        co_await down(levels - 1);
      }
    };
    const Outcome<void> end = co_await outcome(Deep::down(500));
    EXPECT_EQ(functions(thrown_in(end.error())).size(), 64U);
  });
}

TEST(ThrownIn, AnErrorThatNobodyRetrievedIsReportedWithIt) {
  std::string told;
  run([&]() -> Task<void> {
    EventLoop::current().set_exception_handler([&](const ErrorContext& context) { told = context.str(); });
    spawn(named("lost"), calls);
    co_await ticks(3);
  });
  EXPECT_THAT(told, AllOf(HasSubstr("never retrieved: task 'lost'"),
                          HasSubstr(": boom\n  thrown in coterie::fails at "),
                          HasSubstr("\n  thrown in coterie::calls at ")));
}

}  // namespace
}  // namespace coterie

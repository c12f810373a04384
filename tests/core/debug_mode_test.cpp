// Debug mode beyond what the conformance list says: coroutines that nobody awaits, and where things were
// made.
#include <gmock/gmock.h>

#include <cstdlib>
#include <optional>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A variable of the environment for as long as this lives.
class Environment {
 public:
  Environment(std::string name, const char* value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) before_ = old;
    set(value);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) {
    if (value != nullptr)
      ::setenv(name_.c_str(), value, 1);
    else
      ::unsetenv(name_.c_str());
  }
  std::string name_;
  std::optional<std::string> before_;
};

TEST(DebugMode, TheEnvironmentSwitchesItOn) {
  const auto by_environment = [](const char* value) {
    const Environment debug("COTERIE_DEBUG", value);
    return testing::VirtualLoop().loop().debug();
  };
  EXPECT_FALSE(by_environment(nullptr));
  EXPECT_FALSE(by_environment(""));
  EXPECT_FALSE(by_environment("0"));
  EXPECT_TRUE(by_environment("1"));
}

Task<int> forgotten(Probe) {
  co_return 1;
}

TEST(DebugMode, ACoroutineThatNobodyAwaitsIsReported) {
  int alive = 0;
  for (const bool debug : {false, true}) {
    testing::VirtualLoop owner;
    owner.loop().set_debug(debug);
    Reports reports(owner.loop());
    owner.run([](int& count) -> Task<void> {
      {
        auto dropped = forgotten(Probe(count));
      }
      {
        auto moved = forgotten(Probe(count));
        auto awaited = std::move(moved);
        (void)co_await std::move(awaited);
      }
      (void)co_await spawn(forgotten, Probe(count));
    }(alive));
    EXPECT_EQ(alive, 0);
    if (debug) {
      ASSERT_EQ(reports.count(), 1U);
      EXPECT_THAT(
          reports[0].message,
          ContainsRegex("^coroutine '.*forgotten' \\(debug_mode_test.cpp:[0-9]+\\) was never awaited$"));
    } else {
      EXPECT_EQ(reports.count(), 0U);
    }
  }
}

TEST(DebugMode, OutsideOfALoopTheEnvironmentDecides) {
  std::vector<std::string> told;
  set_default_exception_handler([&](const ErrorContext& context) { told.push_back(context.message); });
  int alive = 0;
  {
    const Environment debug("COTERIE_DEBUG", nullptr);
    auto quiet = forgotten(Probe(alive));
  }
  EXPECT_THAT(told, IsEmpty());
  {
    const Environment debug("COTERIE_DEBUG", "1");
    auto reported = forgotten(Probe(alive));
  }
  set_default_exception_handler(nullptr);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], HasSubstr("was never awaited"));
}

Task<void> makes_tasks(bool stubborn) {
  co_await yield();
  if (stubborn)
    spawn(named("stubborn"), []() -> Task<void> {
      for (;;) (void)co_await outcome(sleep(1h));
    });
  else
    spawn(named("fails"), fail, "nobody looks");
}

Task<void> calls_it(bool stubborn) {
  co_await makes_tasks(stubborn);
  co_await ticks(3);
}

TEST(DebugMode, ReportsOfTasksSayWhereTheyWereMade) {
  for (const bool debug : {false, true}) {
    testing::VirtualLoop owner;
    Reports reports(owner.loop());
    owner.loop().set_debug(debug);
    owner.run(calls_it(false));
    owner.run(calls_it(true));
    (void)owner.loop().cancel_all_and_run(1s);
    owner.loop().close();
    EXPECT_THAT(reports.messages(),
                ElementsAre("Task exception was never retrieved", "Task was destroyed but it is pending!"));
    for (std::size_t i = 0; i < reports.count(); ++i) {
      const Stack& made = reports[i].created;
      ASSERT_EQ(made.size(), debug ? 2U : 0U);
      if (!debug) continue;
      EXPECT_THAT(made[0].function, HasSubstr("makes_tasks"));
      EXPECT_THAT(made[1].function, HasSubstr("calls_it"));
      EXPECT_THAT(reports[i].str(),
                  ContainsRegex("\n  made in .*makes_tasks at .*debug_mode_test.cpp:[0-9]+\n"));
    }
  }
}

TEST(DebugMode, CanBeSwitchedWhileTheLoopRuns) {
  testing::VirtualLoop owner;
  Reports reports(owner.loop());
  owner.run([](testing::VirtualLoop& loop) -> Task<void> {
    loop.loop().set_debug(true);
    co_await yield();
    loop.block_for(1s);
    co_await yield();
    loop.loop().set_debug(false);
    loop.block_for(1s);
    co_await yield();
    loop.block_for(1s);
  }(owner));
  EXPECT_EQ(reports.count(), 2U) << "the step in which it was switched off began in debug mode";
}

TEST(DebugMode, TasksOfAClosedLoopAreRefused) {
  testing::VirtualLoop owner;
  owner.loop().close();
  EXPECT_THROW(owner.run(nop()), std::logic_error);
}

}  // namespace
}  // namespace coterie

// Steps that take long, found without debug mode.
#include <gmock/gmock.h>

#include "coterie/sched/priority.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A loop on which steps of a tenth of a second are long, and what it reported.
struct World {
  explicit World(std::unique_ptr<ReadyQueue> policy = nullptr) : owner(std::move(policy), options()) {}
  static LoopOptions options() {
    LoopOptions options;
    options.debug = false;
    options.long_step = 100ms;
    return options;
  }
  testing::VirtualLoop owner;
  Reports reports{owner.loop()};
};

Task<void> parse(testing::VirtualLoop& loop) {
  loop.block_for(500ms);
  co_await sleep(1s);
}

Task<void> import_file(testing::VirtualLoop& loop) {
  co_await yield();
  co_await parse(loop);
}

TEST(LongStep, IsReportedWithTheTasksStack) {
  for (const bool with_policy : {false, true}) {
    World world(with_policy ? std::make_unique<PriorityPolicy>() : nullptr);
    world.owner.run([](testing::VirtualLoop& loop) -> Task<void> {
      auto task = spawn(named("import"), import_file, std::ref(loop));
      co_await task;
    }(world.owner));
    ASSERT_EQ(world.reports.count(), 1U);
    const ErrorContext& report = world.reports[0];
    EXPECT_THAT(report.message,
                ContainsRegex("^Executing <Task 'import' spawned at long_step_test.cpp:[0-9]+, "
                              "from long_step_test.cpp:[0-9]+> took 0.500 seconds$"));
    std::vector<std::string> stack;
    for (const StackFrame& frame : report.stack) stack.push_back(frame.function);
    EXPECT_THAT(stack, ElementsAre(HasSubstr("parse"), HasSubstr("import_file")));
    EXPECT_THAT(report.str(),
                AllOf(HasSubstr("\n  now in coterie::parse at "), HasSubstr("long_step_test.cpp:")));
  }
}

TEST(LongStep, OfATaskThatEndsWithItHasNoStackAnyMore) {
  World world;
  world.owner.run([](testing::VirtualLoop& loop) -> Task<void> {
    loop.block_for(100ms);
    co_return;
  }(world.owner));
  ASSERT_EQ(world.reports.count(), 1U);
  EXPECT_THAT(world.reports[0].message, ContainsRegex("^Executing <Task 'main' .*> took 0.100 seconds$"));
  EXPECT_TRUE(world.reports[0].stack.empty());
}

TEST(LongStep, OfACallbackNamesThePlaceWhereItWasRegistered) {
  World world;
  world.owner.run([](testing::VirtualLoop& loop) -> Task<void> {
    EventLoop::current().call_soon([&loop] { loop.block_for(2s); });
    co_await sleep(1s);
  }(world.owner));
  ASSERT_EQ(world.reports.count(), 1U);
  EXPECT_THAT(world.reports[0].message,
              ContainsRegex("^Executing <Handle long_step_test.cpp:[0-9]+> took 2.000 seconds$"));
}

TEST(LongStep, ThatIsShorterIsNone) {
  World world;
  world.owner.run([](testing::VirtualLoop& loop) -> Task<void> {
    for (int i = 0; i < 10; ++i) {
      loop.block_for(99ms);
      co_await yield();
    }
  }(world.owner));
  EXPECT_EQ(world.reports.count(), 0U);
}

}  // namespace
}  // namespace coterie

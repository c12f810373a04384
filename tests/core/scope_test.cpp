// TaskScope: the tasks of an object.
#include <gmock/gmock.h>

#include "core/scope_server.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

COTERIE_CASE(Scope, CloseCancelsAndJoins) {
  int alive = 0;
  std::vector<int> goodbyes;
  run([&]() -> Task<void> {
    auto server = std::make_unique<Server<How>>(alive);
    auto a = server->serve("a", goodbyes);
    auto b = server->serve("b", goodbyes);
    co_await ticks(1);
    EXPECT_EQ(server->tasks().size(), 2U);
    co_await server->tasks().close();
    EXPECT_EQ(server->tasks().size(), 0U);
    EXPECT_TRUE(a.cancelled() && b.cancelled());
    EXPECT_THROW(server->serve("late", goodbyes), InvalidState);
    co_await server->tasks().close();  // once more: nothing to do
    server.reset();
    EXPECT_THAT(goodbyes, ElementsAre(5, 5));
  });
  EXPECT_EQ(alive, 0);
}

TEST(Scope, CloseWaitsForCleanupAndKeepsACancelUntilThen) {
  run([]() -> Task<void> {
    TaskScope scope;
    bool left = false;
    scope.spawn(
        [](bool& flag) -> Task<void> {
          (void)co_await outcome(sleep(1h));
          co_await sleep(2s);
          flag = true;
        },
        std::ref(left));
    co_await ticks(1);
    auto closing = spawn([](TaskScope& s) -> Task<void> { co_await s.close(); }, std::ref(scope));
    auto second = spawn([](TaskScope& s) -> Task<void> { co_await s.close(); }, std::ref(scope));
    co_await sleep(1s);
    closing.cancel("hurry");
    std::string end = co_await end_of(closing);
    EXPECT_EQ(end, "cancelled: hurry");
    EXPECT_TRUE(left);
    EXPECT_DOUBLE_EQ(seconds(), 2);
    co_await second;
  });
}

COTERIE_CASE(Scope, JoinWaitsForAllAlsoForLaterOnes) {
  run([]() -> Task<void> {
    TaskScope scope;
    scope.spawn(
        [](TaskScope& s) -> Co<void> {
          co_await sleep(1s);
          s.spawn(Subjects::sleeper, 1s);
        },
        std::ref(scope));
    auto impatient = spawn([](TaskScope& s) -> Task<void> { co_await s.join(); }, std::ref(scope));
    co_await ticks(2);
    impatient.cancel();
    std::string end = co_await end_of(impatient);
    EXPECT_EQ(end, "cancelled");
    EXPECT_EQ(scope.size(), 1U);
    co_await scope.join();
    EXPECT_DOUBLE_EQ(seconds(), 2);
    scope.spawn(Subjects::nop);  // open still
    co_await scope.close();
  });
}

TEST(Scope, FailureOfOneLeavesTheOthersAndIsReportedUnlessRetrieved) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    TaskScope scope;
    scope.spawn(named("unseen"), fail, "nobody");
    auto seen = scope.spawn(fail, "somebody");
    auto other = scope.spawn(give_later, 1s, 3);
    std::string end = co_await end_of(seen);
    EXPECT_EQ(end, "somebody");
    co_await scope.join();
    EXPECT_EQ(other.result(), 3);
  }());
  ASSERT_EQ(reports.count(), 1U);
  EXPECT_EQ(reports[0].task, "unseen");
}

TEST(Scope, RefusedArgumentsAreReleased) {
  int alive = 0;
  run([&alive]() -> Task<void> {
    TaskScope scope("closed");
    co_await scope.close();
    try {
      scope.spawn([](Probe) -> Task<void> { co_return; }, Probe(alive));
      ADD_FAILURE();
    } catch (const InvalidState& error) {
      EXPECT_THAT(error.what(), HasSubstr("'closed'"));
    }
    EXPECT_EQ(alive, 0);
  });
}

TEST(Scope, TaskOfTheScopeCannotWaitForIt) {
  run([]() -> Task<void> {
    TaskScope scope;
    auto task = scope.spawn([](TaskScope& s) -> Task<void> { co_await s.close(); }, std::ref(scope));
    std::string end = co_await end_of(task);
    EXPECT_THAT(end, HasSubstr("to which it belongs"));
  });
}

}  // namespace
}  // namespace coterie

// TaskScope that is destroyed while its tasks run.
#include <gmock/gmock.h>

#include "core/scope_server.hpp"
#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Destroyed while its tasks run: a named error, and they never touch the object again.
COTERIE_CASE(Scope, DestroyedWhileNotEmptyIsReportedByNameAndItsTasksEndThere) {
  int alive = 0;
  std::vector<int> goodbyes;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](int& count, std::vector<int>& values, Reports& told) -> Task<void> {
    auto server = std::make_unique<Server<How>>(count);
    auto a = server->serve("a", values);
    auto b = server->serve("b", values);
    auto waiter = spawn([](JoinHandle<void> task) -> Task<void> { co_await task; }, a);
    co_await ticks(2);
    server.reset();
    EXPECT_EQ(told.count(), 1U);
    EXPECT_THAT(told[0].message, HasSubstr("'sessions' was destroyed"));
    EXPECT_THAT(told[0].message, HasSubstr("'a', 'b'"));
    EXPECT_TRUE(a.cancelled() && b.cancelled());
    EXPECT_THAT(values, ElementsAre(5, 5));  // destructors ran, while the object was there
    std::string end = co_await end_of(waiter);
    EXPECT_THAT(end, HasSubstr("cancelled"));
  }(alive, goodbyes, reports));
  EXPECT_EQ(alive, 0);
}

/// Uses `probe` when its frame goes.
template <class Co>
Co use_at_the_end(const Probe& probe, std::vector<int>& values) {
  class Use {
   public:
    Use(const Probe& used, std::vector<int>& out) : used_(&used), out_(&out) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { out_->push_back(used_->value()); }

   private:
    const Probe* used_;
    std::vector<int>* out_;
  };
  const Use use(probe, values);
  co_await sleep(1h);
}

// What a task of the scope has started in a structured way goes before the frame to which it may refer.
COTERIE_CASE(Scope, StructuredChildrenOfADestroyedTaskGoFirst) {
  int alive = 0;
  std::vector<int> values;
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([](int& count, std::vector<int>& out) -> Task<void> {
    auto scope = std::make_unique<TaskScope>();
    scope->spawn(
        [](int& c, std::vector<int>& o) -> Co<void> {
          Probe local(c, 1);
          co_await gather(use_at_the_end<Co<void>>(local, o), use_at_the_end<Co<void>>(local, o));
        },
        std::ref(count), std::ref(out));
    scope->spawn(
        [](int& c, std::vector<int>& o) -> Co<void> {
          Probe local(c, 2);
          co_await task_group([&](TaskGroup& group) -> Co<void> {
            group.spawn(use_at_the_end<Co<void>>, std::ref(local), std::ref(o));
            co_await race(use_at_the_end<Co<void>>(local, o), use_at_the_end<Co<void>>(local, o));
          });
        },
        std::ref(count), std::ref(out));
    scope->spawn(
        [](int& c, std::vector<int>& o) -> Co<void> {
          Probe local(c, 3);
          co_await shield(use_at_the_end<Co<void>>(local, o));
        },
        std::ref(count), std::ref(out));
    co_await ticks(4);
    scope.reset();
    EXPECT_THAT(out, ElementsAre(3, 2, 2, 2, 1, 1));
    EXPECT_EQ(EventLoop::current().task_count(), 1U);
  }(alive, values));
  EXPECT_EQ(reports.count(), 1U);
  EXPECT_EQ(alive, 0);
}

using ScopeDeathTest = ::testing::Test;
TEST_F(ScopeDeathTest, TaskThatDestroysItsOwnScopeIsNamed) {
  EXPECT_DEATH(run([]() -> Task<void> {
                 auto scope = std::make_unique<TaskScope>();
                 scope->spawn(
                     named("suicidal"),
                     [](std::unique_ptr<TaskScope>& own) -> Task<void> {
                       own.reset();
                       co_return;
                     },
                     std::ref(scope));
                 co_await ticks(2);
               }),
               "task 'suicidal' destroys itself");
}

TEST(Scope, DestroyedWhileItsCancelledCloserHasNotGoneOn) {
  testing::VirtualLoop loop;
  Reports reports(loop.loop());
  loop.run([]() -> Task<void> {
    auto scope = std::make_unique<TaskScope>("s");
    (void)scope->spawn([]() -> Task<void> {
      for (int i = 0; i < 5; ++i) (void)co_await outcome(sleep(1h));
    });
    auto closer = spawn([](TaskScope* of) -> Task<void> { co_await of->close(); }, scope.get());
    co_await sleep(1s);
    closer.cancel();
    scope.reset();
    EXPECT_EQ(co_await end_of(closer), "cancelled");
  }());
}

TEST(Scope, DestroyedRightAfterItsLastTaskHasEnded) {
  run([]() -> Task<void> {
    auto scope = std::make_unique<TaskScope>("s");
    (void)scope->spawn([]() -> Task<void> { co_await sleep(1s); });
    auto joiner = spawn([](TaskScope* of) -> Task<void> { co_await of->join(); }, scope.get());
    auto closer = spawn([](TaskScope* of) -> Task<void> { co_await of->close(); }, scope.get());
    while (scope->size() > 0) co_await ticks(1);
    scope.reset();
    EXPECT_EQ(co_await end_of(joiner), "value");
    EXPECT_EQ(co_await end_of(closer), "value");
  });
}

}  // namespace
}  // namespace coterie

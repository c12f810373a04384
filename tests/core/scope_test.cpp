// TaskScope: the tasks of an object.
#include <gmock/gmock.h>

#include "support/both_ways.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// An object whose tasks use it.
template <class How>
class Server {
 public:
  explicit Server(int& alive) : state_(alive, 5) {}
  JoinHandle<void> serve(std::string name, std::vector<int>& out) {
    auto session = [](Server* self, std::vector<int>& values) -> Task<void, How> {
      const Goodbye goodbye(*self, values);
      co_await sleep(1h);
    };
    return tasks_.spawn(named(std::move(name)), session, this, std::ref(out));
  }
  TaskScope& tasks() { return tasks_; }

 private:
  /// Reads the object when the task ends, however it does.
  class Goodbye {
   public:
    Goodbye(Server& server, std::vector<int>& values) : server_(&server), values_(&values) {}
    Goodbye(const Goodbye&) = delete;
    Goodbye& operator=(const Goodbye&) = delete;
    ~Goodbye() { values_->push_back(server_->state_.value()); }

   private:
    Server* server_;
    std::vector<int>* values_;
  };
  Probe state_;
  TaskScope tasks_{"sessions"};
};

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

}  // namespace
}  // namespace coterie

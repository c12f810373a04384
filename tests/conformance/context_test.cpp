// Context variables (list Q, the context part of 240) and what asyncio's semantics say of them beyond the
// list.
#include <gmock/gmock.h>

#include <latch>
#include <thread>

#include "support/both_ways.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
// 245. test_tasks::BaseTaskTests.test_context_1
COTERIE_CASE(Context, ChildSeesTheValueAtItsCreationAndKeepsItsChangesToItself) {
  const ContextVar<std::string> variable("variable", "nope");
  run([&variable]() -> Task<void> {
    const auto child = [](const ContextVar<std::string>& cvar) -> Co<void> {
      co_await yield();
      EXPECT_EQ(cvar.get(), "nope");
      (void)cvar.set("something else");
    };
    EXPECT_EQ(variable.get(), "nope");
    auto first = spawn(child, std::ref(variable));
    (void)variable.set("yes");
    EXPECT_EQ(variable.get(), "yes");
    co_await first;
    EXPECT_EQ(variable.get(), "yes");
  });
  EXPECT_EQ(variable.get(), "nope");
}

// 246. test_tasks::BaseTaskTests.test_context_2
COTERIE_CASE(Context, DoneCallbackRunsInTheContextOfItsRegistration) {
  const ContextVar<std::string> variable("variable", "nope");
  run([&variable]() -> Task<void> {
    std::vector<std::string> seen;
    Future<void> future;
    JoinHandle<void> task = spawn(Subjects::nop);
    const auto callback = [&](const auto&) {
      seen.push_back(variable.get());
      (void)variable.set("a callback's");
    };
    (void)variable.set("at registration");
    future.add_done_callback(callback);
    task.add_done_callback(callback);
    (void)variable.set("later");
    future.add_done_callback(callback);
    future.set_value();
    co_await ticks(3);
    EXPECT_THAT(seen, ElementsAre("at registration", "later", "at registration"));
    EXPECT_EQ(variable.get(), "later") << "what a callback sets is its own";
    future.add_done_callback(callback);  // done already
    task.add_done_callback(callback);
    (void)variable.set("too late");
    co_await ticks(1);
    EXPECT_EQ(seen.size(), 5U);
    EXPECT_EQ(seen[3], "later");
    EXPECT_EQ(seen[4], "later");
  });
}

// 247. test_tasks::BaseTaskTests.test_context_4
COTERIE_CASE(Context, TwoTasksInOneContextShareWhatTheySet) {
  const ContextVar<int> variable("variable");
  const Context context;
  std::vector<int> seen;
  testing::VirtualLoop loop;
  loop.run([](const ContextVar<int>& cvar, Context shared, std::vector<int>& out) -> Task<void> {
    const auto set = [](const ContextVar<int>& v, int value) -> Co<void> {
      co_await yield();
      (void)v.set(value);
    };
    const auto get = [](const ContextVar<int>& v, std::vector<int>& list) -> Co<void> {
      co_await yield();
      list.push_back(v.get());
    };
    for (int i = 1; i <= 2; ++i) {
      co_await spawn(SpawnOptions().context(shared), set, std::ref(cvar), i);
      co_await spawn(SpawnOptions().context(shared), get, std::ref(cvar), std::ref(out));
    }
    EXPECT_EQ(cvar.get_or(0), 0) << "the creator runs elsewhere";
  }(variable, context, seen));
  EXPECT_THAT(seen, ElementsAre(1, 2));
  EXPECT_EQ(context.get(variable), 2);
}

// 247. test_tasks::BaseTaskTests.test_context_5
COTERIE_CASE(Context, MainRunsInTheContextThatARunnerIsGiven) {
  const ContextVar<int> variable("variable");
  const Context context;
  Runner runner(run_options());
  const auto main = [](const ContextVar<int>& cvar, Context given) -> Co<void> {
    (void)cvar.set(1);
    co_await spawn(
        SpawnOptions().context(given),
        [](const ContextVar<int>& v) -> Co<void> {
          co_await yield();
          EXPECT_EQ(v.get(), 1);
          (void)v.set(2);
        },
        std::ref(cvar));
    EXPECT_EQ(cvar.get(), 2);
  };
  runner.run(main(variable, context), context);
  EXPECT_EQ(context.get(variable), 2);
}

// 247. test_tasks::BaseTaskTests.test_context_6
COTERIE_CASE(Context, PlainCallsAndTasksShareAContext) {
  const ContextVar<int> variable("variable");
  const Context context;
  context.run([&] { (void)variable.set(1); });
  testing::VirtualLoop loop;
  EXPECT_EQ(loop.run([](const ContextVar<int>& cvar, Context shared) -> Task<int> {
    co_await spawn(
        SpawnOptions().context(shared),
        [](const ContextVar<int>& v) -> Co<void> {
          EXPECT_EQ(v.get(), 1);
          (void)v.set(2);
          co_return;
        },
        std::ref(cvar));
    co_return shared.run([&cvar] { return cvar.get(); });
  }(variable, context)),
            2);
}

COTERIE_CASE(Context, CoroutineSharesTheContextOfTheTaskThatAwaitsIt) {
  const ContextVar<int> variable("variable", 0);
  run([&variable]() -> Task<void> {
    const auto body = [](const ContextVar<int>& cvar) -> Co<void> {
      const auto set = [](const ContextVar<int>& v) -> Co<void> {
        co_await sleep(1s);
        (void)v.set(7);
      };
      co_await set(cvar);
      EXPECT_EQ(cvar.get(), 7);
    };
    auto task = spawn(body, std::ref(variable));
    auto other = spawn(body, std::ref(variable));
    co_await task;
    co_await other;
    EXPECT_EQ(variable.get(), 0);
  });
}

TEST(Context, CallbacksSeeWhatStoodAtTheirRegistration) {
  const ContextVar<int> variable("variable", 0);
  run([&variable]() -> Task<void> {
    std::vector<int> seen;
    const auto note = [&] {
      seen.push_back(variable.get());
      (void)variable.set(-1);
      EventLoop::current().call_soon([&] { seen.push_back(variable.get()); });
    };
    (void)variable.set(1);
    EventLoop::current().call_later(1s, note);
    (void)variable.set(2);
    EventLoop::current().call_soon(note);
    (void)variable.set(3);
    co_await sleep(2s);
    EXPECT_THAT(seen, ElementsAre(2, -1, 1, -1));
    EXPECT_EQ(variable.get(), 3);
  });
}
}  // namespace
}  // namespace coterie

// Values of context variables: tokens, copies, lives, threads.
#include <gmock/gmock.h>

#include <latch>
#include <thread>

#include "support/both_ways.hpp"
#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;
// 240. test_threads::ToThreadTests.test_to_thread_contextvars
COTERIE_CASE(Context, ToThreadTakesTheContextAlong) {
  const ContextVar<std::string> variable("variable", "none");
  run([&variable]() -> Task<void> {
    const auto read_and_set = [](const ContextVar<std::string>& cvar) {
      std::string seen = cvar.get();
      (void)cvar.set("the thread's");
      return seen;
    };
    (void)variable.set("parrot");
    const auto subject = [&]() -> Co<std::string> {
      co_return co_await to_thread(read_and_set, std::ref(variable));
    };
    std::string first = co_await subject();
    EXPECT_EQ(first, "parrot");
    EXPECT_EQ(variable.get(), "parrot");
    Future<std::string> call = run_in_executor(read_and_set, std::ref(variable));
    (void)variable.set("changed");
    std::string second = co_await call;
    EXPECT_EQ(second, "parrot") << "as it was at the call; the thread was left as it had been";
    std::string third = co_await subject();
    EXPECT_EQ(third, "changed");
  });
}

// Beyond the list: what other threads start runs in a copy of their context.
COTERIE_CASE(Context, CallSoonThreadsafeAndSpawnOnTakeTheCallersContextAlong) {
  const ContextVar<int> variable("variable", 0);
  testing::VirtualLoop owner;
  std::vector<int> seen;
  std::thread([&] {
    (void)variable.set(1);
    owner.loop().call_soon_threadsafe([&] { seen.push_back(variable.get()); });
    (void)variable.set(2);
    (void)spawn_on(
        owner.loop(),
        [](const ContextVar<int>& cvar, std::vector<int>& out) -> Co<void> {
          out.push_back(cvar.get());
          co_return;
        },
        std::ref(variable), std::ref(seen));
    (void)variable.set(3);
  }).join();
  owner.run(ticks(3));
  EXPECT_THAT(seen, ElementsAre(1, 2));
  EXPECT_EQ(variable.get(), 0);
}

TEST(Context, ATokenTakesASetBackOnceAndOnlyWhereItWasMade) {
  const ContextVar<std::string> variable("variable");
  const ContextVar<std::string> other("other", "fallback");
  run([&]() -> Task<void> {
    EXPECT_THROW((void)variable.get(), std::out_of_range);
    EXPECT_EQ(variable.get_or("mine"), "mine");
    ContextToken first = variable.set("1");
    ContextToken second = variable.set("2");
    EXPECT_THROW(other.reset(second), std::invalid_argument);
    EXPECT_THROW(copy_context().run([&] { variable.reset(second); }), std::invalid_argument);
    variable.reset(second);
    EXPECT_EQ(variable.get(), "1");
    EXPECT_THROW(variable.reset(second), std::invalid_argument);
    variable.reset(std::move(first));
    EXPECT_THROW((void)variable.get(), std::out_of_range);
    EXPECT_EQ(other.get(), "fallback");
    co_return;
  });
}

TEST(Context, CopiesAreIndependentAndNested) {
  const ContextVar<int> variable("variable", 0);
  run([&]() -> Task<void> {
    const std::size_t others = copy_context().size();
    (void)variable.set(1);
    const Context context = copy_context();
    const Context copy = context.copy();
    EXPECT_FALSE(context == copy);
    EXPECT_TRUE(context == Context(context));
    context.run([&] {
      (void)variable.set(2);
      copy.run([&] {
        EXPECT_EQ(variable.get(), 1);
        (void)variable.set(3);
        context.run([&] { EXPECT_EQ(variable.get(), 2); });
      });
      EXPECT_EQ(variable.get(), 2);
      EXPECT_THROW(copy.run([] { throw Boom(); }), Boom);
      EXPECT_EQ(variable.get(), 2);
    });
    EXPECT_EQ(variable.get(), 1);
    EXPECT_EQ(context.get(variable), 2);
    EXPECT_EQ(copy.get(variable), 3);
    EXPECT_EQ(Context().get(variable), std::nullopt);
    EXPECT_EQ(copy.size(), others + 1);
    co_return;
  });
}

COTERIE_CASE(Context, ValuesLiveAsLongAsSomebodyCanReadThem) {
  int alive = 0;
  {
    const ContextVar<std::shared_ptr<Probe>> variable("variable");
    run([&]() -> Task<void> {
      (void)variable.set(std::make_shared<Probe>(alive, 1));
      auto child = spawn(
          [](const ContextVar<std::shared_ptr<Probe>>& cvar) -> Co<int> {
            co_await sleep(1s);
            co_return cvar.get()->value();
          },
          std::ref(variable));
      (void)variable.set(nullptr);
      EXPECT_EQ(alive, 1);
      int value = co_await child;
      EXPECT_EQ(value, 1);
    });
    EXPECT_EQ(alive, 0);
  }
}

TEST(Context, ManyThreadsShareValuesAndContexts) {
  const ContextVar<std::string> variable("variable", "none");
  (void)variable.set("the main thread's");
  const Context context = copy_context();
  std::latch start(4);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&variable, &start, mine = context.copy()] {
      start.arrive_and_wait();
      for (int i = 0; i < 200; ++i) {
        const Context copy = mine.copy();
        copy.run([&] {
          EXPECT_EQ(variable.get(), "the main thread's");
          (void)variable.set(std::to_string(i));
          EXPECT_EQ(variable.get(), std::to_string(i));
        });
      }
    });
  for (auto& thread : threads) thread.join();
  variable.reset(variable.set("back"));
  EXPECT_EQ(variable.get(), "the main thread's");
}
}  // namespace
}  // namespace coterie

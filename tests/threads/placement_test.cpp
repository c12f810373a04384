// Which loop of a Runtime a task goes to.
#include "coterie/placement.hpp"

#include <gmock/gmock.h>

#include <latch>
#include <map>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::Each;
using ::testing::ElementsAre;

RuntimeOptions loops(std::size_t count) {
  RuntimeOptions options;
  options.loops = count;
  return options;
}

std::vector<std::size_t> loads(const Runtime& runtime) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < runtime.size(); ++i) all.push_back(runtime.load(i));
  return all;
}

/// When this returns, what had happened on that loop before the call is in its load.
void settle(const Runtime& runtime, std::size_t index) {
  call_on(runtime.loop(index), [] {}).get();
}

/// The number of the loop on which it runs.
Task<std::size_t> whereabouts(const Runtime& runtime) {
  co_return runtime.here().value();
}

/// Stops one loop of several.
void stop_alone(const Runtime& runtime, std::size_t index) {
  auto stop = []() -> Task<void> {
    EventLoop::current().stop();
    co_await sleep(1h);
  };
  EXPECT_THROW(spawn_on(runtime.loop(index), stop).get(), LoopClosed);
}

TEST(PlacementLeastLoaded, SpreadsEvenlyWhatDoesNotEnd) {
  Runtime runtime(loops(3));
  for (std::size_t i = 0; i < 9; ++i) {
    (void)runtime.spawn(Placement::least_loaded(), sleeper, Duration(1h));
    const std::vector<std::size_t> all = loads(runtime);
    EXPECT_EQ(all[0] + all[1] + all[2], i + 1);  // also while some are on their way
  }
  EXPECT_THAT(loads(runtime), ElementsAre(3, 3, 3));
}

TEST(PlacementLeastLoaded, GoesWhereTasksHaveEnded) {
  Runtime runtime(loops(3));
  std::map<std::size_t, std::vector<RemoteHandle<void>>> tasks;
  for (std::size_t i = 0; i < 9; ++i)
    tasks[i % 3].push_back(runtime.spawn(Placement::least_loaded(), sleeper, Duration(1h)));
  for (const RemoteHandle<void>& task : tasks[1]) {
    task.cancel();
    EXPECT_THROW(task.get(), Cancelled);
  }
  settle(runtime, 1);
  EXPECT_THAT(loads(runtime), ElementsAre(3, 0, 3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Placement::least_loaded().choose(runtime), 1U);
    (void)runtime.spawn(Placement::least_loaded(), sleeper, Duration(1h));
  }
  EXPECT_THAT(loads(runtime), ElementsAre(3, 3, 3));
}

TEST(PlacementLeastLoaded, SeesTasksThatNobodyPlaced) {
  Runtime runtime(loops(2));
  std::latch spawned(2);
  auto parent = [](std::latch& begun) -> Task<void> {
    for (int i = 0; i < 4; ++i) spawn(sleeper, Duration(1h));
    begun.count_down();
    co_await sleep(1h);
  };
  (void)runtime.spawn(Placement::least_loaded(), parent, std::ref(spawned));
  (void)spawn_on(runtime.loop(1), parent, std::ref(spawned));
  spawned.wait();
  settle(runtime, 0);
  settle(runtime, 1);
  EXPECT_THAT(loads(runtime), ElementsAre(5, 5));
}

TEST(PlacementLeastLoaded, ATaskThatCouldNotBeMadeIsNoLoad) {
  RuntimeOptions options = loops(1);
  options.exception_handler = [](const ErrorContext&) {};
  Runtime runtime(options);
  auto refuse = [](int) -> Task<void> { throw Boom("no coroutine yet"); };
  auto wrong = runtime.spawn(Placement::least_loaded(), refuse, 1);
  EXPECT_THROW(wrong.get(), Boom);
  settle(runtime, 0);
  EXPECT_EQ(runtime.load(0), 0U);
}

TEST(PlacementByKey, EqualKeysMeetOnOneLoop) {
  Runtime runtime(loops(4));
  Runtime other(loops(4));
  for (std::uint64_t key = 0; key < 100; ++key) {
    const std::size_t first = runtime.spawn(Placement::by_key(key), whereabouts, std::cref(runtime)).get();
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(runtime.spawn(Placement::by_key(key), whereabouts, std::cref(runtime)).get(), first);
      EXPECT_EQ(Placement::by_key(key).choose(other), first);
    }
  }
  const std::string name = "alice";
  const std::size_t first = Placement::by_key(name).choose(runtime);
  EXPECT_EQ(Placement::by_key("alice").choose(runtime), first);
  EXPECT_EQ(Placement::by_key(std::string_view("alice, bob").substr(0, 5)).choose(runtime), first);
}

TEST(PlacementByKey, KeysThatAreAlikeAreSpreadEvenly) {
  Runtime runtime(loops(4));
  for (const std::uint64_t step : {1U, 4U, 4096U}) {
    std::map<std::size_t, int> count;
    for (std::uint64_t i = 0; i < 10'000; ++i) ++count[Placement::by_key(i * step).choose(runtime)];
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(count[i], 2500, 250) << "keys " << step << " apart";
  }
}

TEST(PlacementByKey, OnlyKeysOfALoopThatStopsAloneMove) {
  Runtime runtime(loops(3));
  std::vector<std::size_t> before;
  for (int key = 0; key < 300; ++key) before.push_back(Placement::by_key(key).choose(runtime));
  stop_alone(runtime, 1);
  std::map<std::size_t, int> heirs;
  for (int key = 0; key < 300; ++key) {
    const std::size_t now = Placement::by_key(key).choose(runtime);
    if (before[static_cast<std::size_t>(key)] == 1)
      ++heirs[now];
    else
      EXPECT_EQ(now, before[static_cast<std::size_t>(key)]);
  }
  EXPECT_GT(heirs[0], 0);
  EXPECT_EQ(heirs[1], 0);
  EXPECT_GT(heirs[2], 0);
}

TEST(PlacementHere, IsTheLoopOfTheTaskThatSpawns) {
  Runtime runtime(loops(3));
  for (std::size_t i = 0; i < 3; ++i) {
    auto inside = [](Runtime& mine) -> Task<std::size_t> {
      auto beside = mine.spawn(Placement::here(), whereabouts, std::cref(mine));
      co_return co_await beside;
    };
    EXPECT_EQ(spawn_on(runtime.loop(i), inside, std::ref(runtime)).get(), i);
  }
  EXPECT_EQ(runtime.here(), std::nullopt);
  EXPECT_THROW((void)runtime.spawn(Placement::here(), nop), std::logic_error);
}

/// One of a user's own: the last loop, or none.
class Last final : public Placement {
 public:
  explicit Last(std::size_t beyond = 0) : beyond_(beyond) {}
  [[nodiscard]] std::size_t choose(const Runtime& runtime) const override {
    if (beyond_ > 1) throw Boom("nowhere");
    return runtime.size() - 1 + beyond_;
  }

 private:
  std::size_t beyond_;
};

TEST(Placement, MayBeOnesOwn) {
  Runtime runtime(loops(3));
  EXPECT_EQ(runtime.spawn(Last(), whereabouts, std::cref(runtime)).get(), 2U);
  EXPECT_THROW((void)runtime.spawn(Last(2), nop), Boom);
  try {
    (void)runtime.spawn(Last(1), nop);
    FAIL() << "there is no loop 3";
  } catch (const std::out_of_range& error) {
    EXPECT_STREQ(error.what(), "loop 3 of a Runtime that has 3: they are counted from 0");
  }
  settle(runtime, 2);
  EXPECT_THAT(loads(runtime), Each(0));
}

TEST(Placement, ResultsErrorsAndCancelsAreAsSpawnOns) {
  RuntimeOptions options = loops(2);
  Runtime runtime(options);
  EXPECT_EQ(runtime.spawn(Placement::by_key(7), give, 7).get(), 7);
  EXPECT_THROW(runtime.spawn(Placement::least_loaded(), fail, "boom").get(), Boom);
  auto waits = runtime.spawn(Placement::least_loaded(), named("waits"), sleeper, Duration(1h));
  EXPECT_EQ(waits.name(), "waits");
  waits.cancel("enough");
  EXPECT_THROW(waits.get(), Cancelled);
  EXPECT_EQ(run([&]() -> Task<int> {
              int sum = 0;
              for (int key = 0; key < 20; ++key)
                sum += co_await runtime.spawn(Placement::by_key(key), give, 1);
              co_return sum;
            }()),
            20);
}

TEST(Placement, LoopsThatHaveStoppedTakeNoPartAndWhenAllHaveTheHandleSaysSo) {
  Runtime runtime(loops(2));
  stop_alone(runtime, 0);
  EXPECT_FALSE(runtime.serves(0));
  EXPECT_TRUE(runtime.serves(1));
  for (int i = 0; i < 4; ++i) (void)runtime.spawn(Last(), sleeper, Duration(1h));
  EXPECT_GT(runtime.load(1), runtime.load(0));  // and all the same
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(runtime.spawn(Placement::least_loaded(), whereabouts, std::cref(runtime)).get(), 1U);
  EXPECT_THAT(runtime.stop(), ElementsAre());
  EXPECT_THROW(runtime.spawn(Placement::least_loaded(), nop).get(), LoopClosed);
  EXPECT_THROW(runtime.spawn(Placement::by_key(1), nop).get(), LoopClosed);
}

TEST(Placement, ManyThreadsPlaceAtOnceAndNothingIsLeftInTheLoads) {
  Runtime runtime(loops(3));
  std::vector<std::thread> threads;
  std::atomic<int> sum{0};
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&runtime, &sum, thread] {
      for (int i = 0; i < 50; ++i) {
        sum += runtime.spawn(Placement::least_loaded(), give, 1).get();
        sum += runtime.spawn(Placement::by_key(thread), give, 1).get();
      }
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(sum, 400);
  for (std::size_t i = 0; i < 3; ++i) settle(runtime, i);
  EXPECT_THAT(loads(runtime), Each(0));
}

}  // namespace
}  // namespace coterie

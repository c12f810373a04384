// Debug mode beyond what the conformance list says: coroutines that nobody awaits, and where things were
// made.
#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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

/// What `call` throws on another thread, while this one waits.
std::string elsewhere(const std::function<void()>& call) {
  std::string said;
  std::thread([&] {
    try {
      call();
    } catch (const std::logic_error& error) {
      said = error.what();
    }
  }).join();
  return said;
}

/// One of each that tasks wait at.
struct Places {
  Event event;
  Lock lock;
  Semaphore semaphore{0};
  Condition condition;
  Queue<int> queue;
  Channel<int> channel{1};
  Future<int> valued;
  Future<int> failed;
  Future<int> cancelled;
  Barrier barrier{2};
  Queue<int> joined;

  std::vector<JoinHandle<void>> wait() {
    joined.put_nowait(1);
    return {spawn([](Places& at) -> Task<void> { co_await at.event.wait(); }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { co_await at.lock.acquire(); }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { co_await at.semaphore.acquire(); }, std::ref(*this)),
            spawn(
                [](Places& at) -> Task<void> {
                  LockGuard guard = co_await at.condition.scoped();
                  co_await at.condition.wait();
                },
                std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.queue.get(); }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.channel.receive(); }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.valued; }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.failed; }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.cancelled; }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { (void)co_await at.barrier.wait(); }, std::ref(*this)),
            spawn([](Places& at) -> Task<void> { co_await at.joined.join(); }, std::ref(*this))};
  }
  std::vector<std::function<void()>> wakes() {
    return {[this] { event.set(); },
            [this] { lock.release(); },
            [this] { semaphore.release(); },
            [this] { condition.notify(); },
            [this] { queue.put_nowait(1); },
            [this] {
              int item = 1;
              (void)channel.try_send(item);
            },
            [this] { valued.set_value(1); },
            [this] { failed.set_exception(error("there")); },
            [this] { (void)cancelled.cancel(); },
            [this] { barrier.abort(); },
            [this] { joined.task_done(); }};
  }
  /// Something has happened at one of them.
  [[nodiscard]] bool changed() const {
    return event.is_set() || !lock.locked() || semaphore.value() > 0 || !queue.empty() ||
           channel.size() > 0 || valued.done() || failed.done() || cancelled.done() || barrier.broken();
  }
};

TEST(DebugMode, WakingATaskFromAnotherThreadIsRefused) {
  for (const bool debug : {false, true}) {
    testing::VirtualLoop owner;
    owner.loop().set_debug(debug);
    owner.run([](bool refused) -> Task<void> {
      Places places;
      co_await places.lock.acquire();
      std::vector<JoinHandle<void>> tasks = places.wait();
      co_await ticks(2);
      co_await places.condition.acquire();
      std::size_t number = 0;
      for (const auto& wake : places.wakes()) {
        const std::string said = elsewhere(wake);
        EXPECT_THAT(said, refused ? StartsWith("Non-thread-safe operation") : StartsWith("")) << number;
        EXPECT_EQ(said.empty(), !refused) << number;
        ++number;
      }
      EXPECT_EQ(places.changed(), !refused);
      if (refused)
        for (const auto& wake : places.wakes()) wake();  // here it is allowed
      places.condition.release();
      for (auto& task : tasks) {
        Outcome<void> end = co_await outcome(task);
        EXPECT_NE(end.has_value(), task == tasks[7] || task == tasks[8] || task == tasks[9]);
      }
    }(debug));
  }
}

TEST(DebugMode, AFutureWhoseLoopHasGoneIsSetAnywhere) {
  Future<int> future;
  {
    testing::VirtualLoop owner;
    owner.loop().set_debug(true);
    owner.run([](Future<int> watched) -> Task<void> {
      watched.add_done_callback([](const Future<int>&) { ADD_FAILURE(); });
      co_return;
    }(future));
  }
  EXPECT_EQ(elsewhere([&] { future.set_value(1); }), "");
  EXPECT_EQ(future.result(), 1);
}

TEST(DebugMode, APromiseThatGoesOnAnotherThreadIsReported) {
  std::vector<std::string> told;
  set_default_exception_handler([&](const ErrorContext& context) { told.push_back(context.message); });
  testing::VirtualLoop owner;
  owner.loop().set_debug(true);
  owner.run([]() -> Task<void> {
    auto promise = std::make_unique<Promise<int>>();
    Future<int> future = promise->future();
    auto task = spawn(await_future<int>, future);
    co_await ticks(2);
    EXPECT_EQ(elsewhere([&] { promise.reset(); }), "");
    EXPECT_FALSE(future.done());
    task.cancel();
    (void)co_await outcome(task);
  }());
  set_default_exception_handler(nullptr);
  EXPECT_THAT(told, ElementsAre("A Promise has gone where it cannot end its Future"));
}

TEST(DebugMode, TasksOfAClosedLoopAreRefused) {
  testing::VirtualLoop owner;
  owner.loop().close();
  EXPECT_THROW(owner.run(nop()), std::logic_error);
}

}  // namespace
}  // namespace coterie

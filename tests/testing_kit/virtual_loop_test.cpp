// The virtual loop: what it says of a deadlock, and when its clock stands still.
#include <gmock/gmock.h>

#include <latch>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using coterie::testing::Deadlock;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr int line_of_second_lock = __LINE__ + 4;
Task<void> lock_both(Lock& first, Lock& second) {
  LockGuard one = co_await first.scoped();
  co_await yield();
  LockGuard two = co_await second.scoped();
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text)
    result += std::string("().").find(c) != std::string::npos ? std::string("\\") + c : std::string(1, c);
  return result;
}

std::string deadlock_of(Task<void> (*body)()) {
  try {
    run(body);
  } catch (const Deadlock& deadlock) {
    return deadlock.what();
  }
  return "no deadlock";
}

TEST(Deadlock, NamesWhoWaitsForWhatAndWhere) {
  static int line = 0;
  const std::string what = deadlock_of([]() -> Task<void> {
    Lock a;
    Lock b;
    auto left = spawn(named("left"), lock_both, std::ref(a), std::ref(b));
    auto right = spawn(named("right"), lock_both, std::ref(b), std::ref(a));
    line = __LINE__ + 1;
    co_await left;
  });
  const std::string here = " virtual_loop_test.cpp:";
  const std::string second = "lock_both()" + here + std::to_string(line_of_second_lock);
  EXPECT_THAT(what, HasSubstr("no timer is armed"));
  EXPECT_THAT(what, ContainsRegex("#[0-9]+ main  pending  waits for a task: #[0-9]+ 'left'"));
  EXPECT_THAT(what, HasSubstr("<lambda>()" + here + std::to_string(line) + "\n"));
  EXPECT_THAT(
      what,
      ContainsRegex(
          " left  pending  waits for a lock @1, held by #[0-9]+ 'right'  age [^\n]*  spawned [^\n]*\n[^\n]*" +
          escaped(second)));
  EXPECT_THAT(
      what,
      ContainsRegex(
          " right  pending  waits for a lock @2, held by #[0-9]+ 'left'  age [^\n]*  spawned [^\n]*\n[^\n]*" +
          escaped(second)));
}

TEST(Deadlock, TasksAtOnePrimitiveShareItsNumber) {
  const std::string what = deadlock_of([]() -> Task<void> {
    Event open;
    auto enter = [](Event& event) -> Task<void> { co_await event.wait(); };
    auto one = spawn(named("one"), enter, std::ref(open));
    auto two = spawn(named("two"), enter, std::ref(open));
    co_await open.wait();
  });
  EXPECT_THAT(what, HasSubstr(" main  pending  waits for an event @1"));
  EXPECT_THAT(what, HasSubstr(" one  pending  waits for an event @1"));
  EXPECT_THAT(what, HasSubstr(" two  pending  waits for an event @1"));
}

TEST(Deadlock, ManyTasksAreCountedNotListed) {
  const std::string what = deadlock_of([]() -> Task<void> {
    Event never;
    auto enter = [](Event& event) -> Task<void> { co_await event.wait(); };
    for (int i = 0; i < 210; ++i) spawn(enter, std::ref(never));
    co_await never.wait();
  });
  EXPECT_THAT(what, HasSubstr("and 11 more"));
}

// Whoever posts and is answered sees the loop go idle in between: there the clock would jump.
void talk(EventLoop& loop, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    std::latch answered(1);
    loop.call_soon_threadsafe([&answered] { answered.count_down(); });
    answered.wait();
  }
}

TEST(VirtualClock, StandsStillWhileATaskWaitsForAThread) {
  run([]() -> Task<void> {
    auto nap = spawn(sleeper, 1h);
    co_await to_thread(talk, std::ref(EventLoop::current()), 100);
    EXPECT_EQ(seconds(), 0.0);
    EXPECT_FALSE(nap.done());
    co_await nap;
    EXPECT_EQ(seconds(), 3600.0);
  });
}

TEST(VirtualClock, NoTimeoutBeatsAThread) {
  run([]() -> Task<void> {
    auto work = [](EventLoop& loop) -> Task<int> {
      co_await to_thread(talk, std::ref(loop), 20);
      co_return 7;
    };
    const int value = co_await wait_for(1ms, work(EventLoop::current()));
    EXPECT_EQ(value, 7);
  });
}

void block(std::latch& entered, std::latch& open) {
  entered.count_down();
  open.wait();
}

TEST(VirtualClock, GoesOnWhenTheTaskNoLongerWaitsForItsThread) {
  std::latch entered(1);
  std::latch open(1);
  ThreadPool pool(1);
  run([&]() -> Task<void> {
    auto work =
        spawn([&]() -> Task<void> { co_await to_thread_on(pool, block, std::ref(entered), std::ref(open)); });
    co_await yield();
    entered.wait();
    work.cancel();
    co_await sleep(1h);
    EXPECT_EQ(seconds(), 3600.0);
    EXPECT_TRUE(work.cancelled());
    open.count_down();
  });
}

TEST(VirtualClock, GoesOnWhileATaskWaitsForAnEventOfAnotherThread) {
  run([]() -> Task<void> {
    Completion<void> maybe;
    auto waiter =
        spawn([](Completion<void> event) -> Task<void> { co_await event.wait(WaitKind::event); }, maybe);
    co_await sleep(1h);
    EXPECT_FALSE(waiter.done());
    maybe.set_value();
    co_await waiter;
  });
}

}  // namespace
}  // namespace coterie

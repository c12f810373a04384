// The default loop: waiting for real time and for other threads.

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "coterie/run.hpp"
#include "coterie/sleep.hpp"

namespace coterie {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Task<int> add(int a, int b) {
  co_await yield();
  co_return a + b;
}

TEST(Run, GivesTheValueOfMain) {
  EXPECT_EQ(run(add(1, 2)), 3);
}

Task<void> nothing() {
  co_return;
}

TEST(Run, GivesZeroForVoid) {
  EXPECT_EQ(run(nothing()), 0);
}

Task<std::string> fail() {
  co_await yield();
  throw std::runtime_error("on purpose");
}

TEST(Run, ThrowsWhatMainThrew) {
  EXPECT_THROW(run(fail()), std::runtime_error);
}

Task<int> nested() {
  co_return run(add(1, 1));
}

TEST(Run, InsideARunningLoopIsALogicError) {
  EXPECT_THROW(run(nested()), std::logic_error);
}

Task<void> stop_the_loop() {
  EventLoop::current().stop();
  co_await sleep(1h);
}

TEST(Run, SaysThatTheLoopWasStoppedTooEarly) {
  EXPECT_THROW(run(stop_the_loop()), std::logic_error);
}

Task<void> sleep_until_cancelled(bool& cancelled) {
  try {
    co_await sleep(1h);
  } catch (const Cancelled&) {
    cancelled = true;
    throw;
  }
}

Task<void> leave_one_behind(bool& cancelled) {
  spawn(sleep_until_cancelled, std::ref(cancelled));
  co_await yield();
}

TEST(Run, CancelsWhatIsLeft) {
  bool cancelled = false;
  run(leave_one_behind(cancelled));
  EXPECT_TRUE(cancelled);
}

/// As daemons do, and tests: what the first run() has left in the process must not stop the child's.
TEST(Run, AChildOfForkRunsALoopOfItsOwn) {
  bool cancelled = false;
  run(leave_one_behind(cancelled));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    bool again = false;
    run(leave_one_behind(again));
    ::_exit(again ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

Task<void> refuse() {
  for (;;) {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
    }
  }
}

Task<void> leave_a_stubborn_one() {
  spawn(named("stubborn"), refuse);
  co_await yield();
}

TEST(Run, NamesAndDestroysWhatRefusesToEnd) {
  RunOptions options;
  options.shutdown_timeout = 10ms;
  testing::internal::CaptureStderr();
  run(leave_a_stubborn_one(), options);
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_THAT(errors,
              StartsWith("coterie: still running 0.01 s after it was cancelled, and destroyed: 'stubborn'\n"
                         "1 task\n"));
  EXPECT_THAT(errors, AllOf(HasSubstr(" stubborn  cancelling  waits for a timer, due in "),
                            HasSubstr("  cancel requested ")));
  EXPECT_THAT(errors, HasSubstr("  spawned loop_test.cpp:"));
  EXPECT_THAT(errors, HasSubstr("refuse() loop_test.cpp:"));
}

// --- time
// ---------------------------------------------------------------------------------------------------------

Task<void> sleep_and_compare(Duration delay, int& early) {
  const TimePoint start = Clock::now();
  co_await sleep(delay);
  if (Clock::now() < start + delay) ++early;
}

Task<int> many_sleeps() {
  int early = 0;
  std::vector<JoinHandle<void>> sleepers;
  sleepers.reserve(200);
  // Around both ways of waiting: 0 to 6 ms in odd steps.
  for (int i = 0; i < 200; ++i)
    sleepers.push_back(spawn(sleep_and_compare, Duration(i * 30'011), std::ref(early)));
  for (auto& sleeper : sleepers) co_await sleeper;
  for (int i = 0; i < 40; ++i) co_await sleep_and_compare(Duration(i * 100'003), early);
  co_return early;
}

TEST(DefaultLoop, TimersAreNeverEarly) {
  EXPECT_EQ(run(many_sleeps()), 0);
}

Task<bool> sleeps_of(Duration delay) {
  const TimePoint start = Clock::now();
  co_await sleep(delay);
  co_return Clock::now() - start < delay + 5s;
}

TEST(DefaultLoop, WaitsForTimersNearAndFar) {
  EXPECT_TRUE(run(sleeps_of(200us)));
  EXPECT_TRUE(run(sleeps_of(20ms)));
}

// --- other threads
// ------------------------------------------------------------------------------------------------

TEST(DefaultLoop, CallSoonThreadsafeWakesALoopThatWaitsForEver) {
  const auto loop = new_event_loop();
  bool called = false;
  std::thread other([&] {
    loop->call_soon_threadsafe([&] {
      called = true;
      loop->stop();
    });
  });
  loop->run_forever();
  other.join();
  EXPECT_TRUE(called);
}

TEST(DefaultLoop, EveryOneOfTenThousandWakeUpsFromFourThreadsArrives) {
  const auto loop = new_event_loop();
  constexpr int threads = 4;
  constexpr int each = 2500;
  int arrived = 0;
  std::vector<std::thread> others;
  others.reserve(threads);
  for (int t = 0; t < threads; ++t)
    others.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        loop->call_soon_threadsafe([&] { ++arrived; });
        if (i % 16 == 0) std::this_thread::yield();  // so that the loop goes to sleep now and then
      }
    });
  loop->run_until([&] { return arrived == threads * each; });
  for (auto& other : others) other.join();
  EXPECT_EQ(arrived, threads * each);
}

// Ping-pong: every answer needs a wake-up of its own.
TEST(DefaultLoop, AWakeUpIsNeverLostBetweenTwoLoops) {
  const auto left = new_event_loop();
  const auto right = new_event_loop();
  int rounds = 2000;
  std::function<void()> ping;
  const std::function<void()> pong = [&] { left->call_soon_threadsafe([&] { ping(); }); };
  ping = [&] {
    if (--rounds == 0) {
      right->call_soon_threadsafe([&] { right->stop(); });
      left->stop();
    } else {
      right->call_soon_threadsafe([&] { pong(); });
    }
  };
  left->call_soon([&] { ping(); });
  std::thread other([&] { right->run_forever(); });
  left->run_forever();
  other.join();
  EXPECT_EQ(rounds, 0);
}

}  // namespace
}  // namespace coterie

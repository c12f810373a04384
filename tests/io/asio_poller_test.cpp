// How the default poller sleeps, and how it is woken.
#include "src/io/asio_poller.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace coterie {
namespace {

using namespace std::chrono_literals;

/// poll() without a deadline, woken by another thread once `when()`.
template <class When>
void poll_until_woken(AsioPoller& poller, When when) {
  std::thread other([&] {
    while (!when()) std::this_thread::yield();
    poller.wake();
  });
  poller.poll(std::nullopt);
  other.join();
}

TEST(AsioPoller, IsWokenFromItsSleep) {
  AsioPoller poller;
  poll_until_woken(poller, [&] { return poller.sleeps() == 1; });
  EXPECT_EQ(poller.sleeps(), 1U);
}

// What wakes it holds no lock of Asio's, which it would want at once; and foreign code may look at its
// context.
TEST(AsioPoller, WakingItDoesNotStopItsContext) {
  AsioPoller poller;
  std::thread other([&] {
    while (poller.sleeps() == 0) std::this_thread::yield();
    poller.wake();
    EXPECT_FALSE(poller.context().stopped());
  });
  poller.poll(std::nullopt);
  other.join();
}

TEST(AsioPoller, DoesNotSleepWhenItWasWokenBefore) {
  AsioPoller poller;
  poller.wake();
  poller.wake();
  poller.poll(std::nullopt);
  EXPECT_EQ(poller.sleeps(), 0U);
  poll_until_woken(poller, [&] { return poller.sleeps() == 1; });  // both were one
  poll_until_woken(poller, [&] { return poller.sleeps() == 2; });
}

TEST(AsioPoller, AMereLookSeesThatItWasWoken) {
  AsioPoller poller;
  poller.wake();
  poller.poll(TimePoint::min());
  poll_until_woken(poller, [&] { return poller.sleeps() == 1; });
}

TEST(AsioPoller, LingersForMoreWhenItWasSentSomething) {
  AsioPoller poller;
  poller.set_linger(1h);
  poll_until_woken(poller, [&] { return poller.sleeps() == 1; });  // not before that
  for (int i = 0; i < 100; ++i) poll_until_woken(poller, [] { return true; });
  EXPECT_EQ(poller.sleeps(), 1U);
}

TEST(AsioPoller, LingersEverMoreRarelyWhileThatFindsNothingAndAgainOnceItDoes) {
  constexpr int tries = 1000;
  AsioPoller poller;
  poller.set_linger(1ns);
  for (int i = 0; i < tries; ++i) {
    poller.wake();
    poller.poll(TimePoint::min());
    poller.poll(poller.now() + 100us);
  }
  EXPECT_GE(poller.lingers(), 5U);
  EXPECT_LE(poller.lingers(), tries / 64 + 8U);

  poller.set_linger(1h);
  const auto lingers_once_more = [&] {
    const std::uint64_t before = poller.lingers();
    poller.wake();
    poller.poll(TimePoint::min());
    const std::uint64_t slept = poller.sleeps();
    poll_until_woken(poller, [&] { return poller.lingers() > before || poller.sleeps() > slept; });
    return poller.lingers() > before;
  };
  int tried = 1;
  while (!lingers_once_more()) ++tried;
  EXPECT_LE(tried, 64);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(lingers_once_more());  // for that one found something
}

TEST(AsioPoller, LingersOnceAndNotBeyondADeadline) {
  AsioPoller poller;
  poller.set_linger(1h);
  poller.wake();
  poller.poll(TimePoint::min());
  const TimePoint deadline = poller.now() + 1ms;
  poller.poll(deadline);
  EXPECT_GE(poller.now(), deadline);
  const std::uint64_t before = poller.sleeps();
  poll_until_woken(poller, [&] { return poller.sleeps() > before; });
}

}  // namespace
}  // namespace coterie

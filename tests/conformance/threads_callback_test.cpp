// Callbacks from other threads and their handles (list A, lines 3 to 8).
#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using ::testing::ElementsAre;

// Gives the other thread every chance to go wrong: it is about to do its call, and this one lingers.
void linger(const std::atomic<bool>& about_to) {
  while (!about_to.load()) std::this_thread::yield();
  for (int i = 0; i < 2000; ++i) std::this_thread::yield();
}

// 3. test_events::EventLoopTestsMixin.test_call_soon_threadsafe_same_thread
TEST(ThreadsCallback, OnTheLoopsOwnThreadTheyStandInLineWithCallSoon) {
  run([]() -> Task<void> {
    std::vector<std::string> order;
    EventLoop& loop = EventLoop::current();
    loop.call_soon([&] { order.emplace_back("before"); });
    loop.call_soon_threadsafe([&] { order.emplace_back("a"); });
    loop.call_soon([&] { order.emplace_back("b"); });
    loop.call_soon_threadsafe([&] { order.emplace_back("c"); });
    co_await yield();  // one tick, as for call_soon
    EXPECT_THAT(order, ElementsAre("before", "a", "b", "c"));
  });
}

// 4. test_events::EventLoopTestsMixin.test_call_soon_threadsafe
TEST(ThreadsCallback, FromAnotherThreadItRunsBeforeWhatTheLoopsThreadQueuesAfterIt) {
  testing::VirtualLoop virtual_loop;
  EventLoop& loop = virtual_loop.loop();
  std::vector<std::string> order;
  std::thread([&] { loop.call_soon_threadsafe([&] { order.emplace_back("hello"); }); }).join();
  loop.call_soon([&] {
    order.emplace_back("world");
    loop.stop();
  });
  loop.run_forever();
  EXPECT_THAT(order, ElementsAre("hello", "world"));
}

// 4. test_events::EventLoopTestsMixin.test_call_soon_threadsafe: the loop wakes from its poll
TEST(ThreadsCallback, FromAnotherThreadItWakesALoopThatWaits) {
  const std::unique_ptr<EventLoop> loop = new_event_loop(loop_options());
  std::thread other;
  bool ran = false;
  loop->call_soon([&] {  // the loop goes to wait for ever: nothing is ready, and no timer is armed
    other = std::thread([&] {
      loop->call_soon_threadsafe([&] {
        ran = true;
        loop->stop();
      });
    });
  });
  loop->run_forever();
  other.join();
  EXPECT_TRUE(ran);
}

// 5. test_events::EventLoopTestsMixin.test_call_soon_threadsafe_handle_block_cancellation
TEST(ThreadsCallback, CancelFromAnotherThreadWaitsUntilTheRunningCallbackHasEnded) {
  testing::VirtualLoop virtual_loop;
  EventLoop& loop = virtual_loop.loop();
  std::latch started(1);
  std::atomic<bool> about_to{false};
  std::atomic<bool> finished{false};
  bool seen_finished = false;
  ThreadsafeHandle handle = loop.call_soon_threadsafe([&] {
    started.count_down();
    linger(about_to);
    finished = true;
    loop.stop();
  });
  std::thread other([&] {
    started.wait();
    about_to = true;
    handle.cancel();
    seen_finished = finished;
  });
  loop.run_forever();
  other.join();
  EXPECT_TRUE(seen_finished);
  EXPECT_TRUE(finished) << "its effect stays";
  EXPECT_TRUE(handle.cancelled());
}

// 6. test_events::…test_call_soon_threadsafe_handle_block_check_cancelled
TEST(ThreadsCallback, AskedFromAnotherThreadWaitsUntilTheRunningCallbackHasEnded) {
  testing::VirtualLoop virtual_loop;
  EventLoop& loop = virtual_loop.loop();
  std::latch started(1);
  std::atomic<bool> about_to{false};
  std::atomic<bool> finished{false};
  bool seen_finished = false;
  bool seen_cancelled = true;
  ThreadsafeHandle handle = loop.call_soon_threadsafe([&] {
    started.count_down();
    linger(about_to);
    finished = true;
    loop.stop();
  });
  std::thread other([&] {
    started.wait();
    about_to = true;
    seen_cancelled = handle.cancelled();
    seen_finished = finished;
  });
  loop.run_forever();
  other.join();
  EXPECT_TRUE(seen_finished);
  EXPECT_FALSE(seen_cancelled);
}

// 7. test_events::…test_call_soon_threadsafe_handle_cancel_other_thread
TEST(ThreadsCallback, CancelledBeforeItStartsItNeverRuns) {
  testing::VirtualLoop virtual_loop;
  EventLoop& loop = virtual_loop.loop();
  int alive = 0;
  bool ran = false;
  ThreadsafeHandle handle;
  loop.call_soon([&] {  // blocks the loop while the other thread queues and cancels
    std::thread([&] {
      handle = loop.call_soon_threadsafe([&ran, probe = Probe(alive)] { ran = true; });
      handle.cancel();
    }).join();
    loop.call_soon([&] { loop.stop(); });
  });
  loop.run_forever();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(handle.cancelled());
  EXPECT_EQ(alive, 0) << "what it captured is released at its turn, however long the handle lives";
}

// 8. test_events::…test_call_soon_threadsafe_handle_cancel_same_thread
TEST(ThreadsCallback, OneThatCancelsItselfRunsToItsEnd) {
  testing::VirtualLoop virtual_loop;
  EventLoop& loop = virtual_loop.loop();
  ThreadsafeHandle handle;
  bool inside = true;
  bool to_the_end = false;
  loop.call_soon([&] {
    std::thread([&] {
      handle = loop.call_soon_threadsafe([&] {
        inside = handle.cancelled();
        handle.cancel();
        to_the_end = true;
        loop.stop();
      });
    }).join();
  });
  loop.run_forever();
  EXPECT_FALSE(inside);
  EXPECT_TRUE(to_the_end);
  EXPECT_TRUE(handle.cancelled());
}

}  // namespace
}  // namespace coterie

// How often a loop is woken by what others send: once for all that comes before it looks.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;

/// Waits for nothing, and counts.
class CountingPoller final : public Poller {
 public:
  explicit CountingPoller(std::atomic<int>& wakes) : wakes_(wakes) {}
  TimePoint now() noexcept override { return TimePoint(); }
  void poll(std::optional<TimePoint>) override {}
  void wake() noexcept override { ++wakes_; }

 private:
  std::atomic<int>& wakes_;
};

/// A loop that runs when it is told to, and how often it has been woken.
struct Woken {
  std::atomic<int> wakes{0};
  EventLoop loop{std::make_unique<CountingPoller>(wakes)};
};

TEST(WakeUps, AreOneForAllThatIsPostedBeforeTheLoopLooksAndOrderIsKept) {
  constexpr int threads = 4;
  constexpr int posts = 250;
  Woken to;
  std::vector<std::vector<int>> got(threads);
  for (int round = 1; round <= 3; ++round) {
    std::vector<std::thread> senders;
    for (int thread = 0; thread < threads; ++thread)
      senders.emplace_back([&, thread] {
        for (int i = 0; i < posts; ++i)
          to.loop.post(
              make_posted([&got, thread, i] { got[static_cast<std::size_t>(thread)].push_back(i); }));
      });
    for (std::thread& sender : senders) sender.join();
    EXPECT_EQ(to.wakes, round);
    int ticks_left = 2;
    to.loop.run_until([&] { return ticks_left-- == 0; });
    for (std::vector<int>& its : got) {
      ASSERT_EQ(its.size(), static_cast<std::size_t>(posts));
      for (int i = 0; i < posts; ++i) EXPECT_EQ(its[static_cast<std::size_t>(i)], i);
      its.clear();
    }
  }
  EXPECT_EQ(to.wakes, 3);
}

TEST(WakeUps, AreOneForAThousandTasksSentInATickAndOneForTheirAnswers) {
  constexpr int count = 1000;
  Woken here;
  Woken there;
  std::vector<RemoteHandle<int>> sent;
  std::vector<int> answers;
  const auto wait = [](const RemoteHandle<int>& task, std::vector<int>& out) -> Task<void> {
    out.push_back(co_await task);
  };
  here.loop.call_soon([&] {
    for (int i = 0; i < count; ++i) sent.push_back(spawn_on(there.loop, give, i));
    for (const RemoteHandle<int>& task : sent) spawn(wait, std::cref(task), std::ref(answers));
  });
  here.loop.run_until([&] { return here.loop.task_count() == count; });
  int ticks_left = 2;  // they wait
  here.loop.run_until([&] { return ticks_left-- == 0; });
  EXPECT_EQ(there.wakes, 1);
  EXPECT_EQ(here.wakes, 0);

  there.loop.run_until([&] { return sent.back().done(); });
  EXPECT_EQ(there.wakes, 1);
  EXPECT_EQ(here.wakes, 1);

  here.loop.run_until([&] { return answers.size() == count; });
  EXPECT_EQ(here.wakes, 1);
  for (int i = 0; i < count; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)], i);
}

TEST(WakeUps, AreNoneWhereALoopSendsToItself) {
  Woken loop;
  int ran = 0;
  loop.loop.call_soon([&] {
    for (int i = 0; i < 1000; ++i) loop.loop.post(make_posted([&] { ++ran; }));
  });
  loop.loop.run_until([&] { return ran == 1000; });
  EXPECT_EQ(loop.wakes, 0);
}

}  // namespace
}  // namespace coterie

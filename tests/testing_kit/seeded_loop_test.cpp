// The seeded scheduler: one seed is one history, and every await of a subject can be cancelled.
#include "coterie/testing/seeded_loop.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "support/runtime.hpp"

namespace coterie {
namespace {
using namespace test;
using coterie::testing::CancelMoment;
using coterie::testing::for_each_cancel;
using coterie::testing::for_each_seed;
using coterie::testing::HistoryFailed;
using coterie::testing::Random;
using coterie::testing::SeededLoop;
using coterie::testing::SeedOptions;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SeedOptions no_cancels() {
  SeedOptions options;
  options.cancel_one_in = 0;
  return options;
}

/// An environment variable for the length of a test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

Task<void> note_rounds(std::string& trace, char name) {
  for (int i = 0; i < 3; ++i) {
    trace += name;
    co_await yield();
  }
}
Task<void> four_note(std::string& trace) {
  std::vector<JoinHandle<void>> tasks;
  for (char name : {'a', 'b', 'c', 'd'}) tasks.push_back(spawn(note_rounds, std::ref(trace), name));
  for (auto& task : tasks) co_await task;
}
std::string order_under(std::uint64_t seed) {
  std::string trace;
  SeededLoop seeded(seed, no_cancels());
  seeded.run(four_note(trace));
  return trace;
}

TEST(Random, IsSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
  EXPECT_EQ(random.next(), 9817491932198370423U);
}

TEST(SeededLoop, OneSeedIsOneOrder) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const std::string order = order_under(seed);
    EXPECT_EQ(order, order_under(seed));
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 45U);
}

// The same on every platform: written down once.
TEST(SeededLoop, SeedsMeanTheSameEverywhere) {
  EXPECT_EQ(order_under(1), "adbcacbdabcd");
  EXPECT_EQ(order_under(2), "cdbadbacdcba");
}

TEST(SeededLoop, ShufflesOnlyWithinATick) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::string order = order_under(seed);
    for (std::size_t round = 0; round < 3; ++round) {
      std::string tick = order.substr(round * 4, 4);
      std::sort(tick.begin(), tick.end());
      EXPECT_EQ(tick, "abcd") << "seed " << seed << ": " << order;
    }
  }
}

TEST(SeededLoop, CallbacksKeepTheirOrder) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::vector<int> order;
    SeededLoop seeded(seed, no_cancels());
    seeded.run([](std::vector<int>& out) -> Task<void> {
      static std::string ignored;
      for (int i = 0; i < 4; ++i) {
        spawn(note_rounds, std::ref(ignored), 'x');
        EventLoop::current().call_soon([&out, i] { out.push_back(i); });
      }
      co_await ticks(2);
    }(order));
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 3)) << "seed " << seed;
  }
}

Task<void> nap_thrice(int& reached) {
  for (int i = 0; i < 3; ++i) {
    co_await sleep(1s);
    ++reached;
  }
}

TEST(SeededLoop, CancelsSubjectsAndNobodyElse) {
  std::uint64_t cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SeededLoop seeded(seed);
    seeded.run([](SeededLoop& loop, std::uint64_t& count) -> Task<void> {
      int ignored = 0;
      auto subject = loop.subject(spawn(nap_thrice, std::ref(ignored)));
      auto other = spawn(nap_thrice, std::ref(ignored));
      co_await other;
      co_await subject.wait();
      EXPECT_EQ(subject.cancelling(), loop.cancels_of(subject));
      EXPECT_EQ(subject.cancelled(), loop.cancels() > 0);
      if (subject.cancelled()) ++count;
    }(seeded, cancelled));
  }
  EXPECT_GT(cancelled, 40U);
  EXPECT_LT(cancelled, 160U);
}

TEST(SeededLoop, LeftSubjectsEndUndisturbed) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    int reached = 0;
    SeededLoop seeded(seed);
    seeded.run([](SeededLoop& loop, int& count) -> Task<void> {
      loop.subject(spawn(nap_thrice, std::ref(count)));
      co_return;
    }(seeded, reached));
  }
}

TEST(ForEachCancel, HitsTheStartAndEveryAwaitAtBothMoments) {
  std::vector<int> reached;
  for_each_cancel([&reached](SeededLoop& seeded) -> Task<void> {
    int count = 0;
    auto subject = seeded.subject(spawn(nap_thrice, std::ref(count)));
    co_await subject.wait();
    reached.push_back(count);
  });
  // Undisturbed; at the start, twice; at each sleep, before its end and at it; and one to see that it is
  // over.
  EXPECT_THAT(reached, ElementsAre(3, 0, 0, 0, 0, 1, 1, 2, 2, 3));
}

// A lock that forgets to pass its turn on when a waiter is cancelled after it was woken.
class CarelessLock {
 public:
  Task<void> acquire() {
    while (locked_) {
      Future<void> turn;
      waiters_.push_back(turn);
      co_await turn;
    }
    locked_ = true;
  }
  void release() {
    locked_ = false;
    while (!waiters_.empty() && waiters_.front().done()) waiters_.pop_front();
    if (!waiters_.empty()) waiters_.front().set_value();
  }

 private:
  bool locked_ = false;
  std::deque<Future<void>> waiters_;
};

template <class AnyLock>
Task<void> hold_a_moment(AnyLock& lock) {
  co_await lock.acquire();
  Outcome<void> end = co_await outcome(yield());
  lock.release();
  end.get();
}
template <class AnyLock>
Task<void> three_hold(SeededLoop& seeded) {
  AnyLock lock;
  std::vector<JoinHandle<void>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(seeded.subject(spawn(hold_a_moment<AnyLock>, std::ref(lock))));
  for (auto& task : tasks) co_await task.wait();
}

TEST(ForEachSeed, FindsALostWakeupAndReplaysIt) {
  std::uint64_t seed = 0;
  std::string report;
  try {
    for_each_seed(1000, three_hold<CarelessLock>);
  } catch (const HistoryFailed& failed) {
    seed = failed.seed();
    report = failed.what();
  }
  ASSERT_GT(seed, 0U);
  EXPECT_THAT(report,
              AllOf(HasSubstr("seed " + std::to_string(seed) + ": deadlock"), HasSubstr("waits for a future"),
                    HasSubstr("COTERIE_SEED=" + std::to_string(seed))));

  const Environment replay("COTERIE_SEED", std::to_string(seed).c_str());
  int histories = 0;
  EXPECT_THROW(for_each_seed(1000,
                             [&histories](SeededLoop& seeded) -> Task<void> {
                               ++histories;
                               EXPECT_GT(seeded.seed(), 0U);
                               co_await three_hold<CarelessLock>(seeded);
                             }),
               HistoryFailed);
  EXPECT_EQ(histories, 1);
}

TEST(ForEachCancel, FindsALostWakeup) {
  EXPECT_THROW(for_each_cancel(three_hold<CarelessLock>), HistoryFailed);
  EXPECT_NO_THROW(for_each_cancel(three_hold<Lock>));
}

TEST(ForEachSeed, TheRealLockPasses) {
  EXPECT_NO_THROW(for_each_seed(1000, three_hold<Lock>));
}

TEST(ForEachSeed, TheEnvironmentSaysHowMany) {
  int histories = 0;
  const Environment few("COTERIE_SEEDS", "7");
  for_each_seed(1000, [&histories](SeededLoop&) -> Task<void> {
    ++histories;
    co_return;
  });
  EXPECT_EQ(histories, 7);
}

TEST(ForEachSeed, BeginsWithTheFirstSeedOfTheOptions) {
  std::vector<std::uint64_t> seeds;
  const auto note = [&seeds](SeededLoop& seeded) -> Task<void> {
    seeds.push_back(seeded.seed());
    co_return;
  };
  SeedOptions options;
  options.first_seed = 501;
  for_each_seed(3, note, options);
  EXPECT_THAT(seeds, ElementsAre(501, 502, 503));
  seeds.clear();
  const Environment replay("COTERIE_SEED", "7");
  for_each_seed(3, note, options);
  EXPECT_THAT(seeds, ElementsAre(7));
}

TEST(ForEachSeed, ASeedThatIsNoNumberIsRefused) {
  const Environment wrong("COTERIE_SEED", "12x");
  EXPECT_THROW(for_each_seed(1, three_hold<Lock>), std::invalid_argument);
}

TEST(ForEachSeed, AnEndlessHistoryIsReported) {
  SeedOptions options;
  options.max_steps = 1000;
  try {
    for_each_seed(
        1,
        [](SeededLoop&) -> Task<void> {
          for (;;) co_await yield();
        },
        options);
    ADD_FAILURE() << "no report";
  } catch (const HistoryFailed& failed) {
    EXPECT_THAT(failed.what(), HasSubstr("more than 1000 steps"));
  }
}

TEST(ForEachSeedDeathTest, AProcessThatDiesSaysUnderWhichSeed) {
  const auto die = [](SeededLoop& seeded) -> Task<void> {
    co_await yield();
    if (seeded.seed() == 3) std::abort();
  };
  EXPECT_DEATH(for_each_seed(10, die), "COTERIE_SEED=3 ");
}

}  // namespace
}  // namespace coterie

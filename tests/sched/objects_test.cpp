// The two schedulers that are objects of their own.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coterie/sched/priority_scheduler.hpp"
#include "coterie/sched/weighted_round_robin.hpp"
#include "support/runtime.hpp"

namespace coterie::test {
namespace {

Task<void> note(std::string& log, char name, Duration time = Duration::zero()) {
  log += name;
  co_await sleep(time);
}

TEST(WeightedRoundRobin, InterleavesByWeight) {
  WeightedRoundRobin<char> turns;
  turns.add('a', 5);
  turns.add('b');
  turns.add('c');
  std::string log;
  for (int i = 0; i < 7; ++i) log += turns.next();
  EXPECT_EQ(log, "aabacaa");
}

/// As it has been published: a turn uses up one of its item's weight, and nothing ever gives it back.
class PublishedRoundRobin {
 public:
  void add(char item, int weight) { items_.emplace_back(item, weight); }
  std::optional<char> next() {
    for (std::size_t tried = 0; tried < items_.size(); ++tried) {
      auto& [item, weight] = items_[at_++ % items_.size()];
      if (weight > 0) return --weight, item;
    }
    return std::nullopt;
  }

 private:
  std::vector<std::pair<char, int>> items_;
  std::size_t at_ = 0;
};

TEST(WeightedRoundRobin, GoesOnWhenTheWeightsAreUsedUpWherePublishedCodeStopsForGood) {
  PublishedRoundRobin published;
  WeightedRoundRobin<char> turns;
  for (const auto& [item, weight] : {std::pair('a', 2), std::pair('b', 1)}) {
    published.add(item, weight);
    turns.add(item, static_cast<std::uint32_t>(weight));
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(published.next());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(published.next());
  std::size_t a = 0;
  for (int i = 0; i < 3000; ++i) a += turns.next() == 'a' ? 1 : 0;
  EXPECT_EQ(a, 2000U);
}

TEST(WeightedRoundRobin, IsASequenceThatEndsWithItsItems) {
  run([]() -> Task<void> {
    WeightedRoundRobin<std::string> turns;
    turns.add("a", 2);
    turns.add("b", 1);
    std::string log;
    AsyncGenerator<std::string> sequence = turns.turns();
    while (const std::string* item = co_await sequence.next()) {
      log += *item;
      if (log.size() == 6) {
        EXPECT_TRUE(turns.set_weight("b", 4));
      }
      if (log.size() == 12) {
        EXPECT_TRUE(turns.remove("a"));
      }
      if (log.size() == 15) {
        EXPECT_TRUE(turns.remove("b"));
      }
    }
    EXPECT_EQ(log.substr(0, 6), "abaaba");
    EXPECT_EQ(std::count(log.begin() + 6, log.begin() + 12, 'b'), 4);
    EXPECT_EQ(log.substr(12), "bbb");
  });
}

TEST(WeightedRoundRobin, RefusesWhatIsNone) {
  WeightedRoundRobin<int> turns;
  EXPECT_THROW(turns.next(), InvalidState);
  EXPECT_THROW(turns.add(1, 0), std::invalid_argument);
  turns.add(1);
  EXPECT_THROW(turns.set_weight(1, 1'000'001), std::invalid_argument);
  EXPECT_FALSE(turns.set_weight(2, 1));
  EXPECT_FALSE(turns.remove(2));
}

TEST(PriorityScheduler, GreaterRunFirstAndEqualsInOrder) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    (void)scheduler.add(note(log, 'l'), -1);
    (void)scheduler.add(note(log, 'a'));
    (void)scheduler.add(note(log, 'h'), 3);
    (void)scheduler.add(note(log, 'b'));
    EXPECT_EQ(scheduler.size(), 4U);
    const PriorityScheduler::Summary summary = co_await scheduler.run();
    EXPECT_EQ(log, "habl");
    EXPECT_EQ(summary.succeeded, 4U);
  });
}

TEST(PriorityScheduler, RunsSoManyAtATimeAndWhatIsAddedMeanwhile) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    for (int i = 0; i < 6; ++i) (void)scheduler.add(note(log, 'a', 1s));
    (void)scheduler.add(
        [](PriorityScheduler& mine, std::string& text) -> Task<void> {
          co_await sleep(1s);
          for (int i = 0; i < 3; ++i) (void)mine.add(note(text, 'n', 1s), 9);
        }(scheduler, log),
        1);
    co_await scheduler.run(3);
    EXPECT_EQ(seconds(), 4);  // 10 of a second each, three at a time
    EXPECT_EQ(log.substr(2, 3), "nnn");
  });
}

TEST(PriorityScheduler, GivesResultsAndAnErrorEndsNobodyElse) {
  run([]() -> Task<void> {
    Reports reports(EventLoop::current());
    PriorityScheduler scheduler;
    const Future<int> value = scheduler.add(give(7));
    const Future<void> error = scheduler.add(fail("boom"), 1);
    (void)scheduler.add(fail("unheard"), 2);
    const PriorityScheduler::Summary summary = co_await scheduler.run();
    EXPECT_EQ(summary.succeeded, 1U);
    EXPECT_EQ(summary.failed, 2U);
    EXPECT_EQ(value.result(), 7);
    EXPECT_THROW(error.result(), Boom);
    EXPECT_EQ(reports.messages(), std::vector<std::string>{"Future exception was never retrieved"});
  });
}

TEST(PriorityScheduler, ACancelEndsThoseThatRunAndKeepsTheOthers) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    const Future<void> running = scheduler.add(sleeper(1h), 1);
    const Future<int> waiting = scheduler.add(give(7));
    auto task =
        spawn([](PriorityScheduler& mine) -> Task<void> { (void)co_await mine.run(); }, std::ref(scheduler));
    co_await sleep(1s);
    task.cancel();
    co_await task.wait();
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(running.cancelled());
    EXPECT_FALSE(waiting.done());
    (void)co_await scheduler.run();
    EXPECT_EQ(waiting.result(), 7);
  });
}

TEST(PriorityScheduler, WhoseFutureIsCancelledDoesNotStart) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    const Future<void> unwanted = scheduler.add(note(log, 'u'));
    (void)scheduler.add(note(log, 'a'));
    unwanted.cancel();
    const PriorityScheduler::Summary summary = co_await scheduler.run();
    EXPECT_EQ(log, "a");
    EXPECT_EQ(summary.succeeded, 1U);
  });
}

/// Ends, and not at once, when it is cancelled.
Task<void> clean_up_slowly(std::string& log) {
  Outcome<void> end = co_await outcome(sleep(1h));
  log += 'c';
  co_await sleep(1s);
  log += 'u';
  end.get();
}

TEST(PriorityScheduler, WhoseFutureIsCancelledWhileItRunsCleansUpAndTheOthersGoOn) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    const Future<void> unwanted = scheduler.add(clean_up_slowly(log), 2);
    const Future<int> beside = scheduler.add(give_later(10s, 7), 1);
    (void)scheduler.add(note(log, 'n'));
    auto task = spawn([](PriorityScheduler& mine) { return mine.run(2); }, std::ref(scheduler));
    co_await sleep(1s);
    unwanted.cancel();
    co_await sleep(500ms);
    EXPECT_EQ(log, "c");  // it has its place until it has ended
    co_await sleep(1s);
    EXPECT_EQ(log, "cun");
    const PriorityScheduler::Summary summary = co_await task;
    EXPECT_EQ(beside.result(), 7);
    EXPECT_EQ(summary.succeeded, 2U);
    EXPECT_EQ(summary.cancelled, 1U);
    EXPECT_EQ(summary.failed, 0U);
  });
}

TEST(PriorityScheduler, ATimeoutOfWhoAwaitsTheFutureEndsTheJob) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    const Future<void> slow = scheduler.add(clean_up_slowly(log));
    auto task = spawn([](PriorityScheduler& mine) { return mine.run(); }, std::ref(scheduler));
    const std::string end =
        co_await end_of(wait_for(1s, [](Future<void> job) -> Task<void> { co_await job; }(slow)));
    EXPECT_EQ(end, "timeout");
    const PriorityScheduler::Summary summary = co_await task;
    EXPECT_EQ(log, "cu");
    EXPECT_EQ(summary.cancelled, 1U);
  });
}

TEST(PriorityScheduler, WhoseFutureIsCancelledBeforeItsFirstStepDoesNotRun) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    std::string log;
    const Future<void> unwanted = scheduler.add(note(log, 'u'));
    auto task = spawn([](PriorityScheduler& mine) { return mine.run(); }, std::ref(scheduler));
    while (scheduler.size() > 0) co_await yield();  // it has been taken to run
    unwanted.cancel();
    (void)co_await task;
    EXPECT_EQ(log, "");
  });
}

TEST(PriorityScheduler, FuturesOfThoseThatNeverRunAreCancelled) {
  run([]() -> Task<void> {
    std::optional<Future<int>> future;
    {
      PriorityScheduler scheduler;
      future = scheduler.add(give(7));
    }
    EXPECT_TRUE(future->cancelled());
    co_return;
  });
}

TEST(PriorityScheduler, RefusesTwoRunsAndNoneAtATime) {
  run([]() -> Task<void> {
    PriorityScheduler scheduler;
    (void)scheduler.add(sleeper(1s));
    auto first =
        spawn([](PriorityScheduler& mine) -> Task<void> { (void)co_await mine.run(); }, std::ref(scheduler));
    co_await yield();
    Outcome<PriorityScheduler::Summary> second = co_await outcome(scheduler.run());
    EXPECT_THROW((void)second.get(), InvalidState);
    co_await first;
    Outcome<PriorityScheduler::Summary> none = co_await outcome(scheduler.run(0));
    EXPECT_THROW((void)none.get(), std::invalid_argument);
  });
}

}  // namespace
}  // namespace coterie::test

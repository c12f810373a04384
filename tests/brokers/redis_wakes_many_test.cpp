// Workers with more handlers than fit into lists of their own, which sleep by queue.
#include "src/brokers/redis/wakes.hpp"

#include "tests/brokers/redis_sleepers.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

/// More than fit into lists of their own.
std::vector<std::string> hundred_handlers(const std::string& prefix) {
  std::vector<std::string> names;
  for (int i = 100; i < 200; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

TEST_F(RedisWakesTest, AWorkerWithManyHandlersSleepsThroughWhatIsInQueuesOfOthers) {
  const auto broker = open_listening();
  Sleeper many(hundred_handlers("paint"));
  await([](RedisWakesTest& test, Broker& at, Sleeper& sleeper) -> Task<void> {
    const auto foreign_job = [] {
      std::vector<JobSpec> foreign{BrokerSuite::job("paint150")};
      foreign[0].queue = "elsewhere";
      return foreign;
    };
    std::vector<JobSpec> first = foreign_job();
    (void)co_await at.enqueue(std::move(first));  // the first one also writes down how many shards there are
    co_await sleeper.fall_asleep(at);
    const std::int64_t before = test.scripts_run();
    for (int i = 0; i < 20; ++i) {
      std::vector<JobSpec> foreign = foreign_job();
      (void)co_await at.enqueue(std::move(foreign));
    }
    EXPECT_EQ(test.scripts_run(), before + 20);
    EXPECT_FALSE(sleeper.done());
    std::vector<JobSpec> own{BrokerSuite::job("paint150")};
    (void)co_await at.enqueue(std::move(own));
    const bool told = co_await sleeper.told();
    EXPECT_TRUE(told);
    CycleReply got = co_await at.cycle(sleeper.ask());
    EXPECT_EQ(got.leases.size(), 1U);
  }(*this, *broker, many));
}

TEST_F(RedisWakesTest, WhatAWorkerWithManyHandlersHasNoneForIsPassedOn) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  for (const char* const has : {"paint", "paint", "paint", "sing"})
    sleepers.emplace_back(hundred_handlers(has));
  await([](Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    std::vector<JobSpec> specs{BrokerSuite::job("sing150")};
    (void)co_await at.enqueue(std::move(specs));
    const bool told = co_await all[3].told();
    EXPECT_TRUE(told);
    for (Sleeper& sleeper : all) sleeper.stop();
  }(*broker, sleepers));
}

class RedisManyDead : public RedisWakesTest {
 protected:
  void one_of_many_is_told(int older, int younger) {
    const auto broker = open_listening();
    leave_dead(wall() + 1000, older);
    leave_dead(wall() + 1'000'000, younger);
    Sleeper here;
    await([](RedisManyDead& test, Broker& at, Sleeper& sleeper, std::int64_t dead) -> Task<void> {
      co_await sleeper.fall_asleep(at);
      EXPECT_EQ(test.asleep(), dead + 1);
      std::vector<JobSpec> specs{BrokerSuite::job()};
      (void)co_await at.enqueue(std::move(specs));
      const bool told = co_await sleeper.told();
      EXPECT_TRUE(told);
    }(*this, *broker, here, older + younger));
  }

 private:
  /// Killed just now, so that their places are theirs for a lease yet, and none was buried.
  void leave_dead(UnixMillis until, int how_many) {
    coterie::brokers::redis::Command command("EVAL");
    command.arg(
        "for i = 1, ARGV[2] do local dead = string.format('%016d', ARGV[1] + i) "
        "for _, list in ipairs({'A', 'adefault\\n'}) do redis.call('ZADD', '{coterie:0}' .. list, ARGV[1], "
        "dead) end "
        "redis.call('HSET', '{coterie:0}w' .. dead, 'y', 'nowhere', 'z', 1) end");
    command.arg("0").arg(until).arg(how_many);
    (void)broker_suite::administer(server_.url(), std::move(command));
  }
};

TEST_F(RedisManyDead, HideNoLivingOne) {
  one_of_many_is_told(500, 500);
}

TEST_F(RedisManyDead, ThatAreMoreThanAScriptPassesOverHideNoneThatSleptLast) {
  one_of_many_is_told(3000, 0);
}

Task<void> sleep_on(Broker* broker, Sleeper* sleeper) {
  for (;;) {
    co_await sleeper->fall_asleep(*broker);
    (void)co_await sleeper->told();
  }
}

// Else those that sleep again would tell each other for ever.
TEST_F(RedisWakesTest, WhatNobodyHasAHandlerForIsPassedOnOnceToEachAndNoMore) {
  const auto broker = open_listening();
  Sleeper both[2] = {Sleeper(hundred_handlers("paint")), Sleeper(hundred_handlers("paint"))};
  await([](RedisWakesTest& test, Broker* at, Sleeper* two) -> Task<void> {
    coterie::JoinHandle<void> first = coterie::spawn(&sleep_on, at, two);
    coterie::JoinHandle<void> second = coterie::spawn(&sleep_on, at, two + 1);
    while (test.asleep() < 2) co_await coterie::yield();
    const std::int64_t before = test.scripts_run();
    std::vector<JobSpec> specs{BrokerSuite::job("sing150")};
    (void)co_await at->enqueue(std::move(specs));
    // The enqueue; at most three times each is told, passes it on, and asks.
    for (int i = 0; i < 200; ++i) {
      co_await coterie::yield();
      EXPECT_LE(test.scripts_run(), before + 1 + 2 * 3 * 2);
    }
    for (coterie::JoinHandle<void>* each : {&first, &second}) {
      each->cancel();
      (void)co_await coterie::outcome(*each);
    }
  }(*this, broker.get(), both));
}

}  // namespace
}  // namespace broker_suite

// Enqueues of many tasks at once go together, and each is told of its own.
#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using testing::HasSubstr;

class RedisGatherTest : public RedisBrokerTest {
 protected:
  /// Scripts that the server has run.
  std::uint64_t scripts() {
    const std::string text = administer("INFO commandstats").string();
    const std::size_t at = text.find("cmdstat_evalsha:calls=");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 22));
  }
  using Enqueue = coterie::JoinHandle<std::vector<Enqueued>>;
  static Enqueue begin(Broker& broker, std::vector<JobSpec> specs) {
    return coterie::spawn(&Broker::enqueue, &broker, std::move(specs));
  }
};

TEST_F(RedisGatherTest, WhatComesWhileOthersAreOnTheirWayGoesTogether) {
  const auto broker = open();
  constexpr std::size_t calls = 500;
  const JobSpec twice = BrokerSuite::job();
  EXPECT_EQ(await(broker->enqueue({twice})).at(0), Enqueued::created);  // it knows the queue now
  const std::uint64_t before = scripts();
  server_.freeze();  // so that the first are on their way until all have come, however slow this process is
  std::size_t created = await([](Broker& at, const JobSpec& same, RedisServer& server) -> Task<std::size_t> {
    std::vector<Enqueue> enqueues;
    for (std::size_t i = 0; i < calls; ++i) enqueues.push_back(begin(at, {BrokerSuite::job(), same}));
    co_await coterie::yield();  // each has begun
    server.thaw();
    std::size_t news = 0;
    for (Enqueue& each : enqueues) {
      std::vector<Enqueued> verdicts = co_await each;
      EXPECT_EQ(verdicts.size(), 2U);
      EXPECT_EQ(verdicts.at(0), Enqueued::created);
      for (const Enqueued verdict : verdicts) news += verdict == Enqueued::created ? 1 : 0;
    }
    co_return news;
  }(*broker, twice, server_));
  EXPECT_EQ(created, calls);
  EXPECT_LT(scripts() - before, calls / 16) << "32 calls fit into a script";
  EXPECT_EQ(await(broker->queues()).at(0).counts.at(JobState::ready), calls + 1);
}

TEST_F(RedisGatherTest, ACallThatIsRefusedDoesNotCostTheOthersTheirs) {
  const auto broker = open();
  await([](Broker& at) -> Task<void> {
    std::vector<Enqueue> enqueues;
    for (std::size_t i = 0; i < 40; ++i) {
      JobSpec spec = BrokerSuite::job();
      if (i % 10 == 7) spec.after = {new_uuid()};
      enqueues.push_back(begin(at, {BrokerSuite::job(), spec}));
    }
    for (std::size_t i = 0; i < enqueues.size(); ++i) {
      coterie::Outcome<std::vector<Enqueued>> end = co_await coterie::outcome(enqueues[i]);
      EXPECT_EQ(end.has_value(), i % 10 != 7) << i;
      if (end.has_value()) continue;
      EXPECT_THAT(refusal<BadRequest>([&] { (void)end.get(); }), HasSubstr("jobs[1].after"));
    }
  }(*broker));
  EXPECT_EQ(await(broker->queues()).at(0).counts.at(JobState::ready), 36U * 2);
}

TEST_F(RedisGatherTest, AnErrorOfTheServerIsEverybodysError) {
  const auto broker = open();
  administer("CONFIG SET maxmemory 1");
  await([](Broker& at) -> Task<void> {
    std::vector<Enqueue> enqueues;
    for (std::size_t i = 0; i < 20; ++i) enqueues.push_back(begin(at, {BrokerSuite::job()}));
    for (Enqueue& each : enqueues) {
      coterie::Outcome<std::vector<Enqueued>> end = co_await coterie::outcome(each);
      EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)end.get(); }), HasSubstr("its memory is full"));
    }
  }(*broker));
  administer("CONFIG SET maxmemory 0");
}

TEST_F(RedisGatherTest, ACancelledCallLeavesTheOthersAlone) {
  const auto broker = open();
  const std::size_t left = await([](Broker& at) -> Task<std::size_t> {
    std::vector<Enqueue> enqueues;
    for (std::size_t i = 0; i < 200; ++i) enqueues.push_back(begin(at, {BrokerSuite::job()}));
    co_await coterie::yield();
    for (std::size_t i = 0; i < 200; i += 2) enqueues[i].cancel();
    std::size_t ended = 0;
    for (Enqueue& each : enqueues) {
      coterie::Outcome<std::vector<Enqueued>> end = co_await coterie::outcome(each);
      ended += end.has_value() ? 1 : 0;
    }
    co_return ended;
  }(*broker));
  EXPECT_GE(left, 100U);
  EXPECT_GE(await(broker->queues()).at(0).counts.at(JobState::ready), left)
      << "a cancelled one may have gone";
}

}  // namespace
}  // namespace broker_suite

// What comes up on a server only after thousands of jobs, a day, or a mishap.
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/record.hpp"
#include "src/brokers/redis/scripts.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::Command;
using coterie::brokers::redis::Reply;
using coterie::brokers::redis::Script;
using testing::HasSubstr;

class RedisLongLife : public RedisBrokerTest {
 protected:
  static std::vector<JobSpec> jobs(std::size_t count, Milliseconds kept,
                                   const std::string& queue = "default") {
    std::vector<JobSpec> specs;
    for (std::size_t i = 0; i < count; ++i) {
      JobSpec& spec = specs.emplace_back(BrokerSuite::job());
      spec.queue = queue;
      spec.result_ttl = kept;
    }
    return specs;
  }
  /// Runs that many, and gives the last reply.
  CycleReply run(Broker& broker, TestWorker& worker, std::size_t count) {
    CycleRequest request = worker.next(200);
    for (;;) {
      CycleReply reply = await(broker.cycle(request));
      request = worker.next(static_cast<std::uint32_t>(std::min<std::size_t>(200, count)));
      for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "1");
      count -= std::min(count, reply.leases.size());
      if (reply.leases.empty()) return reply;
    }
  }
  Reply eval(const std::string& lua) {
    return broker_suite::administer(server_.url(), Command("EVAL").arg(lua).arg("0"));
  }
  std::int64_t records() { return eval("return #redis.call('KEYS', '{coterie:0}j*')").integer(); }
};

TEST_F(RedisLongLife, WorkDoesNotWaitForWhatIsToBeForgotten) {
  constexpr std::size_t many = 5'000;
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, jobs(many, 1s));
  run(*broker, worker, many);
  clock_.advance(2s);
  enqueue(*broker, jobs(30, 1h));
  CycleRequest request = worker.next(30);
  CycleReply reply = await(broker->cycle(request));
  EXPECT_EQ(reply.leases.size(), 30U);
  EXPECT_GT(records(), 4'000) << "the rest is forgotten beside the next calls";
  request = worker.next(1);
  for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "1");
  for (int calls = 0; calls < 200 && records() > 30; ++calls) {
    reply = await(broker->cycle(request));
    request = worker.next(1);
    ASSERT_TRUE(records() <= 30 || (reply.next_due != 0 && reply.next_due <= reply.now))
        << "a worker that sleeps now leaves the rest where it is";
  }
  EXPECT_EQ(records(), 30);
}

TEST_F(RedisLongLife, NoMoreComesThanIsForgotten) {
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, jobs(4'000, 0s));
  CycleRequest request = worker.next(200);
  for (std::size_t ended = 0; ended < 3'000;) {
    const CycleReply reply = await(broker->cycle(request));
    ended += request.done.size();
    ASSERT_LT(4'000 - records(), static_cast<std::int64_t>(ended) + 1);
    ASSERT_LT(records(), 4'000 - static_cast<std::int64_t>(ended) + 600);
    request = worker.next(200);
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "1");
    ASSERT_FALSE(reply.leases.empty());
    clock_.advance(1ms);
  }
}

TEST_F(RedisLongLife, NumbersOfQueuesAreUsedAgain) {
  damages_keys_ = true;
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, jobs(1, 1h, "kept"));
  administer("HSET {coterie:0}m q 16777214");
  for (const std::string queue : {"one", "two", "three"}) {
    enqueue(*broker, jobs(1, 0s, queue));
    const CycleReply reply = await(broker->cycle(worker.next(1, {queue})));
    ASSERT_EQ(reply.leases.size(), 1U);
    EXPECT_EQ(reply.leases[0].queue, queue);
    CycleRequest request = worker.next();
    request.done.emplace_back(reply.leases[0].ref, "1");
    (void)await(broker->cycle(request));
  }
  enqueue(*broker, jobs(1, 1h, "four"));
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { enqueue(*broker, jobs(1, 1h, "five")); }),
              HasSubstr("it has jobs of 16,777,215 queues"));
}

TEST_F(RedisLongLife, AProcessThatStartsAfterAStepOfTheClockLeavesLeasesToTheirHolders) {
  const auto broker = open();
  TestWorker holder;
  enqueue(*broker, jobs(1, 1h));
  const Lease held = take_one(*broker, holder);
  clock_.step_wall(1h);
  TestWorker other;
  const auto started = open();
  EXPECT_TRUE(await(started->cycle(other.next(1))).leases.empty());
  clock_.advance(29s);
  EXPECT_TRUE(await(started->cycle(other.next(1))).leases.empty());
  clock_.advance(2s);
  EXPECT_EQ(await(started->cycle(other.next(1))).leases.size(), 1U) << "nobody was heard of for a lease";
  EXPECT_EQ(done(*broker, holder, held.ref, "1"), Verdict::fenced);
}

TEST_F(RedisLongLife, WhoWaitsForARetriedJobWaitsForItsNewEnd) {
  constexpr std::size_t many = 130;  // more than are let go at once
  const auto broker = open();
  TestWorker worker;
  const JobSpec first = BrokerSuite::job();
  enqueue(*broker, {first});
  std::vector<JobSpec> waiting = jobs(many, 1h, "other");
  for (JobSpec& spec : waiting) spec.after = {first.id};
  enqueue(*broker, waiting);
  const Lease lease = take_one(*broker, worker);
  CycleRequest request = worker.next();
  request.failed.emplace_back(lease.ref, FailKind::dead, JobError("exception", "once"));
  (void)await(broker->cycle(request));
  EXPECT_TRUE(await(broker->retry({first.id}))[0]);
  JobSpec late = BrokerSuite::job();
  late.queue = "other";
  late.after = {first.id};
  enqueue(*broker, {late});
  for (int i = 0; i < 4; ++i) (void)await(broker->cycle(worker.next()));
  EXPECT_EQ(await(broker->get({late.id}, false))[0]->state, JobState::blocked);
  EXPECT_EQ(done(*broker, worker, take_one(*broker, worker).ref, "1"), Verdict::accepted);
  for (int i = 0; i < 4; ++i) (void)await(broker->cycle(worker.next()));
  for (const JobSpec& spec : waiting)
    EXPECT_EQ(await(broker->get({spec.id}, false))[0]->state, JobState::ready);
  EXPECT_EQ(await(broker->get({late.id}, false))[0]->state, JobState::ready);
}

TEST_F(RedisLongLife, WhatEndsInTheCallThatForgetsIsForgottenToo) {
  const auto broker = open();
  TestWorker worker;
  std::vector<JobSpec> specs = jobs(2, 0s);
  for (JobSpec& spec : specs) spec.expires_at = clock_.wall() + 50;
  specs[1].after = {specs[0].id};
  enqueue(*broker, specs);
  clock_.advance(100ms);
  for (int i = 0; i < 4; ++i) {
    (void)await(broker->cycle(worker.next(1)));
    clock_.advance(1ms);
  }
  EXPECT_EQ(records(), 0);
  EXPECT_EQ(administer("EXISTS {coterie:0}h {coterie:0}Q").integer(), 0);
}

TEST_F(RedisLongLife, IdsWithoutARecordHoldUpNobody) {
  damages_keys_ = true;
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, jobs(100, 1h));
  eval(
      "for _, id in ipairs(redis.call('ZRANGE', '{coterie:0}r1.1', 0, 63)) do "
      "redis.call('DEL', '{coterie:0}j' .. id) end");
  std::size_t got = await(broker->cycle(worker.next(100))).leases.size();
  got += await(broker->cycle(worker.next(100))).leases.size();
  EXPECT_EQ(got, 36U);
}

TEST_F(RedisLongLife, ManyQueuesAreCountedSomeAtATime) {
  const auto broker = open();
  std::vector<JobSpec> specs;
  for (int i = 0; i < 1'000; ++i) specs.push_back(jobs(1, 1h, "queue " + std::to_string(i))[0]);
  enqueue(*broker, specs);
  administer("CONFIG RESETSTAT");
  const std::vector<QueueInfo> queues = await(broker->queues());
  ASSERT_EQ(queues.size(), 1'000U);
  for (const QueueInfo& queue : queues) EXPECT_EQ(queue.counts.at(JobState::ready), 1U) << queue.name;
  const std::string stats = administer("INFO commandstats").string();
  const std::size_t at = stats.find("cmdstat_evalsha:calls=");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stoi(stats.substr(at + 22)), 1000 / 64) << "one script for all keeps the server from others";
}

TEST_F(RedisLongLife, AListWhosePieceIsGoneForgetsOn) {
  damages_keys_ = true;
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, jobs(1, 0s));
  const Lease lease = take_one(*broker, worker);
  administer("DEL {coterie:0}o0");
  EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
  clock_.advance(1ms);
  (void)await(broker->cycle(worker.next(1)));
  EXPECT_EQ(records(), 0);
}

/// The broker's calls leave no room for others between the pages, so this calls the script.
TEST_F(RedisLongLife, ABurialMissesNoLeaseThoughOthersEndMeanwhile) {
  const auto broker = open();
  TestWorker before;
  TestWorker dead("dead", "machine/1/1");
  TestWorker after;
  enqueue(*broker, jobs(192, 1h));
  const CycleReply first = await(broker->cycle(before.next(64)));
  clock_.advance(1ms);
  ASSERT_EQ(await(broker->cycle(dead.next(64))).leases.size(), 64U);
  clock_.advance(1ms);
  ASSERT_EQ(await(broker->cycle(after.next(64))).leases.size(), 64U);
  const std::string incarnation(coterie::brokers::redis::bytes_of(dead.ref().incarnation));
  const auto bury = [&](const std::string& score, const std::string& id) {
    Command command("EVAL");
    command.arg(source_of(Script::bury)).arg("1").arg("{coterie:0}m").arg(clock_.wall()).arg("").arg("0");
    command.arg(score).arg(id).arg("machine/1/").arg(incarnation);
    return broker_suite::administer(server_.url(), std::move(command));
  };
  Reply page = bury("", "");
  CycleRequest ends = before.next();
  for (const Lease& lease : first.leases) ends.done.emplace_back(lease.ref, "1");
  (void)await(broker->cycle(ends));
  while (!page.array().empty()) page = bury(page.at(0).string(), page.at(1).string());
  EXPECT_EQ(administer("ZCARD {coterie:0}l").integer(), 64) << "those of the living";
  EXPECT_EQ(administer("ZCARD {coterie:0}r1.1").integer(), 64);
}

}  // namespace
}  // namespace broker_suite

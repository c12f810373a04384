// What only the broker on Redis has: its server's rights, memory, restarts and scripts.
#include "src/brokers/redis/redis_broker.hpp"

#include <gmock/gmock.h>

#include <set>

#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/record.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::Reply;
using testing::HasSubstr;

TEST_F(RedisBrokerTest, TheUserThatIsAdvisedMayDoAllThatABrokerDoes) {
  std::string advice = coterie::brokers::redis::acl_of_own_user(
      coterie::brokers::redis::settings_of(coterie::brokers::parse_broker_url(server_.url("user=ann"))));
  administer(advice.replace(advice.find(">…"), std::string(">…").size(), ">pw"));
  const auto broker = open("user=ann&password=pw");
  const JobSpec first = BrokerSuite::job();
  JobSpec second = BrokerSuite::job();
  second.after = {first.id};
  enqueue(*broker, {first, second});
  TestWorker worker("ann", this_process());
  EXPECT_EQ(done(*broker, worker, take_one(*broker, worker).ref, "1"), Verdict::accepted);
  EXPECT_EQ(await(broker->get({first.id}, true))[0]->result, "1");
  EXPECT_EQ(await(broker->list(JobFilter{})).jobs.size(), 2U);
  EXPECT_EQ(await(broker->queues()).size(), 1U);
  EXPECT_EQ(await(broker->cancel({second.id}))[0], CancelResult::cancelled);
  EXPECT_TRUE(await(broker->retry({second.id}))[0]);
  EXPECT_TRUE(await(broker->put_note("key", std::nullopt, "value")));
  const std::uint64_t version = await(broker->version());
  EXPECT_EQ(await(broker->changed(version, 1ms)), version);
  EXPECT_EQ(await(broker->purge(JobFilter{})), 1U);
}

TEST_F(RedisBrokerTest, AUserWhoMayLoadNoScriptsIsToldTheCure) {
  administer("ACL SETUSER ann on >pw allkeys allchannels +@all -script|load");
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open("user=ann&password=pw"); }),
              AllOf(HasSubstr(server_.socket()), HasSubstr("allow it, as by ACL SETUSER ann +@string ")));
}

TEST_F(RedisBrokerTest, AMasterThatLacksReplicasSaysSo) {
  administer("CONFIG SET min-replicas-to-write 1");
  const auto broker = open();
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { enqueue(*broker, {BrokerSuite::job()}); }),
              HasSubstr("fewer replicas than its min-replicas-to-write wants and takes no writes"));
  EXPECT_TRUE(await(broker->queues()).empty());
}

// A script that is refused in its middle has written its beginning, and a job may lie on record that no
// stream holds.
TEST_F(RedisBrokerTest, AUserWhoMayNotRunWhatScriptsCallIsRefusedBeforeAnythingIsWritten) {
  administer("ACL SETUSER ann on >pw ~* &* +@all -zadd -unlink");
  EXPECT_THAT(
      refusal<BadBroker>([&] { (void)open("user=ann&password=pw"); }),
      HasSubstr(
          "this user may not run UNLINK, ZADD on {coterie:0}*, as the queue's scripts do: allow it, as by "
          "ACL SETUSER ann"));
}

TEST_F(RedisBrokerTest, AtFullMemoryAnEnqueueIsRefusedAndWorkersGoOn) {
  const auto broker = open();
  const JobSpec spec = BrokerSuite::job();
  enqueue(*broker, {spec});
  administer("CONFIG SET maxmemory 1");
  const JobSpec late = BrokerSuite::job();
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { enqueue(*broker, {late}); }),
              HasSubstr("its memory is full; nothing was written: raise maxmemory"));
  TestWorker worker;
  EXPECT_EQ(done(*broker, worker, take_one(*broker, worker).ref, "7"), Verdict::accepted);
  EXPECT_EQ(await(broker->get({spec.id}, true))[0]->result, "7");
  EXPECT_EQ(await(broker->purge(JobFilter{})), 1U);
  administer("CONFIG SET maxmemory 0");
  EXPECT_EQ(enqueue(*broker, {late}), std::vector{Enqueued::created});
}

TEST_F(RedisBrokerTest, AServerThatThrowsKeysAwayIsRefusedUnlessLossIsAccepted) {
  administer("CONFIG SET maxmemory-policy allkeys-lru");
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open(); }), HasSubstr("its maxmemory-policy is allkeys-lru"));
  EXPECT_EQ(refusal<BadBroker>([&] { (void)open("accept_loss=yes"); }), "no error");
}

// As a replica that was promoted may, or a master of a cluster that the first call did not need.
TEST_F(RedisBrokerTest, EveryNewConnectionIsToAServerThatThrowsNothingAway) {
  const auto broker = open();
  administer("CONFIG SET maxmemory-policy allkeys-lru");
  administer("CLIENT KILL TYPE normal");
  std::string said;
  while (said.empty()) {
    try {
      enqueue(*broker, {BrokerSuite::job()});
      said = "it was taken";
    } catch (const BrokerUnavailable&) {  // the old connection's end
    } catch (const BadBroker& error) {
      said = error.what();
    }
  }
  EXPECT_THAT(said, HasSubstr("its maxmemory-policy is allkeys-lru"));
  EXPECT_THAT(said, HasSubstr("set it to noeviction, or say ?accept_loss=yes"));
}

TEST_F(RedisBrokerTest, ScriptsThatTheServerLostAreGivenToItAgain) {
  const auto broker = open();
  administer("SCRIPT FLUSH");
  EXPECT_EQ(enqueue(*broker, {BrokerSuite::job()}), std::vector{Enqueued::created});
}

TEST_F(RedisBrokerTest, AnotherLayoutIsRefused) {
  const auto broker = open();
  for (const char* version : {"2", "99"}) {  // an older one, and one that is still to come
    administer(std::string("HSET {coterie:0}m v ") + version);
    EXPECT_THAT(
        refusal<BadBroker>([&] { enqueue(*broker, {BrokerSuite::job()}); }),
        HasSubstr("was made by another version of coterie: use that one, or choose another ?namespace="));
  }
}

TEST_F(RedisBrokerTest, NamespacesAreApart) {
  const auto ours = open();
  const auto theirs = open("namespace=other");
  enqueue(*ours, {BrokerSuite::job()});
  EXPECT_TRUE(await(theirs->queues()).empty());
  TestWorker worker;
  EXPECT_TRUE(await(theirs->cycle(worker.next(1))).leases.empty());
}

TEST_F(RedisBrokerTest, ADamagedAttemptHidesNeitherTheOthersNorOtherJobs) {
  damages_keys_ = true;
  const auto broker = open();
  std::vector<JobSpec> specs{BrokerSuite::job(), BrokerSuite::job()};
  specs[0].attempts.resize(4);
  for (Attempt& attempt : specs[0].attempts) attempt.error = JobError("exit", "no");
  enqueue(*broker, specs);
  const std::string key = "{coterie:0}x" + std::string(coterie::brokers::redis::bytes_of(specs[0].id));
  coterie::brokers::redis::Command spoil("HSET");
  spoil.arg(key).arg("a0").arg("").arg("a1").arg("short").arg("a2").arg(std::string(15, '\1') + "w");
  broker_suite::administer(server_.url(), std::move(spoil));
  JobFilter filter;
  filter.bodies = true;
  const std::vector<JobInfo> jobs = await(broker->list(filter)).jobs;
  ASSERT_EQ(jobs.size(), 2U);
  const std::vector<Attempt>& kept = jobs[0].attempts;
  ASSERT_EQ(kept.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(kept[i].error.type, "damaged") << i;
  EXPECT_EQ(kept[3].error.type, "exit");
  EXPECT_EQ(await(broker->get({specs[0].id}, true))[0].value().attempts.size(), 4U);
  EXPECT_EQ(await(broker->export_jobs({specs[0].id}, true))[0].value().spec.attempts.size(), 4U);
}

TEST_F(RedisBrokerTest, LongBodiesComeBackAndGoWithTheirJob) {
  const auto broker = open();
  JobSpec spec = BrokerSuite::job();
  spec.payload = '"' + std::string(300'000, 'p') + '"';
  const std::string result = '"' + std::string(400'000, 'r') + '"';
  enqueue(*broker, {spec, BrokerSuite::job()});
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  EXPECT_EQ(lease.payload, spec.payload);
  EXPECT_EQ(done(*broker, worker, lease.ref, result), Verdict::accepted);
  const std::optional<JobInfo> info = await(broker->get({spec.id}, true))[0];
  EXPECT_EQ(info->payload, spec.payload);
  EXPECT_EQ(info->result, result);
  EXPECT_EQ(await(broker->purge(JobFilter{})), 1U);
  EXPECT_TRUE(administer("KEYS {coterie:0}[bs]*").array().empty());
}

TEST_F(RedisBrokerTest, MaxBytesBoundsLongPayloadsAcrossScripts) {
  const auto broker = open();
  std::vector<JobSpec> specs(100);
  for (JobSpec& spec : specs) {
    spec = BrokerSuite::job();
    spec.payload = '"' + std::string(19'998, 'p') + '"';
  }
  await(broker->enqueue(specs));
  TestWorker worker;
  CycleRequest request = worker.next(100);
  request.max_bytes = 1'500'000;
  EXPECT_EQ(await(broker->cycle(std::move(request))).leases.size(), 75U);
}

TEST_F(RedisBrokerTest, AJobMayWaitForThousands) {
  const auto broker = open();
  std::vector<JobSpec> specs(1500);
  JobSpec last("last");
  last.id = new_uuid();
  for (JobSpec& spec : specs) {
    spec = BrokerSuite::job();
    last.after.push_back(spec.id);
  }
  specs.push_back(last);
  await(broker->enqueue(specs));
  EXPECT_EQ(await(broker->get({last.id}, false))[0]->waits_for, 1500U);
  EXPECT_EQ(await(broker->enqueue(specs)).back(), Enqueued::exists);
  const std::vector<JobId> but_one(last.after.begin(), last.after.end() - 1);
  await(broker->cancel(but_one));
  EXPECT_EQ(await(broker->get({last.id}, false))[0]->waits_for, 1U);
  await(broker->cancel({last.after.back()}));
  EXPECT_EQ(await(broker->get({last.id}, false))[0]->state, JobState::ready);
}

TEST_F(RedisBrokerTest, ManyMayWaitForOne) {
  const auto broker = open();
  const JobSpec first = BrokerSuite::job();
  std::vector<JobSpec> specs{first};
  for (int i = 0; i < 500; ++i) {
    specs.push_back(BrokerSuite::job());
    specs.back().after = {first.id};
  }
  await(broker->enqueue(specs));
  await(broker->cancel({first.id}));
  TestWorker worker;
  std::size_t taken = 0;
  for (int calls = 0; calls < 20 && taken < 500; ++calls)
    taken += await(broker->cycle(worker.next(100))).leases.size();
  EXPECT_EQ(taken, 500U);
}

TEST_F(RedisBrokerTest, WhatHasPassedLeavesNothingBehind) {
  const auto broker = open();
  for (int round = 0; round < 3; ++round) {
    std::vector<JobSpec> specs(200);
    for (JobSpec& spec : specs) {
      spec = BrokerSuite::job();
      spec.result_ttl = 1s;
      spec.queue = "round " + std::to_string(round);
    }
    await(broker->enqueue(specs));
    TestWorker worker;
    CycleReply reply = await(broker->cycle(worker.next(200, {"round " + std::to_string(round)})));
    CycleRequest request = worker.next();
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "null");
    ASSERT_EQ(await(broker->cycle(std::move(request))).done.size(), 200U);
  }
  clock_.advance(2 * id_known_for);
  TestWorker last;
  for (int calls = 0; calls < 40; ++calls) await(broker->cycle(last.next()));
  std::set<std::string> left;
  const Reply keys = administer("KEYS *");
  for (const Reply& key : keys.array())
    left.insert(key.string().substr(std::string("{coterie:0}").size(), 1));
  // Counters, and workers: those go by Redis' own clock a day after their last call.
  EXPECT_EQ(left, (std::set<std::string>{"m", "w"}));
}

class RedisThatSyncs : public RedisBrokerTest {
 protected:
  RedisThatSyncs() : RedisBrokerTest({"--appendonly", "yes", "--appendfsync", "always"}) {}
};

TEST_F(RedisThatSyncs, AKilledServerComesBackWithEveryJobAndLease) {
  const auto broker = open();
  const JobSpec running = BrokerSuite::job();
  const JobSpec waiting = BrokerSuite::job();
  enqueue(*broker, {running, waiting});
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  server_.restart();
  EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
  EXPECT_EQ(take_one(*broker, worker).ref.id, waiting.id);
}

}  // namespace
}  // namespace broker_suite

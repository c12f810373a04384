// A queue over several shards of one server: how many there are, what goes where, and who is woken.
#include "tests/brokers/redis_shards.hpp"

#include <algorithm>
#include <set>
#include <thread>

#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Milliseconds for_ever{std::chrono::minutes(10)};
constexpr std::uint32_t in_turn[] = {2, 0, 3, 1, 2};

TEST_F(RedisShardsTest, AnotherNumberOfShardsIsRefusedWithTheNumberAndTheCure) {
  enqueue(*open("shards=4"), {BrokerSuite::job()});
  const std::string said = refusal<BadBroker>([&] { (void)open("shards=8"); });
  EXPECT_THAT(said, HasSubstr("has 4 shards, and the URL says 8: say ?shards=4 or nothing, or choose another "
                              "?namespace=, where `coterie move` takes its jobs"));
  EXPECT_THAT(said, testing::Not(HasSubstr("\n")));
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open("shards=1"); }), HasSubstr("has 4 shards"));
}

TEST_F(RedisShardsTest, WhoSaysNoNumberFindsTheQueueAsItIs) {
  const auto early = open();
  const JobSpec spec = job_in(3);
  enqueue(*open("shards=4"), {spec});
  EXPECT_EQ(state(*open(), spec.id), JobState::ready);
  EXPECT_THAT(refusal<BadBroker>([&] { (void)state(*early, spec.id); }),
              HasSubstr("has 4 shards since just now: open it again"));
  EXPECT_THAT(refusal<BadBroker>([&] { (void)await(early->queues()); }), HasSubstr("has 4 shards"));
}

TEST_F(RedisShardsTest, WhoOnlyLooksDecidesNothing) {
  const auto looks = open();
  EXPECT_TRUE(await(looks->queues()).empty());
  EXPECT_TRUE(await(looks->list({})).jobs.empty());
  EXPECT_TRUE(await(looks->paused()).empty());
  (void)await(looks->version());
  EXPECT_FALSE(await(looks->get_note("key")));
  EXPECT_EQ(administer("DBSIZE").integer(), 0);
  const JobSpec spec = job_in(3);
  enqueue(*open("shards=4"), {spec});
  EXPECT_EQ(state(*open(), spec.id), JobState::ready);
}

TEST_F(RedisShardsTest, AWorkerThatWaitsDecidesNothingAndIsToldWhenItIsDecided) {
  const auto waits = open();
  TestWorker worker;
  EXPECT_TRUE(take(*waits, worker, 1).empty());
  const auto same = open("shards=4");
  TestWorker other;
  EXPECT_TRUE(take(*same, other, 1).empty());
  const JobSpec spec = job_in(3);
  enqueue(*open("shards=4"), {spec});
  EXPECT_THAT(refusal<BadBroker>([&] { (void)take(*waits, worker, 1); }),
              HasSubstr("has 4 shards since just now: open it again"));
  EXPECT_EQ(take(*same, other, 1).at(0).ref.id, spec.id);
}

TEST_F(RedisShardsTest, APauseAndANoteAreFoundAgain) {
  await(open("shards=4")->pause("default"));
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open("shards=1"); }), HasSubstr("has 4 shards"));
  EXPECT_EQ(await(open()->paused()), std::vector<std::string>{"default"});
  EXPECT_TRUE(await(open("shards=2&namespace=notes")->put_note("key", std::nullopt, "1")));
  EXPECT_EQ(await(open("namespace=notes")->get_note("key")), "1");
}

TEST_F(RedisShardsTest, WhatWasMadeBeforeThereWasANumberHasOneShard) {
  const auto old = open();
  enqueue(*old, {BrokerSuite::job()});
  EXPECT_EQ(administer("HDEL {coterie:0}m S").integer(), 1);
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open("shards=2"); }), HasSubstr("has 1 shard, and"));
  EXPECT_EQ(await(open()->queues()).size(), 1U);
}

TEST_F(RedisShardsTest, JobsStandInTheirShardsAndPagesGoThroughAllOfThem) {
  const auto broker = open("shards=4");
  std::set<JobId> ids;
  for (int i = 0; i < 100; ++i) {
    const JobSpec spec = BrokerSuite::job();
    ids.insert(spec.id);
    enqueue(*broker, {spec});
  }
  for (const std::uint32_t limit : {1U, 3U, 10U, 64U, 1000U}) {
    JobFilter filter;
    filter.limit = limit;
    std::vector<JobId> seen;
    for (;;) {
      const JobPage page = await(broker->list(filter));
      EXPECT_LE(page.jobs.size(), limit);
      for (const JobInfo& info : page.jobs) seen.push_back(info.id);
      if (page.next == 0) break;
      filter.after = page.next;
    }
    EXPECT_EQ(seen.size(), ids.size()) << "each once, with pages of " << limit;
    EXPECT_EQ(std::set<JobId>(seen.begin(), seen.end()), ids);
  }
  const std::vector<QueueInfo> queues = await(broker->queues());
  ASSERT_EQ(queues.size(), 1U);
  EXPECT_EQ(queues[0].counts.at(JobState::ready), 100U);
}

// A page begun before others come, go, or end still goes on where it was.
TEST_F(RedisShardsTest, APageGoesOnWhereTheLastOneEndedWhateverHasChanged) {
  const auto broker = open("shards=4");
  std::set<JobId> ids;
  for (int i = 0; i < 40; ++i) {
    const JobSpec spec = BrokerSuite::job();
    ids.insert(spec.id);
    enqueue(*broker, {spec});
  }
  JobFilter filter;
  filter.limit = 7;
  std::vector<JobId> seen;
  TestWorker worker;
  for (;;) {
    const JobPage page = await(broker->list(filter));
    for (const JobInfo& info : page.jobs)
      if (ids.contains(info.id)) seen.push_back(info.id);
    if (page.next == 0) break;
    filter.after = page.next;
    enqueue(*broker, {BrokerSuite::job()});
    for (const Lease& lease : take(*broker, worker, 2)) done(*broker, worker, lease.ref, "1");
  }
  EXPECT_EQ(seen.size(), ids.size());
}

TEST_F(RedisShardsTest, AWorkerThatSleepsIsWokenByAJobInAnyShard) {
  const auto broker = open("shards=4");
  await([](Broker& at) -> Task<void> {
    TestWorker worker;
    // Until its process listens everywhere it is told to look again.
    for (int quiet = 0; quiet < 2;) {
      CycleRequest ask = worker.next(1);
      const CycleReply reply = co_await at.cycle(std::move(ask));
      EXPECT_TRUE(reply.leases.empty());
      const std::uint64_t seen = co_await at.changed_for(worker.ref().incarnation, reply.version, 300ms);
      quiet = seen == reply.version ? quiet + 1 : 0;
    }
    for (const std::uint32_t shard : in_turn) {
      coterie::JoinHandle<std::uint64_t> waiting =
          coterie::spawn(&Broker::changed_for, &at, worker.ref().incarnation, std::uint64_t{0}, for_ever);
      co_await coterie::yield();
      std::vector<JobSpec> specs(1, job_in(shard));
      const JobId id = specs[0].id;
      (void)co_await at.enqueue(std::move(specs));
      const std::uint64_t told = co_await waiting;
      EXPECT_NE(told, 0U);
      CycleRequest ask = worker.next(1);
      const CycleReply taken = co_await at.cycle(std::move(ask));
      EXPECT_EQ(taken.leases.size(), 1U);
      if (taken.leases.size() != 1) co_return;
      EXPECT_EQ(taken.leases[0].ref.id, id);
      CycleRequest end = worker.next(1);
      end.done.emplace_back(taken.leases[0].ref, std::string("null"));
      const CycleReply ended = co_await at.cycle(std::move(end));
      EXPECT_EQ(ended.done.at(0), Verdict::accepted);
    }
  }(*broker));
}

TEST_F(RedisShardsTest, AShardOfWhichNobodyIsToldAnyMoreIsServedWithinTwoLeases) {
  const auto broker = open("shards=4");
  await([](RedisShardsTest& test, Broker& at) -> Task<void> {
    TestWorker worker;
    for (int quiet = 0; quiet < 2;) {
      CycleRequest ask = worker.next(1);
      const CycleReply reply = co_await at.cycle(std::move(ask));
      const std::uint64_t seen = co_await at.changed_for(worker.ref().incarnation, reply.version, 300ms);
      quiet = seen == reply.version ? quiet + 1 : 0;
    }
    // The list of sleepers of one shard is lost, and with it the place of this worker.
    std::thread([&] { test.administer("DEL {coterie:2}A"); }).join();
    std::vector<JobSpec> specs(1, job_in(2));
    (void)co_await at.enqueue(std::move(specs));
    Milliseconds waited{0};
    for (std::size_t got = 0; got == 0; waited += worker.lease / 3) {
      EXPECT_LE(waited, 2 * worker.lease);
      if (waited > 2 * worker.lease) co_return;
      test.clock_.advance(worker.lease / 3);
      CycleRequest ask = worker.next(1);
      const CycleReply reply = co_await at.cycle(std::move(ask));
      got = reply.leases.size();
    }
  }(*this, *broker));
}

// Its home is somewhere, but it does nothing.
TEST_F(RedisShardsTest, AJobInAShardWhereNobodyOfItsOwnWorksIsTaken) {
  const auto broker = open("shards=4");
  TestWorker idlers[3];
  for (TestWorker& idler : idlers) (void)take(*broker, idler, 1);
  TestWorker worker;
  (void)take(*broker, worker, 1);
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    const JobSpec spec = job_in(shard);
    enqueue(*broker, {spec});
    EXPECT_EQ(ids_of(take(*broker, worker, 1)), std::vector{spec.id});
  }
}

// What is kept of too many must be the newest, wherever it stands.
TEST_F(RedisShardsTest, APurgeForgetsTheOldestOfAllShardsFirst) {
  const auto broker = open("shards=4");
  std::vector<JobId> ids;
  for (std::uint32_t i = 0; i < 2 * shards; ++i) {
    const JobSpec spec = job_in(i % shards);
    ids.push_back(spec.id);
    enqueue(*broker, {spec});
  }
  (void)await(broker->cancel(ids));
  JobFilter filter;
  const auto expect_left = [&](std::size_t oldest) {
    const std::vector<std::optional<JobInfo>> infos = await(broker->get(ids, false));
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(infos[i].has_value(), i >= oldest) << i;
  };
  filter.limit = 5;
  filter.state = JobState::cancelled;
  EXPECT_EQ(await(broker->purge(filter)), 5U);
  expect_left(5);
  filter.limit = 2;
  filter.state.reset();
  EXPECT_EQ(await(broker->purge(filter)), 2U);
  expect_left(7);
  EXPECT_EQ(await(broker->purge(filter)), 1U);
}

TEST_F(RedisShardsTest, NotesStandInShardsToo) {
  const auto broker = open("shards=4");
  for (int i = 0; i < 20; ++i) {
    const std::string key = "note" + std::to_string(i);
    EXPECT_TRUE(await(broker->put_note(key, std::nullopt, "1")));
    EXPECT_EQ(await(open("shards=4")->get_note(key)), "1");
  }
}

TEST_F(RedisShardsTest, AProcessHasTwoConnectionsHoweverManyShards) {
  const auto broker = open("shards=16");
  await([](RedisShardsTest& test, Broker& at) -> Task<void> {
    TestWorker worker;
    CycleRequest ask = worker.next(1);
    const CycleReply reply = co_await at.cycle(std::move(ask));
    (void)co_await at.changed_for(worker.ref().incarnation, reply.version, 300ms);
    const std::uint64_t version = co_await at.version();
    (void)co_await at.changed(version, 300ms);
    std::string clients;
    std::thread([&] { clients = test.administer("CLIENT LIST TYPE normal").string(); }).join();
    std::string listening;
    std::thread([&] { listening = test.administer("CLIENT LIST TYPE pubsub").string(); }).join();
    EXPECT_EQ(std::count(listening.begin(), listening.end(), '\n'), 1) << listening;
    EXPECT_EQ(std::count(clients.begin(), clients.end(), '\n'), 2)
        << "ours and the administrator's: " << clients;
  }(*this, *broker));
}

}  // namespace
}  // namespace broker_suite

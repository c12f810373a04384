// A queue over several shards of one server: how many there are, what goes where, who is woken, and jobs that
// wait for others elsewhere.
#include "src/brokers/redis/shards.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "coterie/cancel.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "src/brokers/redis/routing.hpp"
#include "src/brokers/redis/servers.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::bytes_of;
using coterie::brokers::redis::FarJob;
using coterie::brokers::redis::Letter;
using coterie::brokers::redis::shard_of;
using coterie::brokers::redis::Shards;
using testing::HasSubstr;

constexpr Milliseconds for_ever{std::chrono::minutes(10)};
constexpr std::uint32_t shards = 4;
constexpr std::uint32_t in_turn[] = {2, 0, 3, 1, 2};

class RedisShardsTest : public RedisBrokerTest {
 public:
  using RedisBrokerTest::administer;
  using RedisBrokerTest::clock_;

 protected:
  /// A job whose id belongs to that shard.
  static JobSpec job_in(std::uint32_t shard, const char* name = "noop") {
    JobSpec spec = BrokerSuite::job(name);
    while (shard_of(spec.id, shards) != shard) spec.id = new_uuid();
    return spec;
  }
  JobState state(Broker& broker, const JobId& id) {
    return await(broker.get({id}, false)).at(0).value().state;
  }
  std::vector<Lease> take(Broker& broker, TestWorker& worker, std::uint32_t want) {
    return await(broker.cycle(worker.next(want))).leases;
  }
};

TEST_F(RedisShardsTest, AnotherNumberOfShardsIsRefusedWithTheNumberAndTheCure) {
  (void)open("shards=4");
  const std::string said = refusal<BadBroker>([&] { (void)open("shards=8"); });
  EXPECT_THAT(said, HasSubstr("has 4 shards, and the URL says 8: say ?shards=4 or nothing"));
  EXPECT_THAT(said, testing::Not(HasSubstr("\n")));
  EXPECT_THAT(refusal<BadBroker>([&] { (void)open("shards=1"); }), HasSubstr("has 4 shards"));
}

TEST_F(RedisShardsTest, WhoSaysNoNumberFindsTheQueueAsItIs) {
  const auto made = open("shards=4");
  const auto found = open();
  const JobSpec spec = job_in(3);
  enqueue(*made, {spec});
  EXPECT_EQ(state(*found, spec.id), JobState::ready);
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

// Dependencies across shards ------------------------------------------------------------------------------

/// The steps between two shards, each by itself, so that whoever does them can be lost after any.
class RedisFarTest : public RedisShardsTest {
 protected:
  using Body = std::function<Task<void>(Shards& all)>;
  void with_shards(const Body& body) {
    namespace redis = coterie::brokers::redis;
    const redis::Settings settings =
        redis::settings_of(coterie::brokers::parse_broker_url(server_.url("shards=4")));
    const auto work = [](const redis::Settings& at, ClockSource clock, const Body& what) -> Task<void> {
      const std::unique_ptr<redis::Servers> servers = redis::make_servers(at);
      co_await servers->open();
      Shards all(*servers, Limits{}, std::move(clock));
      co_await all.open();
      co_await what(all);
      co_await servers->close();
      co_await all.close();
    };
    EXPECT_EQ(coterie::run(work(settings, clock_.source(), body)), 0);
  }
  /// The first `steps` of what is to be carried from a shard.
  static Task<void> carry(Shards& all, std::uint32_t from, int steps) {
    if (steps < 1) co_return;
    const std::vector<Letter> letters = co_await all.at(from).outbox(1s);
    EXPECT_EQ(letters.size(), 1U);
    for (const Letter& letter : letters) {
      if (steps < 2) co_return;
      const std::vector<Letter> one(1, letter);
      const std::string answer = co_await all.at(letter.to).deliver(from, one);
      if (steps < 3) co_return;
      co_await all.at(from).delivered(one, answer);
    }
  }
  /// Some seconds later a worker comes by that knows nothing of it.
  void somebody_works_later(Broker& broker) {
    clock_.advance(6s);
    TestWorker other;
    CycleRequest request = other.next(1);
    request.queues = {"nothing"};
    (void)await(broker.cycle(std::move(request)));
  }
  void expect_nothing_left_to_carry() {
    for (std::uint32_t shard = 0; shard < shards; ++shard)
      EXPECT_EQ(administer("EXISTS {coterie:" + std::to_string(shard) + "}X").integer(), 0)
          << "shard " << shard;
  }
};

TEST_F(RedisFarTest, AJobWaitsForJobsInOtherShards) {
  const auto broker = open("shards=4");
  const JobSpec here = job_in(0, "dependency");
  const JobSpec there = job_in(1, "dependency");
  const JobSpec far = job_in(2, "dependency");
  JobSpec last = job_in(1, "last");
  last.after = {here.id, there.id, far.id};
  enqueue(*broker, {far, here, there, last});
  EXPECT_EQ(await(broker->get({last.id}, false)).at(0)->waits_for, 3U);
  TestWorker worker;
  std::vector<Lease> leases = take(*broker, worker, 10);
  ASSERT_EQ(leases.size(), 3U);
  for (std::uint32_t left = 3; left > 0; --left) {
    EXPECT_EQ(state(*broker, last.id), JobState::blocked);
    EXPECT_EQ(await(broker->get({last.id}, false)).at(0)->waits_for, left);
    done(*broker, worker, leases[left - 1].ref, "1");
  }
  EXPECT_EQ(state(*broker, last.id), JobState::ready);
  expect_nothing_left_to_carry();
}

TEST_F(RedisFarTest, AnUnknownJobInAnotherShardIsRefusedBeforeAnythingIsWritten) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(1);
  JobSpec second = job_in(2);
  second.after = {job_in(3).id};
  EXPECT_THROW(enqueue(*broker, {first, second}), BadRequest);
  EXPECT_FALSE(await(broker->get({first.id}, false)).at(0));
}

TEST_F(RedisFarTest, WhoRegistersADependencyMayBeLostAfterAnyStep) {
  for (const int steps : {0, 1, 2, 3}) {
    for (const bool ended_meanwhile : {false, true}) {
      SCOPED_TRACE("lost after step " + std::to_string(steps) + (ended_meanwhile ? ", it ended then" : ""));
      administer("FLUSHALL");
      const auto broker = open("shards=4");
      const JobSpec first = job_in(0, "first");
      const JobSpec second = job_in(1, "second");
      enqueue(*broker, {first});
      TestWorker worker;
      const Lease lease = take_one(*broker, worker);
      with_shards([&](Shards& all) -> Task<void> {
        std::vector<JobSpec> jobs(1, second);
        std::vector<std::vector<FarJob>> far(1);
        far[0].emplace_back(0, first.id);
        (void)co_await all.at(1).enqueue_far(jobs, far);
        co_await carry(all, 1, steps);
      });
      EXPECT_EQ(state(*broker, second.id), JobState::blocked);
      if (ended_meanwhile) {
        EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
      }
      somebody_works_later(*broker);
      if (!ended_meanwhile) {
        EXPECT_EQ(state(*broker, second.id), JobState::blocked);
        EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
      }
      EXPECT_EQ(state(*broker, second.id), JobState::ready);
      expect_nothing_left_to_carry();
    }
  }
}

TEST_F(RedisFarTest, WhoTellsThatADependencyHasEndedMayBeLostAfterAnyStep) {
  for (const int steps : {0, 1, 2, 3}) {
    SCOPED_TRACE("lost after step " + std::to_string(steps));
    administer("FLUSHALL");
    const auto broker = open("shards=4");
    const JobSpec first = job_in(0, "first");
    JobSpec second = job_in(1, "second");
    second.after = {first.id};
    enqueue(*broker, {first, second});
    TestWorker worker;
    const Lease lease = take_one(*broker, worker);
    CycleRequest end = worker.next();
    end.done.emplace_back(lease.ref, "1");
    with_shards([&](Shards& all) -> Task<void> {
      coterie::brokers::redis::Turn turn;
      const CycleReply reply = co_await all.at(0).cycle(end, turn);
      EXPECT_EQ(reply.done.at(0), Verdict::accepted);
      co_await carry(all, 0, steps);
    });
    EXPECT_EQ(state(*broker, second.id), steps < 2 ? JobState::blocked : JobState::ready);
    somebody_works_later(*broker);
    EXPECT_EQ(state(*broker, second.id), JobState::ready);
    expect_nothing_left_to_carry();
  }
}

// What is carried twice, or comes late, frees nobody who still waits for another one.
TEST_F(RedisFarTest, ALetterThatComesAgainChangesNothing) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(0, "first");
  const JobSpec other = job_in(2, "other");
  JobSpec last = job_in(1, "last");
  last.after = {first.id, other.id};
  enqueue(*broker, {first, other, last});
  EXPECT_EQ(await(broker->cancel({first.id})).at(0), CancelResult::cancelled);
  const std::string ended =
      "E" + std::string(bytes_of(last.id)) + std::string("\1\0", 2) + std::string(bytes_of(first.id));
  with_shards([&](Shards& all) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const std::vector<Letter> letters(1, Letter(1, ended));
      const std::string answer = co_await all.at(1).deliver(0, letters);
      EXPECT_EQ(answer, "o");
    }
  });
  EXPECT_EQ(state(*broker, last.id), JobState::blocked);
  EXPECT_EQ(await(broker->cancel({other.id})).at(0), CancelResult::cancelled);
  EXPECT_EQ(state(*broker, last.id), JobState::ready);
}

// A batch goes to its shards at once, so the other's part may be written later, or never.
TEST_F(RedisFarTest, AJobWaitsForOneThatIsNotWrittenYet) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(0, "first");
  const JobSpec second = job_in(1, "second");
  with_shards([&](Shards& all) -> Task<void> {
    std::vector<JobSpec> jobs(1, second);
    std::vector<std::vector<FarJob>> far(1);
    far[0].emplace_back(0, first.id);
    (void)co_await all.at(1).enqueue_far(jobs, far);
    co_await carry(all, 1, 3);
  });
  EXPECT_EQ(state(*broker, second.id), JobState::blocked);
  enqueue(*broker, {first});
  somebody_works_later(*broker);
  somebody_works_later(*broker);
  EXPECT_EQ(state(*broker, second.id), JobState::blocked);
  EXPECT_EQ(await(broker->cancel({first.id})).at(0), CancelResult::cancelled);
  EXPECT_EQ(state(*broker, second.id), JobState::ready);
}

}  // namespace
}  // namespace broker_suite

// redis+cluster:// on real clusters: slots that move, masters that die, what users are told.
#include "tests/brokers/redis_cluster.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <set>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "src/brokers/redis/slots.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_jobs.hpp"
#include "tests/support/runtime.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::Outcome;
using coterie::outcome;
using coterie::sleep;
using coterie::spawn;
using coterie::brokers::redis::slot_of;
using coterie::test::end_of;
using testing::HasSubstr;

/// Runs all that is there, and counts what each job was run.
Task<void> work_until(std::shared_ptr<Broker> broker, std::multiset<JobId>* runs, std::size_t count) {
  WorkerOptions options;
  options.concurrency(8);
  Worker worker(broker, options);
  worker.handle_raw("count", [runs](JobContext& job, std::string) -> Task<std::string> {
    runs->insert(job.id());
    co_return std::string("1");
  });
  auto serving = spawn(&Worker::serve, &worker);
  while (runs->size() < count) co_await sleep(1ms);
  worker.drain();
  co_await serving.wait();
}

std::string refusal_of(const std::string& url) {
  try {
    (void)open_broker(url);
  } catch (const QueueError& error) {
    return error.what();
  }
  return "(opened)";
}

/// Of a queue with one shard.
std::uint16_t slot_in_use() {
  return slot_of("{coterie:0}m");
}

TEST(RedisCluster, JobsAreEnqueuedAndRun) {
  const RedisCluster cluster;
  std::multiset<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1"));
    EXPECT_EQ(broker->url(), cluster.url());
    (void)co_await broker->enqueue(some_jobs(200));
    co_await work_until(broker, &runs, 200);
    EXPECT_NE(cluster.tell(cluster.owner(slot_in_use()), "DBSIZE").integer(), 0);
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisCluster, OneNodeOfTheUrlIsEnough) {
  RedisCluster cluster;
  const std::size_t other = (cluster.owner(slot_in_use()) + 1) % 3;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker =
        open_broker("redis+cluster://127.0.0.1:1," + cluster.place(other) + "?shards=1");
    (void)co_await broker->enqueue(some_jobs(1));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

bool is_listened_to(const RedisCluster& cluster, std::size_t node) {
  // Messages of other nodes are passed on to those who listen, but only the node itself is asked here.
  return !cluster.tell(node, "PUBSUB SHARDCHANNELS {coterie:0}y*").array().empty();
}

TEST(RedisCluster, ASlotThatWasMovedIsFollowed) {
  const RedisCluster cluster;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1"));
    const std::uint16_t slot = slot_in_use();
    const std::size_t from = cluster.owner(slot);
    const std::size_t to = (from + 1) % 3;
    std::multiset<JobId> runs;
    Worker worker(broker);
    worker.handle_raw("count", [&runs](JobContext& job, std::string) -> Task<std::string> {
      runs.insert(job.id());
      co_return std::string("1");
    });
    auto serving = spawn(&Worker::serve, &worker);
    (void)co_await broker->enqueue(some_jobs(100));
    while (runs.size() < 100 || !is_listened_to(cluster, from)) co_await sleep(1ms);
    cluster.move(slot, from, to);
    // Nobody tells but the old node, which is asked first.
    (void)co_await broker->enqueue(some_jobs(50));
    while (runs.size() < 150 || !is_listened_to(cluster, to)) co_await sleep(1ms);
    EXPECT_EQ(cluster.owner(slot, to), to);
    EXPECT_EQ(cluster.tell(from, "DBSIZE").integer(), 0);
    EXPECT_FALSE(is_listened_to(cluster, from));
    EXPECT_EQ(std::set<JobId>(runs.begin(), runs.end()).size(), 150U);
    worker.drain();
    co_await serving.wait();
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

/// All keys of a slot, at the two nodes that share it, with what they hold.
std::map<std::string, std::string> contents(const RedisCluster& cluster, std::uint16_t slot,
                                            std::vector<std::size_t> nodes) {
  std::map<std::string, std::string> found;
  for (const std::size_t i : nodes) {
    const Reply keys = cluster.tell(i, "CLUSTER GETKEYSINSLOT " + std::to_string(slot) + " 100000");
    Command command("DEBUG");
    command.arg("DIGEST-VALUE");
    for (const Reply& key : keys.array()) command.arg(key.string());
    const Reply digests = cluster.tell(i, command);
    for (std::size_t k = 0; k < keys.array().size(); ++k) found[keys.at(k).string()] = digests.at(k).string();
  }
  return found;
}

TEST(RedisCluster, WhileASlotIsBeingMovedNoScriptWritesAnything) {
  const RedisCluster cluster;
  std::multiset<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> patient = open_broker(cluster.url("shards=1"));
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1&command_timeout_ms=500"));
    const std::vector<JobSpec> early = some_jobs(100);
    const std::vector<JobSpec> late = some_jobs(1);
    (void)co_await broker->enqueue(early);
    TestWorker worker;
    const std::uint16_t slot = slot_in_use();
    const std::size_t from = cluster.owner(slot);
    const std::size_t to = (from + 1) % 3;
    cluster.begin_move(slot, from, to);
    const std::map<std::string, std::string> before = contents(cluster, slot, {from, to});
    // Who comes anew waits too; to the greeting's questions a node answers that the slot is on its way.
    EXPECT_THAT(refusal_of("redis+cluster://" + cluster.place(from) + "?shards=1&command_timeout_ms=1000"),
                HasSubstr("is being moved"));
    // Also where all keys are still there, or none is any more: what is new would be missed at the one node,
    // and what was there at the other.
    do {
      Task<std::vector<Enqueued>> enqueue = broker->enqueue(late);
      EXPECT_THAT(co_await end_of(std::move(enqueue)), HasSubstr("is being moved"));
      Task<CycleReply> cycle = broker->cycle(worker.next(10));
      EXPECT_THAT(co_await end_of(std::move(cycle)), HasSubstr("is being moved"));
      std::vector<JobId> ids{early[0].id};
      Task<std::vector<CancelResult>> cancel = broker->cancel(ids);
      EXPECT_THAT(co_await end_of(std::move(cancel)), HasSubstr("is being moved"));
      EXPECT_TRUE(contents(cluster, slot, {from, to}) == before);
    } while (cluster.move_keys(slot, from, to, 60) != 0);
    // Who has more patience goes on as soon as it is over.
    auto waiting = spawn(enqueue_until_confirmed, patient, late);
    cluster.end_move(slot, from, to);
    co_await waiting;
    co_await work_until(patient, &runs, 101);
  };
  ASSERT_EQ(coterie::run(body()), 0);
  EXPECT_EQ(runs.size(), 101U);
}

/// As the message tells the administrator to do it; the dead master is still in the tables of the others.
void fix(const RedisCluster& cluster, std::size_t by) {
  const std::string command =
      "redis-cli --cluster fix " + cluster.place(by) +
      " --cluster-yes --cluster-fix-with-unreachable-masters </dev/null >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): words of the test's own
}

/// A replica knows nothing of a move: its slot seems whole to it, and to those who only ask it.
TEST(RedisCluster, AFailoverInTheMiddleOfAMoveLosesNoJobThatHasGoneAlready) {
  RedisCluster cluster(3, 1, {"--cluster-node-timeout", "1000"});
  std::multiset<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker =
        open_broker(cluster.url("shards=1&command_timeout_ms=1000&connect_timeout_ms=3000"));
    const std::uint16_t slot = slot_in_use();
    const std::size_t from = cluster.owner(slot);
    const std::size_t to = (from + 1) % 3;
    const std::size_t replica = from + 3;
    co_await enqueue_until_confirmed(broker, some_jobs(100));
    cluster.begin_move(slot, from, to);
    EXPECT_EQ(cluster.move_keys(slot, from, to, 60), 60U);
    EXPECT_EQ(cluster.tell(from, "WAIT 1 0").integer(), 1);
    cluster.node(from).kill();
    // The taking node keeps to the old master until an administrator decides; the third has its eyes open.
    while (cluster.owner(slot, (from + 2) % 3) != replica) co_await sleep(1ms);
    const std::map<std::string, std::string> before = contents(cluster, slot, {replica, to});
    // The first may wait for a connection still, to the old master or to the new.
    std::string said;
    while (said.find("is being moved") == std::string::npos) {
      Task<std::vector<Enqueued>> call = broker->enqueue(some_jobs(1));
      said = co_await end_of(std::move(call));
      EXPECT_NE(said, "value");
    }
    // Also who comes anew.
    EXPECT_THAT(refusal_of(cluster.url("shards=1")), HasSubstr("is being moved"));
    EXPECT_TRUE(contents(cluster, slot, {replica, to}) == before);
    fix(cluster, replica);
    co_await enqueue_until_confirmed(broker, some_jobs(1));
    co_await work_until(broker, &runs, 101);
  };
  ASSERT_EQ(coterie::run(body()), 0);
  EXPECT_EQ(runs.size(), 101U);
}

TEST(RedisCluster, AMasterThatHangsIsLeftAsSoonAsTheOthersHaveReplacedIt) {
  RedisCluster cluster(3, 1, {"--cluster-node-timeout", "1000"});
  const auto body = [&]() -> Task<void> {
    // Only the other nodes can tell: no timeout would come within the test's time.
    const std::shared_ptr<Broker> broker =
        open_broker(cluster.url("shards=1&command_timeout_ms=3600000&connect_timeout_ms=3600000"));
    const std::size_t master = cluster.owner(slot_in_use());
    (void)co_await broker->enqueue(some_jobs(1));
    cluster.node(master).freeze();
    const std::vector<JobSpec> jobs = some_jobs(1);
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    EXPECT_THAT(co_await end_of(std::move(call)),
                HasSubstr("the cluster has made " + cluster.place(master + 3) + " the master"));
    co_await enqueue_until_confirmed(broker, jobs);
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisCluster, AReplicaThatTakesOverIsFollowed) {
  RedisCluster cluster(3, 1, {"--cluster-node-timeout", "1000"});
  std::multiset<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1"));
    const std::size_t master = cluster.owner(slot_in_use());
    (void)co_await broker->enqueue(some_jobs(50));
    EXPECT_EQ(cluster.tell(master, "WAIT 1 0").integer(), 1);
    auto working = spawn(work_until, broker, &runs, std::size_t{100});
    cluster.node(master).kill();
    co_await enqueue_until_confirmed(broker, some_jobs(50));
    co_await working;
    EXPECT_EQ(cluster.owner(slot_in_use(), (master + 1) % 3), master + 3);
  };
  ASSERT_EQ(coterie::run(body()), 0);
  EXPECT_EQ(std::set<JobId>(runs.begin(), runs.end()).size(), 100U);
}

TEST(RedisCluster, AFailoverThatAnAdministratorAsksForLosesNothing) {
  const RedisCluster cluster(3, 1);
  std::multiset<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1"));
    const std::size_t master = cluster.owner(slot_in_use());
    (void)co_await broker->enqueue(some_jobs(50));
    EXPECT_EQ(cluster.tell(master + 3, "CLUSTER FAILOVER").string(), "OK");
    while (cluster.owner(slot_in_use(), master) != master + 3) co_await sleep(1ms);
    co_await enqueue_until_confirmed(broker, some_jobs(50));
    co_await work_until(broker, &runs, 100);
  };
  ASSERT_EQ(coterie::run(body()), 0);
  EXPECT_EQ(std::set<JobId>(runs.begin(), runs.end()).size(), 100U);
}

TEST(RedisCluster, OneThatIsDownSaysSo) {
  RedisCluster cluster(3, 0, {"--cluster-node-timeout", "500"});
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url("shards=1&command_timeout_ms=500"));
    const std::size_t other = (cluster.owner(slot_in_use()) + 1) % 3;
    (void)co_await broker->enqueue(some_jobs(1));
    cluster.node(other).kill();
    std::string said;
    while (said.find("CLUSTERDOWN") == std::string::npos) {
      Task<std::vector<Enqueued>> call = broker->enqueue(some_jobs(1));
      said = co_await end_of(std::move(call));
    }
    EXPECT_THAT(said, HasSubstr("the cluster is down: redis-cli --cluster check tells"));
    cluster.node(other).start();
    co_await enqueue_until_confirmed(broker, some_jobs(1));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisCluster, AMasterThatIsAwayStopsOnlyWhatIsThere) {
  RedisCluster cluster(3, 0, {"--cluster-node-timeout", "500", "--cluster-require-full-coverage", "no"});
  const auto namespace_at = [&](std::size_t node) {
    for (int i = 0;; ++i) {
      const std::string name = "n" + std::to_string(i);
      if (cluster.owner(slot_of("{" + name + ":0}m")) == node) return name;
    }
  };
  const auto body = [&]() -> Task<void> {
    const std::string options = "shards=1&connect_timeout_ms=3000&namespace=";
    const std::shared_ptr<Broker> there = open_broker(cluster.url(options + namespace_at(0)));
    const std::shared_ptr<Broker> away = open_broker(cluster.url(options + namespace_at(1)));
    cluster.node(1).kill();
    Task<std::vector<Enqueued>> call = away->enqueue(some_jobs(1));
    EXPECT_THAT(co_await end_of(std::move(call)), HasSubstr(cluster.place(1)));
    (void)co_await there->enqueue(some_jobs(1));
    const std::shared_ptr<Broker> later = open_broker(cluster.url(options + namespace_at(2)));
    (void)co_await later->enqueue(some_jobs(1));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisCluster, TheWrongKindOfUrlIsRefusedWithTheRightOne) {
  const std::string port = std::to_string(free_port());
  const RedisServer alone({"--port", port});
  EXPECT_THAT(
      refusal_of("redis+cluster://127.0.0.1:" + port),
      HasSubstr("it is no cluster but a server that stands by itself: write redis://127.0.0.1:" + port));
  const std::string node_port = std::to_string(free_port());
  const RedisServer node(
      {"--cluster-enabled", "yes", "--port", node_port, "--cluster-port", std::to_string(free_port())});
  EXPECT_THAT(refusal_of("redis://127.0.0.1:" + node_port),
              HasSubstr("it is a node of a cluster: write redis+cluster://127.0.0.1:" + node_port));
  EXPECT_THAT(refusal_of("redis+cluster://127.0.0.1:" + node_port),
              HasSubstr("it knows of no slots: make the"));
  EXPECT_THAT(refusal_of("redis+cluster://127.0.0.1:1,127.0.0.1:2"),
              HasSubstr("none of its 2 nodes tells where the slots are; redis://127.0.0.1:1: "));
}

TEST(RedisCluster, AUserWhoMayNotAskForTheSlotsIsRefused) {
  const std::string port = std::to_string(free_port());
  const RedisServer node({"--cluster-enabled", "yes", "--port", port, "--cluster-port",
                          std::to_string(free_port()), "--user", "ann", "on", ">pw", "~*", "&*", "+@all",
                          "-cluster"});
  EXPECT_THAT(refusal_of("redis+cluster://ann:pw@127.0.0.1:" + port),
              AllOf(HasSubstr("may not ask where the slots are"), HasSubstr("+cluster|slots")));
}

}  // namespace
}  // namespace broker_suite

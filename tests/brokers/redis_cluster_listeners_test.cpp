// Who listens where in a cluster: one connection to each master, and no wake-up is lost where shards move.
#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <sstream>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "src/brokers/redis/slots.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_cluster.hpp"
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
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t shards = 8;
/// A machine that does many things at once is slow, and nothing here is about that.
constexpr const char* patient = "connect_timeout_ms=60000&command_timeout_ms=60000";

std::string prefix(std::uint32_t shard) {
  return "{coterie:" + std::to_string(shard) + "}";
}
std::uint16_t slot_of_shard(std::uint32_t shard) {
  return slot_of(prefix(shard));
}
JobSpec job_in(std::uint32_t shard) {
  return job_in_shard(shard, shards, "count");
}
Task<void> until(std::function<bool()> is_so) {
  while (!is_so()) co_await sleep(1ms);
}

/// Connections of brokers at a node, and the channels that are listened to there. Those that only ask where
/// the slots are come and go, and are not counted.
struct Clients {
  std::size_t commands = 0;
  std::size_t listeners = 0;
  std::size_t channels = 0;
  Clients() = default;
};
Clients clients_of(const RedisCluster& cluster, std::size_t node) {
  Clients found;
  std::istringstream lines(cluster.tell(node, "CLIENT LIST").string());
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(" ssub=");
    const std::size_t channels = std::stoul(line.substr(at + 6));
    found.channels += channels;
    if (channels > 0) ++found.listeners;
    if (line.find(" name=coterie ") != std::string::npos) ++found.commands;
  }
  return found;
}
std::size_t listeners_of(const RedisCluster& cluster, std::size_t node, std::uint32_t shard) {
  return cluster.tell(node, "PUBSUB SHARDCHANNELS " + prefix(shard) + "y*").array().size();
}

/// The connection that listens at a node; the server's number of it.
std::string listener_at(const RedisCluster& cluster, std::size_t node) {
  std::istringstream lines(cluster.tell(node, "CLIENT LIST TYPE pubsub").string());
  std::string line;
  std::getline(lines, line);
  return line.substr(0, line.find(' '));
}
std::size_t looks_at(const RedisCluster& cluster, std::size_t node) {
  const std::string stats = cluster.tell(node, "INFO commandstats").string();
  const std::string name = "cmdstat_cluster|slots:calls=";
  return std::stoul(stats.substr(stats.find(name) + name.size()));
}

/// A worker in a process of its own that looks by itself only in hours: what it runs, it was told of.
class Sleepy {
 public:
  explicit Sleepy(const RedisCluster& cluster)
      : cluster_(cluster), worker_(open_broker(cluster.url(patient)), options()) {
    worker_.handle_raw("count", [this](JobContext&, std::string) -> Task<std::string> {
      ++runs_;
      co_return std::string("1");
    });
    serving_ = spawn(&Worker::serve, &worker_);
  }
  [[nodiscard]] std::size_t runs() const { return runs_; }
  /// In all shards, as each one's master has it. `by`: a node that lives.
  Task<void> asleep(std::size_t by = 0) {
    co_await until([this, by] {
      for (std::uint32_t shard = 0; shard < shards; ++shard) {
        const std::size_t owner = cluster_.owner(slot_of_shard(shard), by);
        if (cluster_.tell(owner, "ZCARD " + prefix(shard) + "A").integer() != 1) return false;
        if (listeners_of(cluster_, owner, shard) != 1) return false;
      }
      return true;
    });
  }
  Task<void> end() {
    worker_.drain();
    co_await serving_.wait();
  }

 private:
  static WorkerOptions options() {
    WorkerOptions options;
    options.concurrency(4).lease(Milliseconds(12h));
    return options;
  }
  const RedisCluster& cluster_;
  Worker worker_;
  std::size_t runs_ = 0;
  coterie::JoinHandle<void> serving_;
};

TEST(RedisClusterListeners, AProcessHasTwoConnectionsToEachMasterHoweverManyShards) {
  const RedisCluster cluster;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(cluster.url(patient));
    std::vector<JobSpec> specs;
    for (std::uint32_t shard = 0; shard < shards; ++shard) specs.push_back(job_in(shard));
    (void)co_await broker->enqueue(std::move(specs));
    TestWorker worker;
    const Uuid incarnation = worker.ref().incarnation;
    auto sleeping =
        spawn(&Broker::changed_for, broker.get(), incarnation, std::uint64_t{0}, Milliseconds(1h));
    const std::uint64_t version = co_await broker->version();
    auto watching = spawn(&Broker::changed, broker.get(), version, Milliseconds(1h));
    const auto channels = [&] {
      std::size_t all = 0;
      for (std::size_t i = 0; i < cluster.size(); ++i) all += clients_of(cluster, i).channels;
      return all;
    };
    co_await until([&] { return channels() == std::size_t{2} * shards; });
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      EXPECT_EQ(clients_of(cluster, i).commands, 1U) << i;
      EXPECT_EQ(clients_of(cluster, i).listeners, 1U) << i;
    }
    sleeping.cancel();
    watching.cancel();
    (void)co_await outcome(sleeping);
    (void)co_await outcome(watching);
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisClusterListeners, AWakeUpArrivesAfterASlotWasMovedAndCostsOtherNodesNothing) {
  const RedisCluster cluster;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> producer = open_broker(cluster.url(patient));
    Sleepy worker(cluster);
    co_await worker.asleep();
    const std::uint32_t shard = 3;
    const std::size_t from = cluster.owner(slot_of_shard(shard));
    const std::size_t to = (from + 1) % 3;
    cluster.move(slot_of_shard(shard), from, to);
    co_await worker.asleep();  // so it listens at the new master, before anybody has asked for anything
    for (const std::size_t runs : {1U, 2U}) {
      std::vector<JobSpec> specs(1, job_in(shard));
      (void)co_await producer->enqueue(std::move(specs));
      co_await until([&] { return worker.runs() == runs; });
      co_await worker.asleep();
      EXPECT_EQ(listeners_of(cluster, from, shard), 0U);
      EXPECT_EQ(listeners_of(cluster, to, shard), 1U);
    }
    // This one may come while nobody listens: then the worker looks once it does.
    cluster.move(slot_of_shard(shard), to, from);
    std::vector<JobSpec> specs(1, job_in(shard));
    (void)co_await producer->enqueue(std::move(specs));
    co_await until([&] { return worker.runs() == 3; });
    co_await worker.asleep();
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      EXPECT_LE(clients_of(cluster, i).listeners, 1U) << i;
      EXPECT_THAT(cluster.tell(i, "CLUSTER INFO").string(), Not(HasSubstr("messages_publish"))) << i;
    }
    co_await worker.end();
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisClusterListeners, WhereNobodyHasASlotOnlyItsChannelsAreNotHeardUntilSomebodyHas) {
  const RedisCluster cluster(2, 0, {"--cluster-require-full-coverage", "no"});
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> producer = open_broker(cluster.url(patient));
    Sleepy worker(cluster);
    co_await worker.asleep();
    const std::size_t node = cluster.owner(slot_of_shard(0));
    std::uint32_t other = 1;
    while (cluster.owner(slot_of_shard(other)) != node) ++other;
    const std::string connection = listener_at(cluster, node);
    const std::string slot = std::to_string(slot_of_shard(0));
    EXPECT_EQ(cluster.tell(node, "CLUSTER DELSLOTS " + slot).string(), "OK");
    EXPECT_EQ(listeners_of(cluster, node, 0), 0U);
    const std::size_t looks = looks_at(cluster, node);
    co_await until([&] { return looks_at(cluster, node) >= looks + 3; });
    EXPECT_EQ(listeners_of(cluster, node, other), 1U);
    EXPECT_EQ(cluster.tell(node, "CLUSTER ADDSLOTS " + slot).string(), "OK");
    co_await worker.asleep(node);
    std::vector<JobSpec> specs(1, job_in(0));
    (void)co_await producer->enqueue(std::move(specs));
    co_await until([&] { return worker.runs() == 1; });
    EXPECT_EQ(listener_at(cluster, node), connection);
    co_await worker.end();
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisClusterListeners, AWakeUpArrivesAfterAFailover) {
  RedisCluster cluster(3, 1, {"--cluster-node-timeout", "1000"});
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> producer = open_broker(cluster.url(patient));
    Sleepy worker(cluster);
    co_await worker.asleep();
    const std::uint32_t shard = 3;
    const std::size_t master = cluster.owner(slot_of_shard(shard));
    const std::size_t other = (master + 1) % 3;
    cluster.node(master).kill();
    co_await until([&] { return cluster.owner(slot_of_shard(shard), other) == master + 3; });
    for (const std::size_t round : {1U, 2U}) {
      std::vector<JobSpec> specs;
      for (std::uint32_t each = 0; each < shards; ++each) specs.push_back(job_in(each));
      co_await enqueue_until_confirmed(producer, std::move(specs));
      co_await until([&] { return worker.runs() >= round * shards; });
      co_await worker.asleep(other);
    }
    for (const std::size_t i : {master + 3, other, (master + 2) % 3}) {
      EXPECT_EQ(clients_of(cluster, i).listeners, 1U) << i;
      EXPECT_LE(clients_of(cluster, i).commands, 2U) << "the producer's and the worker's";
    }
    co_await worker.end();
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

}  // namespace
}  // namespace broker_suite

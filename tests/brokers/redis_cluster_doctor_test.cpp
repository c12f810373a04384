// What coterie doctor says of a Redis cluster, and of each of its nodes.
#include <gmock/gmock.h>

#include <algorithm>

#include "src/brokers/redis/slots.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_cluster.hpp"

namespace broker_suite {
namespace {

using coterie::brokers::redis::slot_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<Finding> all_of(const Diagnosis& diagnosis, const std::string& check) {
  std::vector<Finding> found;
  for (const Finding& each : diagnosis.findings)
    if (each.check == check) found.push_back(each);
  return found;
}

/// What is no good of that check.
Finding complaint(const Diagnosis& diagnosis, const std::string& check) {
  std::vector<Finding> found = all_of(diagnosis, check);
  std::erase_if(found, [](const Finding& one) { return one.health == Health::ok; });
  if (found.size() != 1)
    throw std::runtime_error(std::to_string(found.size()) + " complaints about " + check);
  return found[0];
}

double sum_of(const Diagnosis& diagnosis, const std::string& check, const std::string& number) {
  double sum = 0;
  for (const Finding& each : all_of(diagnosis, check))
    for (const auto& [name, value] : each.numbers)
      if (name == number) sum += value;
  return sum;
}

std::vector<std::string> kept_well() {
  return {"--appendonly", "yes", "--maxmemory", "100mb", "--cluster-node-timeout", "500"};
}

void enqueue(const std::string& url, std::size_t count) {
  coterie::testing::VirtualLoop loop;
  const auto broker = open_broker(url);
  std::vector<JobSpec> jobs(count);
  for (JobSpec& job : jobs) job = BrokerSuite::job();
  loop.run(broker->enqueue(std::move(jobs)));
}

TEST(RedisClusterDoctor, EveryNodeIsLookedAtAndWhatIsAlikeIsSaidOnce) {
  const RedisCluster cluster(3, 1, kept_well());
  EXPECT_THAT(finding(diagnose(cluster.url()), "layout").found, HasSubstr("namespace 'coterie' is empty"));
  enqueue(cluster.url(), 300);
  const Diagnosis diagnosis = diagnose(cluster.url());
  EXPECT_EQ(diagnosis.url, cluster.url());
  for (const Finding& each : diagnosis.findings)
    EXPECT_NE(each.health, Health::problem) << each.check << ": " << each.found;
  EXPECT_EQ(finding(diagnosis, "cluster").found, "up; 3 masters and 3 replicas");
  EXPECT_EQ(finding(diagnosis, "slots").found, "16384 of 16384 have a master");
  EXPECT_EQ(finding(diagnosis, "layout").found, "namespace 'coterie' has layout 3, 8 shards, 300 jobs");
  EXPECT_EQ(finding(diagnosis, "shards").found, "8 on 3 of 3 masters");
  EXPECT_EQ(finding(diagnosis, "clocks").health, Health::ok);
  for (const char* alike : {"version", "persistence", "eviction", "rights"}) {
    EXPECT_EQ(finding(diagnosis, alike).health, Health::ok) << alike;
    EXPECT_THAT(finding(diagnosis, alike).nodes, IsEmpty()) << alike;
  }
  EXPECT_EQ(sum_of(diagnosis, "memory", "jobs"), 300) << "each master has its own";
  std::size_t replicas = 0;
  for (const Finding& role : all_of(diagnosis, "role")) {
    EXPECT_EQ(role.health, Health::ok) << role.found;
    if (role.found.starts_with("replica of 127.0.0.1:")) replicas += role.nodes.size();
  }
  EXPECT_EQ(replicas, 3U);
}

TEST(RedisClusterDoctor, WhatIsWrongAtOneNodeNamesIt) {
  const RedisCluster cluster(3, 0, kept_well());
  cluster.tell(1, "CONFIG SET maxmemory-policy allkeys-lru");
  cluster.tell(2, "CONFIG SET appendonly no");
  cluster.tell(2, "ACL SETUSER default -hset");
  const Diagnosis diagnosis = diagnose(cluster.url());
  EXPECT_EQ(complaint(diagnosis, "eviction").found, "allkeys-lru");
  EXPECT_THAT(complaint(diagnosis, "eviction").nodes, ElementsAre(cluster.place(1)));
  EXPECT_THAT(complaint(diagnosis, "persistence").nodes, ElementsAre(cluster.place(2)));
  EXPECT_EQ(complaint(diagnosis, "rights").found, "missing: HSET");
  EXPECT_THAT(complaint(diagnosis, "rights").nodes, ElementsAre(cluster.place(2)));
  const Finding role = complaint(diagnosis, "role");
  EXPECT_EQ(role.health, Health::warning);
  EXPECT_EQ(role.found, "master with 0 replicas");
  EXPECT_THAT(role.meaning, HasSubstr("nobody takes over"));
  EXPECT_THAT(role.nodes, IsEmpty()) << "none of them has one";
  // Without the right to ask for rights they are looked at in a transaction, which a key elsewhere would end.
  cluster.tell(2, "ACL SETUSER default -acl|dryrun");
  EXPECT_EQ(complaint(diagnose(cluster.url()), "rights").found, "missing: HSET");
}

TEST(RedisClusterDoctor, SlotsOnTheirWayAreAProblemWhereTheyAreOurs) {
  const RedisCluster cluster(3, 0, kept_well());
  enqueue(cluster.url("shards=1"), 1);
  const std::uint16_t ours = slot_of("{coterie:0}m");
  const std::size_t owner = cluster.owner(ours);
  const std::size_t to = (owner + 1) % 3;
  cluster.begin_move(ours, owner, to);
  const Finding moving = finding(diagnose(cluster.url()), "moving");
  EXPECT_EQ(moving.health, Health::problem);
  EXPECT_EQ(moving.found, "slots of the queue are on their way: " + std::to_string(ours));
  EXPECT_THAT(moving.change, HasSubstr("redis-cli --cluster fix 127.0.0.1:"));
  EXPECT_EQ(finding(diagnose(cluster.url("namespace=other")), "moving").health, Health::warning);
}

TEST(RedisClusterDoctor, AMasterThatIsGoneAndAClusterThatIsDown) {
  RedisCluster cluster(3, 0, kept_well());
  enqueue(cluster.url("shards=1"), 1);
  const std::size_t gone = (cluster.owner(slot_of("{coterie:0}m")) + 1) % 3;
  const std::size_t other = (gone + 1) % 3;
  cluster.node(gone).kill();
  await_that([&] {
    return cluster.tell(other, "CLUSTER INFO").string().find("cluster_state:fail") != std::string::npos;
  });
  const Diagnosis diagnosis = diagnose(cluster.url());
  const Finding down = finding(diagnosis, "cluster");
  EXPECT_EQ(down.health, Health::problem);
  EXPECT_THAT(down.found, StartsWith("down, as "));
  const Finding node = finding(diagnosis, "node");
  EXPECT_EQ(node.health, Health::problem);
  EXPECT_THAT(node.found, StartsWith(cluster.place(gone) + " cannot be looked at: "));
  EXPECT_EQ(finding(diagnosis, "layout").health, Health::unknown);
  EXPECT_EQ(finding(diagnosis, "persistence").health, Health::ok) << "the others were looked at";
}

TEST(RedisClusterDoctor, SlotsThatNobodyHasAreAProblem) {
  const RedisCluster cluster(3, 0, kept_well());
  for (std::size_t i = 0; i < cluster.size(); ++i) cluster.tell(i, "CLUSTER DELSLOTS 0 1");
  const Finding slots = finding(diagnose(cluster.url()), "slots");
  EXPECT_EQ(slots.health, Health::problem);
  EXPECT_EQ(slots.found, "16382 of 16384 have a master");
}

TEST(RedisClusterDoctor, WhereThereIsNoClusterItThrows) {
  const std::string port = std::to_string(free_port());
  const RedisServer alone({"--port", port});
  EXPECT_THROW((void)diagnose("redis+cluster://127.0.0.1:" + port), BadBroker);
  EXPECT_THROW((void)diagnose("redis+cluster://127.0.0.1:1"), BrokerUnavailable);
}

}  // namespace
}  // namespace broker_suite

// What coterie doctor says of a server that sentinels name.
#include <gmock/gmock.h>

#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_sentinels.hpp"

namespace broker_suite {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RedisSentinelDoctor, LooksAtTheServerThatTheSentinelsCallTheMaster) {
  SentinelGroup group;
  EXPECT_EQ(SentinelGroup::tell(group.master(), "CONFIG SET maxmemory-policy allkeys-lru").string(), "OK");
  const Diagnosis before = diagnose(group.url());
  EXPECT_THAT(before.url, Not(HasSubstr("secret")));
  EXPECT_EQ(finding(before, "role").found, "master with 1 replica");
  EXPECT_EQ(finding(before, "eviction").health, Health::problem);
  EXPECT_EQ(finding(before, "rights").health, Health::ok);

  group.master().kill();
  await_that([&] { return SentinelGroup::is_master(group.replica()); });
  for (std::size_t i = 0; i < 3; ++i)
    await_that([&] {
      const Reply named = group.sentinel(i).say("SENTINEL GET-MASTER-ADDR-BY-NAME jobs");
      return group.replica_place().ends_with(":" + named.at(1).string());
    });
  const Diagnosis after = diagnose(group.url());
  EXPECT_EQ(finding(after, "role").found, "master with 0 replicas");
  EXPECT_EQ(finding(after, "eviction").health, Health::ok) << "that was the other server's";
}

TEST(RedisSentinelDoctor, DurabilityByReplicasIsCountedThere) {
  SentinelGroup group;
  EXPECT_EQ(finding(diagnose(group.url("durable=replicas:1")), "durable=").health, Health::ok);
  const Finding too_many = finding(diagnose(group.url("durable=replicas:2")), "durable=");
  EXPECT_EQ(too_many.health, Health::problem);
  EXPECT_THAT(too_many.found, HasSubstr("1 replicas are connected"));
}

TEST(RedisSentinelDoctor, WhereNoSentinelKnowsTheMasterItThrows) {
  const SentinelGroup group;
  std::string other = group.url();
  other.replace(other.rfind("/jobs"), 5, "/nothing");
  EXPECT_THROW((void)diagnose(other), QueueError);
}

}  // namespace
}  // namespace broker_suite

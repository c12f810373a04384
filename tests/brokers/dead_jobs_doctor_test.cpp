// What coterie doctor says of dead jobs, which are forgotten one day.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coterie/queue/doctor.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_server.hpp"
#include "tests/brokers/temp_folder.hpp"

namespace broker_suite {
namespace {

using testing::HasSubstr;

/// Puts three jobs in, of which two die.
void bury_two_of_three(const std::string& url) {
  coterie::testing::VirtualLoop loop;
  const auto broker = open_broker(url);
  loop.run(broker->enqueue({BrokerSuite::job(), BrokerSuite::job(), BrokerSuite::job()}));
  TestWorker worker;
  const CycleReply taken = loop.run(broker->cycle(worker.next(2)));
  CycleRequest request = worker.next();
  for (const Lease& lease : taken.leases)
    request.failed.emplace_back(lease.ref, FailKind::dead, JobError("test", "no"));
  loop.run(broker->cycle(std::move(request)));
}

void expect_two_dead(const std::string& url) {
  const Finding dead = finding(diagnose(url), "dead jobs");
  EXPECT_EQ(dead.health, Health::warning);
  EXPECT_EQ(dead.found, "2");
  EXPECT_THAT(dead.meaning, HasSubstr("forgotten when its result_ttl is over"));
  EXPECT_THAT(dead.change, HasSubstr("coterie retry"));
}

TEST(DeadJobsDoctor, OnRedisTheyAreCountedInAllShards) {
  const RedisServer server;
  bury_two_of_three(server.url("shards=4"));
  expect_two_dead(server.url());
}

TEST(DeadJobsDoctor, OnSqliteTheyAreCounted) {
  const TempFolder folder;
  const std::string url = "sqlite://" + folder.file("jobs.db");
  bury_two_of_three(url);
  expect_two_dead(url);
}

TEST(DeadJobsDoctor, WhereNoneIsNothingIsSaid) {
  const RedisServer server;
  for (const Finding& each : diagnose(server.url()).findings) EXPECT_NE(each.check, "dead jobs");
}

}  // namespace
}  // namespace broker_suite

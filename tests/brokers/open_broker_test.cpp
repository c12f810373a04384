#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "coterie/testing/virtual_loop.hpp"
#include "src/brokers/broker_url.hpp"

namespace broker_suite {
namespace {

using coterie::brokers::BrokerUrl;
using coterie::brokers::parse_broker_url;
using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using testing::HasSubstr;

std::string refusal(const std::string& url) {
  try {
    (void)open_broker(url);
  } catch (const BadBroker& error) {
    return error.what();
  }
  return "(opened)";
}

TEST(BrokerUrlTest, IsTakenApart) {
  const BrokerUrl url = parse_broker_url("SQLite:///var/a%20b%3F.db?synchronous=normal&busy_timeout_ms=50");
  EXPECT_EQ(url.scheme, "sqlite");
  EXPECT_EQ(url.path, "/var/a b?.db");
  EXPECT_EQ(url.option("synchronous"), "normal");
  EXPECT_EQ(url.number("busy_timeout_ms", 0, 100), 50);
  EXPECT_EQ(url.option("other"), std::nullopt);
  EXPECT_THROW((void)url.number("synchronous", 0, 100), BadBroker);
  EXPECT_THROW((void)url.number("busy_timeout_ms", 0, 49), BadBroker);
  EXPECT_THROW(url.require_known({"synchronous"}), BadBroker);
  EXPECT_NO_THROW(url.require_known({"synchronous", "busy_timeout_ms"}));
}

TEST(BrokerUrlTest, WhatIsNoUrlIsRefused) {
  for (const char* text : {"", "jobs.db", "://x", "sq lite://x", "sqlite:/x", "sqlite://x?y", "sqlite://x?=y",
                           "sqlite://x?a=1&a=2", "sqlite://100%", "sqlite://%zz", "sqlite://%00"}) {
    EXPECT_THROW((void)parse_broker_url(text), BadBroker) << text;
  }
}

TEST(OpenBroker, RefusesWhatItDoesNotKnowAndSaysWhatItDoes) {
  EXPECT_EQ(refusal("foo://x"),
            "unknown broker scheme 'foo' in 'foo://x': use redis, rediss, redis+unix, redis+sentinel, "
            "rediss+sentinel, redis+cluster, rediss+cluster, sqlite or memory, as in redis://host, "
            "sqlite://path");
  EXPECT_THAT(refusal("x"), HasSubstr("'x' is no broker URL"));
  EXPECT_THAT(refusal("memory://x?synchronous=full"), HasSubstr("unknown option 'synchronous'"));
  EXPECT_THAT(refusal("memory://x?payload_bytes=-1"), HasSubstr("payload_bytes=-1"));
}

TEST(OpenBroker, LimitsMayStandInTheUrl) {
  const auto broker = open_broker("memory://?payload_bytes=10&batch_jobs=3");
  EXPECT_EQ(broker->limits().payload_bytes, 10U);
  EXPECT_EQ(broker->limits().batch_jobs, 3U);
  EXPECT_EQ(broker->limits().name_bytes, 255U);
}

TEST(OpenBroker, TheSameNameIsTheSameStoreAndNoNameIsANewOne) {
  coterie::testing::VirtualLoop loop;
  const auto jobs_after_adding_one = [&loop](const std::string& first, const std::string& second) {
    std::vector<JobSpec> jobs(1);
    jobs[0] = JobSpec("noop");
    jobs[0].id = new_uuid();
    const auto writer = open_broker(first);
    loop.run(writer->enqueue(jobs));
    return loop.run(open_broker(second)->list(JobFilter{})).jobs.size();
  };
  EXPECT_EQ(jobs_after_adding_one("memory://open-a", "memory://open-a"), 1U);
  EXPECT_EQ(jobs_after_adding_one("memory://open-a", "memory://open-b"), 0U);
  EXPECT_EQ(jobs_after_adding_one("memory://", "memory://"), 0U);
  EXPECT_EQ(open_broker("memory://open-a")->url(), "memory://open-a");
}

}  // namespace
}  // namespace broker_suite

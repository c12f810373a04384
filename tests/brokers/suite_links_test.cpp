// What a job waits for, and what waits for it, as people are shown it.
#include <algorithm>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

std::vector<JobId> sorted(std::vector<JobId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

JobLinks links_of(BrokerSuite& suite, const JobId& id, std::uint32_t most = 50) {
  return suite.await(suite.broker().links(id, most));
}

JobSpec job_after(std::vector<JobId> after) {
  JobSpec spec = BrokerSuite::job();
  spec.after = std::move(after);
  return spec;
}

TEST_P(BrokerSuite, AJobTellsWhatItWaitsForAndWhatWaitsForIt) {
  const JobId first = enqueue_one(job());
  const JobId second = enqueue_one(job());
  const JobId other = enqueue_one(job());
  const JobId middle = enqueue_one(job_after({first, second}));
  const JobId last = enqueue_one(job_after({middle}));
  const JobLinks links = links_of(*this, middle);
  EXPECT_EQ(sorted(links.waits_for), sorted({first, second}));
  EXPECT_EQ(links.waits_for_count, 2U);
  EXPECT_EQ(links.dependents, std::vector{last});
  EXPECT_EQ(links.dependents_count, 1U);
  EXPECT_FALSE(links.bounded);
  EXPECT_EQ(links_of(*this, first).dependents, std::vector{middle});
  EXPECT_TRUE(links_of(*this, first).waits_for.empty());
  EXPECT_TRUE(links_of(*this, other).dependents.empty());
}

TEST_P(BrokerSuite, WhatHasEndedIsWaitedForNoMore) {
  const JobId first = enqueue_one(job());
  const JobId second = enqueue_one(job());
  const JobId middle = enqueue_one(job_after({first, second}));
  TestWorker worker;
  const Lease lease = take_one(worker);
  const JobId left = lease.ref.id == first ? second : first;
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  EXPECT_EQ(links_of(*this, middle).waits_for, std::vector{left});
  EXPECT_EQ(links_of(*this, middle).waits_for_count, 1U);
  EXPECT_TRUE(links_of(*this, lease.ref.id).dependents.empty());
  EXPECT_EQ(links_of(*this, lease.ref.id).dependents_count, 0U);
  EXPECT_EQ(done(worker, take_one(worker).ref), Verdict::accepted);
  EXPECT_TRUE(links_of(*this, middle).waits_for.empty());
  EXPECT_EQ(links_of(*this, middle).waits_for_count, 0U);
}

TEST_P(BrokerSuite, OfManyLinksSomeAreNamedAndAllAreCounted) {
  std::vector<JobSpec> parents;
  std::vector<JobId> ids;
  for (int i = 0; i < 130; ++i) ids.push_back(parents.emplace_back(job()).id);
  await(broker().enqueue(parents));
  const JobId last = enqueue_one(job_after(ids));
  std::vector<JobSpec> dependents;
  for (int i = 0; i < 70; ++i) dependents.push_back(job_after({ids[0]}));
  await(broker().enqueue(dependents));
  const JobLinks up = links_of(*this, last);
  EXPECT_EQ(up.waits_for.size(), 50U);
  EXPECT_EQ(up.waits_for_count, 130U);
  EXPECT_FALSE(up.bounded);
  for (const JobId& id : up.waits_for) EXPECT_NE(std::find(ids.begin(), ids.end(), id), ids.end());
  const JobLinks down = links_of(*this, ids[0]);
  EXPECT_EQ(down.dependents.size(), 50U);
  EXPECT_EQ(down.dependents_count, 71U);
  EXPECT_EQ(links_of(*this, last, 200).waits_for.size(), 130U);
}

TEST_P(BrokerSuite, AJobThatIsNotKnownHasNoLinks) {
  const JobLinks links = links_of(*this, new_uuid());
  EXPECT_TRUE(links.waits_for.empty());
  EXPECT_TRUE(links.dependents.empty());
  EXPECT_EQ(links.waits_for_count + links.dependents_count, 0U);
}

}  // namespace
}  // namespace broker_suite

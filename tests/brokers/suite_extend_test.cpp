// extend(): leases are kept beside the worker's own conversation.
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

std::vector<LeaseRef> refs_of(const std::vector<Lease>& leases) {
  std::vector<LeaseRef> refs;
  for (const Lease& lease : leases) refs.push_back(lease.ref);
  return refs;
}

TEST_P(BrokerSuite, ExtendMovesTheDeadlineAndNothingElse) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  for (int i = 0; i < 5; ++i) {
    pass(20s);
    const std::uint64_t before = version();
    EXPECT_EQ(extend(worker, {lease.ref}), std::vector{Verdict::accepted});
    EXPECT_EQ(info(id)->lease_until, clock_.wall() + 30'000);
    EXPECT_EQ(version(), before) << "nobody waits for that";
  }
  pass(31s);
  EXPECT_EQ(info(id)->crashes, 0U) << "it was never reported started";
}

TEST_P(BrokerSuite, ExtendLeavesWhatWasReportedStartedAsItIs) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  alive(worker, lease.ref);
  EXPECT_EQ(extend(worker, {lease.ref}), std::vector{Verdict::accepted});
  pass(31s);
  EXPECT_EQ(info(id)->crashes, 1U);
}

TEST_P(BrokerSuite, ExtendIsForTheHolderOfTheLeaseOnly) {
  const JobId first = enqueue_one(job());
  TestWorker stale;
  const Lease old = take_one(stale);
  clock_.advance(30s);
  TestWorker fresh;
  const Lease now = take_one(fresh);
  ASSERT_EQ(now.ref.id, first);
  EXPECT_EQ(extend(stale, {old.ref}), std::vector{Verdict::fenced});
  EXPECT_EQ(extend(stale, {now.ref}), std::vector{Verdict::fenced}) << "the right token, of another worker";
  EXPECT_EQ(extend(TestWorker("nobody"), {now.ref}), std::vector{Verdict::fenced});
  EXPECT_EQ(extend(fresh, {old.ref}), std::vector{Verdict::fenced}) << "its own job, by an older token";
  const LeaseRef nothing(new_uuid(), 1, 0);
  EXPECT_EQ(extend(fresh, {nothing, now.ref}), (std::vector{Verdict::unknown, Verdict::accepted}));
  EXPECT_EQ(done(fresh, now.ref), Verdict::accepted);
  EXPECT_EQ(extend(fresh, {now.ref}), std::vector{Verdict::fenced}) << "it has ended";
  EXPECT_TRUE(extend(fresh, {}).empty());
}

TEST_P(BrokerSuite, ALateExtendCountsUntilSomebodyHasRecoveredTheJob) {
  enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  clock_.advance(40s);
  EXPECT_EQ(extend(worker, {lease.ref}), std::vector{Verdict::accepted});
  TestWorker other;
  EXPECT_TRUE(take(other).empty());
}

TEST_P(BrokerSuite, ExtendDoesNotDisturbACallThatIsUnderWay) {
  under_every_fate([this](Fate fate) {
    enqueue({job("a"), job("b"), job("c")});
    TestWorker worker;
    const std::vector<Lease> held = take(worker, 1);
    CycleRequest request = worker.next(1);
    request.alive.emplace_back(held.at(0).ref);
    const CycleReply first = cycle(request);
    ASSERT_EQ(first.leases.size(), 1U);
    std::vector<LeaseRef> leases{held[0].ref, first.leases[0].ref};
    const std::vector<Verdict> both{Verdict::accepted, Verdict::accepted};
    EXPECT_EQ(deliver(fate, [&] { return extend(worker, leases); }), both);
    const CycleReply again = cycle(request);
    EXPECT_TRUE(again.repeated) << "its reply is still kept";
    EXPECT_EQ(ids_of(again.leases), ids_of(first.leases));
    EXPECT_EQ(ids_of(take(worker, 2)).size(), 1U) << "and the next number is the next call";
  });
}

TEST_P(BrokerSuite, ExtendOfManyLeasesAnswersEachInOrder) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < 200; ++i) jobs.push_back(job());
  enqueue(jobs);
  TestWorker worker;
  const std::vector<LeaseRef> leases = refs_of(take(worker, 200));
  ASSERT_EQ(leases.size(), 200U);
  EXPECT_EQ(done(worker, leases[100]), Verdict::accepted);
  clock_.advance(20s);
  const std::vector<Verdict> verdicts = extend(worker, leases);
  ASSERT_EQ(verdicts.size(), 200U);
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    EXPECT_EQ(verdicts[i], i == 100 ? Verdict::fenced : Verdict::accepted) << i;
  pass(20s);
  EXPECT_EQ(count(JobState::leased), 199U);
}

TEST_P(BrokerSuite, AnExtendThatMakesNoSenseIsRefused) {
  TestWorker worker;
  EXPECT_THROW(await(broker().extend(Uuid(), {}, 30s)), BadRequest);
  EXPECT_THROW(await(broker().extend(worker.ref().incarnation, {}, 0ms)), BadRequest);
  EXPECT_THROW(await(broker().extend(worker.ref().incarnation, {}, 25h)), BadRequest);
  const std::vector<LeaseRef> many(broker().limits().batch_jobs + 1);
  EXPECT_THROW(extend(worker, many), BadRequest);
}

}  // namespace
}  // namespace broker_suite

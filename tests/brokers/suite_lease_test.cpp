// Leases: fencing, recovery, suspects and quarantine.
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, AnExpiredLeaseIsRecoveredAndTheStaleWorkerRefused) {
  const JobId id = enqueue_one(job());
  TestWorker stale("stale");
  const Lease old = take_one(stale);
  EXPECT_EQ(alive(stale, old.ref), Verdict::accepted);
  clock_.advance(30s);
  TestWorker fresh("fresh");
  const Lease now = take_one(fresh);
  EXPECT_EQ(now.ref.id, id);
  EXPECT_GT(now.ref.token, old.ref.token);
  EXPECT_EQ(done(stale, old.ref, "\"stale\""), Verdict::fenced);
  EXPECT_EQ(alive(stale, old.ref), Verdict::fenced);
  EXPECT_EQ(fail(stale, old.ref, FailKind::dead), Verdict::fenced);
  EXPECT_EQ(state(id), JobState::leased);
  EXPECT_EQ(done(fresh, now.ref, "\"fresh\""), Verdict::accepted);
  EXPECT_EQ(info(id, true)->result, "\"fresh\"");
  EXPECT_EQ(done(stale, old.ref), Verdict::fenced) << "also after the end";
}

TEST_P(BrokerSuite, AnotherIncarnationWithTheRightTokenIsRefused) {
  const JobId id = enqueue_one(job());
  TestWorker owner;
  const Lease lease = take_one(owner);
  TestWorker thief;
  EXPECT_EQ(alive(thief, lease.ref), Verdict::fenced);
  EXPECT_EQ(fail(thief, lease.ref, FailKind::cancelled), Verdict::fenced);
  EXPECT_EQ(done(thief, lease.ref), Verdict::fenced);
  EXPECT_EQ(state(id), JobState::leased);
}

TEST_P(BrokerSuite, AnotherIncarnationWithTheTokenThatEndedAJobIsNotToldThatItDid) {
  // After a rollback two runs can have the same token.
  JobSpec again = job();
  again.max_attempts = 3;
  enqueue({job(), again});
  TestWorker owner;
  const std::vector<Lease> leases = take(owner, 2);
  ASSERT_EQ(leases.size(), 2U);
  EXPECT_EQ(done(owner, leases[0].ref), Verdict::accepted);
  EXPECT_EQ(fail(owner, leases[1].ref, FailKind::retry, Milliseconds(0)), Verdict::accepted);
  TestWorker other;
  take(other, 0);
  EXPECT_EQ(done(other, leases[0].ref), Verdict::fenced);
  EXPECT_EQ(fail(other, leases[1].ref, FailKind::retry), Verdict::fenced);
  EXPECT_EQ(done(owner, leases[0].ref), Verdict::already_accepted);
  EXPECT_EQ(fail(owner, leases[1].ref, FailKind::retry), Verdict::already_accepted);
  take_one(other);
  EXPECT_EQ(fail(other, leases[1].ref, FailKind::retry), Verdict::fenced);
  EXPECT_EQ(fail(owner, leases[1].ref, FailKind::retry), Verdict::fenced) << "another one has it now";
  pass(31s);
  EXPECT_EQ(fail(owner, leases[1].ref, FailKind::retry), Verdict::fenced) << "another one had it since";
}

TEST_P(BrokerSuite, TokensGoByTheClockSoThatNoneComesAgainWhereTheStoreForgot) {
  // What a store that was set back to an older copy does is what an empty one does.
  JobSpec spec = job();
  enqueue_one(spec);
  TestWorker first;
  const std::uint64_t token = take_one(first).ref.token;
  clock_.advance(1ms);
  reopen(Limits{});
  enqueue_one(spec);
  TestWorker second;
  EXPECT_GT(take_one(second).ref.token, token);
}

TEST_P(BrokerSuite, TokensGrowWhereTheClockStandsStillOrGoesBack) {
  std::vector<JobSpec> jobs(300);
  for (JobSpec& spec : jobs) spec = job();
  enqueue(jobs);
  TestWorker worker;
  std::uint64_t last = 0;
  for (int calls = 0; calls < 3; ++calls) {
    for (const Lease& lease : take(worker, 100)) {
      EXPECT_TRUE(lease.ref.token > last || !global_order());  // each shard has its own
      last = lease.ref.token;
      EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
    }
    clock_.step_wall(-1h);
  }
}

TEST_P(BrokerSuite, AHintFromElsewhereIsNotTrusted) {
  enqueue({job(), job()});
  TestWorker worker;
  const std::vector<Lease> leases = take(worker, 2);
  ASSERT_EQ(leases.size(), 2U);
  LeaseRef swapped = leases[0].ref;
  swapped.hint = leases[1].ref.hint;
  EXPECT_EQ(done(worker, swapped), Verdict::accepted);
  EXPECT_EQ(state(leases[0].ref.id), JobState::done);
  EXPECT_EQ(state(leases[1].ref.id), JobState::leased);
  LeaseRef wild = leases[1].ref;
  wild.hint = ~std::uint64_t{0};
  EXPECT_EQ(alive(worker, wild), Verdict::accepted);
  wild.hint = 0;
  EXPECT_EQ(done(worker, wild), Verdict::accepted);
  EXPECT_EQ(done(worker, LeaseRef{}), Verdict::unknown);
}

TEST_P(BrokerSuite, ALateAcknowledgementCountsUntilSomebodyHasRecoveredTheJob) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  clock_.advance(1h);
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  EXPECT_EQ(state(id), JobState::done);
}

TEST_P(BrokerSuite, AliveExtendsTheLease) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  for (int i = 0; i < 5; ++i) {
    pass(20s);
    EXPECT_EQ(alive(worker, lease.ref), Verdict::accepted);
    EXPECT_EQ(info(id)->lease_until, clock_.wall() + 30'000);
  }
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
}

TEST_P(BrokerSuite, TheNextDueTimeIsTheEarliestLeasesEnd) {
  enqueue({job(), job()});
  TestWorker slow;
  slow.lease = 50s;
  take(slow);
  TestWorker quick;
  quick.lease = 10s;
  EXPECT_EQ(cycle(quick.next(1)).next_due, clock_.wall() + 10'000);
}

TEST_P(BrokerSuite, RecoveringAJobThatHadNotBegunCountsNothing) {
  const JobId id = enqueue_one(job());
  for (int i = 0; i < 5; ++i) {
    TestWorker worker;
    EXPECT_EQ(take_one(worker).attempt, 1U);
    pass(31s);
    const std::optional<JobInfo> found = info(id);
    EXPECT_EQ(found->state, JobState::ready);
    EXPECT_EQ(found->crashes, 0U);
    EXPECT_EQ(found->attempt, 0U);
  }
}

TEST_P(BrokerSuite, OnceStartedALeaseStaysStarted) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  alive(worker, lease.ref);
  CycleRequest request = worker.next();
  request.alive.emplace_back(lease.ref);
  request.alive[0].started = false;
  cycle(request);
  pass(31s);
  EXPECT_EQ(info(id)->crashes, 1U);
}

TEST_P(BrokerSuite, ALeaseSaysThatItsAttemptWasLostWithAWorkerBefore) {
  JobSpec spec = job();
  spec.max_attempts = 3;
  enqueue_one(spec);
  TestWorker first;
  EXPECT_FALSE(take_one(first).lost_before);
  pass(31s);  // gone before it reported a start: no crash, but the next worker shall report first
  TestWorker second;
  const Lease again = take_one(second);
  EXPECT_TRUE(again.lost_before);
  EXPECT_EQ(info(again.ref.id)->crashes, 0U);
  CycleRequest request = second.next();
  request.failed.emplace_back(again.ref, FailKind::retry, JobError("exception", "boom"));
  request.failed[0].delay = Milliseconds(0);
  cycle(request);
  TestWorker third;
  EXPECT_FALSE(take_one(third).lost_before) << "a new attempt begins clean";
}

TEST_P(BrokerSuite, ACrashCostsNoAttempt) {
  JobSpec spec = job();
  spec.max_attempts = 1;
  const JobId id = enqueue_one(spec);
  crash(id);
  const std::optional<JobInfo> found = info(id);
  EXPECT_EQ(found->state, JobState::ready);
  EXPECT_EQ(found->crashes, 1U);
  TestWorker worker;
  const Lease lease = take_one(worker);
  EXPECT_EQ(lease.attempt, 1U);
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
}

TEST_P(BrokerSuite, ASuspectIsGivenOnlyToAWorkerThatIsAloneAndBeforeAnythingElse) {
  const JobId poison = enqueue_one(job("poison"));
  crash(poison);
  crash(poison);
  JobSpec urgent = job("urgent");
  urgent.priority = 10;
  enqueue({urgent, job()});
  TestWorker worker;
  CycleReply reply = cycle(worker.next(0));
  EXPECT_EQ(reply.suspects, 1U);
  TestWorker alone;
  CycleRequest request = alone.next(10);
  request.alone = true;
  reply = cycle(request);
  ASSERT_EQ(ids_of(reply.leases), std::vector{poison});
  EXPECT_TRUE(reply.leases[0].alone);
  EXPECT_EQ(reply.suspects, 0U);
  const std::vector<Lease> others = take(worker, 10);
  EXPECT_EQ(others.size(), 2U);
  for (const Lease& lease : others) EXPECT_FALSE(lease.alone);
}

TEST_P(BrokerSuite, AWorkerThatIsAloneGetsOrdinaryJobsWhereThereIsNoSuspect) {
  enqueue({job(), job()});
  TestWorker worker;
  CycleRequest request = worker.next(10);
  request.alone = true;
  const CycleReply reply = cycle(request);
  ASSERT_EQ(reply.leases.size(), 2U);
  EXPECT_FALSE(reply.leases[0].alone);
}

TEST_P(BrokerSuite, AJobThatKillsItsWorkerWhileAloneIsQuarantined) {
  JobSpec spec = job("poison");
  spec.max_crashes = 2;
  const JobId id = enqueue_one(spec);
  EXPECT_FALSE(crash(id));
  EXPECT_FALSE(crash(id));
  EXPECT_TRUE(crash(id, true));
  EXPECT_EQ(state(id), JobState::ready) << "one crash while alone of two";
  EXPECT_TRUE(crash(id, true));
  const std::optional<JobInfo> ended = info(id);
  EXPECT_EQ(ended->state, JobState::dead);
  EXPECT_EQ(ended->crashes, 4U);
  ASSERT_TRUE(ended->error);
  EXPECT_EQ(ended->error->type, "quarantine");
}

TEST_P(BrokerSuite, MaxCrashesZeroMeansNeitherSuspicionNorQuarantine) {
  JobSpec spec = job("trusted");
  spec.max_crashes = 0;
  const JobId id = enqueue_one(spec);
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(crash(id));
    EXPECT_FALSE(crash(id, true)) << "a worker that is alone gets it as any other job";
  }
  EXPECT_EQ(info(id)->crashes, 12U);
  enqueue_one(job());
  TestWorker worker;
  CycleReply reply = cycle(worker.next(2));
  EXPECT_EQ(reply.suspects, 0U);
  ASSERT_EQ(reply.leases.size(), 2U) << "it runs beside others";
  EXPECT_FALSE(reply.leases[0].alone);
}

TEST_P(BrokerSuite, AnInnocentNeighbourOfAPoisonJobIsNotQuarantined) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  // Both ran in the worker that died, twice; alone, the innocent one succeeds and the other one dies.
  JobSpec poison = job("poison");
  poison.max_crashes = 1;
  const JobSpec innocent = job("innocent");
  enqueue({poison, innocent});
  for (int i = 0; i < 2; ++i) {
    TestWorker doomed;
    const std::vector<Lease> leases = take(doomed, 2);
    ASSERT_EQ(leases.size(), 2U);
    for (const Lease& lease : leases) alive(doomed, lease.ref);
    pass(31s);
  }
  TestWorker worker;
  EXPECT_EQ(cycle(worker.next(5)).suspects, 2U);
  crash(poison.id, true);
  EXPECT_EQ(state(poison.id), JobState::dead);
  CycleRequest request = worker.next(5);
  request.alone = true;
  const CycleReply reply = cycle(request);
  ASSERT_EQ(ids_of(reply.leases), std::vector{innocent.id});
  EXPECT_EQ(done(worker, reply.leases[0].ref), Verdict::accepted);
}

TEST_P(BrokerSuite, ARetriedSuspectStaysOneButItsCrashesWhileAloneCountAnew) {
  JobSpec spec = job("poison");
  spec.max_crashes = 2;
  const JobId id = enqueue_one(spec);
  crash(id);
  crash(id);
  crash(id, true);
  crash(id, true);
  EXPECT_EQ(state(id), JobState::dead);
  EXPECT_TRUE(retry(id));
  TestWorker worker;
  EXPECT_TRUE(take(worker, 5).empty());
  EXPECT_TRUE(crash(id, true));
  EXPECT_EQ(state(id), JobState::ready);
}

TEST_P(BrokerSuite, AHolderWhoseProcessIsGoneIsNotWaitedFor) {
  const std::string self = this_process();
  if (self.empty()) GTEST_SKIP() << "no /proc here";
  // The same pid, started at another time: a process that is gone, whose pid was given to somebody else.
  const std::string gone = self.substr(0, self.rfind('/')) + "/1";
  const JobId id = enqueue_one(job());
  TestWorker dead("dead", gone);
  dead.lease = 1h;
  const Lease lease = take_one(dead);
  TestWorker worker("live", self);
  std::vector<Lease> leases;
  for (int second = 0; second < 10 && leases.empty(); ++second) {
    clock_.advance(1s);
    leases = take(worker);
  }
  EXPECT_EQ(ids_of(leases), std::vector{id});
  EXPECT_EQ(info(id)->crashes, 0U) << "it had not been reported started";
}

TEST_P(BrokerSuite, AHolderThatMayLiveKeepsItsLease) {
  enqueue({job(), job(), job()});
  TestWorker here("here", this_process());
  TestWorker elsewhere("elsewhere", "another-boot/4026531836/1/1");
  TestWorker silent("silent");
  take_one(here);
  take_one(elsewhere);
  take_one(silent);
  for (int i = 0; i < 5; ++i) pass(5s);
  EXPECT_EQ(count(JobState::leased), 3U);
}

}  // namespace
}  // namespace broker_suite

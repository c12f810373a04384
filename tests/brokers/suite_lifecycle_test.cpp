// One job's way through the state chart of coterie/queue/job.hpp, edge by edge.
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, AJobGoesFromReadyOverLeasedToDone) {
  JobSpec spec = job("resize");
  spec.payload = R"({"width":3})";
  spec.priority = 7;
  spec.timeout = 5s;
  const JobId id = enqueue_one(spec);
  EXPECT_EQ(state(id), JobState::ready);
  TestWorker worker("w1");
  const Lease lease = take_one(worker);
  EXPECT_EQ(lease.ref.id, id);
  EXPECT_EQ(lease.queue, "default");
  EXPECT_EQ(lease.name, "resize");
  EXPECT_EQ(lease.payload, R"({"width":3})");
  EXPECT_EQ(lease.priority, 7);
  EXPECT_EQ(lease.attempt, 1U);
  EXPECT_EQ(lease.max_attempts, 4U);
  EXPECT_EQ(lease.timeout, 5s);
  EXPECT_FALSE(lease.alone);
  const std::optional<JobInfo> running = info(id);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->state, JobState::leased);
  EXPECT_EQ(running->worker, "w1");
  EXPECT_EQ(running->started_at, clock_.wall());
  EXPECT_EQ(running->lease_until, clock_.wall() + 30'000);
  clock_.advance(1s);
  EXPECT_EQ(done(worker, lease.ref, R"({"ok":true})"), Verdict::accepted);
  const std::optional<JobInfo> ended = info(id, true);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state, JobState::done);
  EXPECT_EQ(ended->result, R"({"ok":true})");
  EXPECT_EQ(ended->payload, R"({"width":3})");
  EXPECT_EQ(ended->attempt, 1U);
  EXPECT_EQ(ended->finished_at, clock_.wall());
  EXPECT_EQ(ended->lease_until, 0);
  EXPECT_FALSE(ended->error);
}

TEST_P(BrokerSuite, BodiesComeOnlyWhereTheyAreAskedFor) {
  const JobId id = enqueue_one(job());
  const std::optional<JobInfo> found = info(id, false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->payload, "");
  EXPECT_FALSE(info(new_uuid()));
}

TEST_P(BrokerSuite, ADelayedJobIsReadyWhenItIsDue) {
  JobSpec spec = job();
  spec.delay = 10s;
  const JobId id = enqueue_one(spec);
  EXPECT_EQ(state(id), JobState::scheduled);
  TestWorker worker;
  clock_.advance(9'999ms);
  CycleReply reply = cycle(worker.next(1));
  EXPECT_TRUE(reply.leases.empty());
  EXPECT_EQ(reply.next_due, clock_.wall() + 1);
  clock_.advance(1ms);
  EXPECT_EQ(ids_of(take(worker)), std::vector{id});
}

TEST_P(BrokerSuite, TheLaterOfDelayAndRunAtCounts) {
  JobSpec spec = job();
  spec.delay = 10s;
  spec.run_at = clock_.wall() + 20'000;
  const JobId late = enqueue_one(spec);
  EXPECT_EQ(info(late)->run_at, clock_.wall() + 20'000);
  spec.id = new_uuid();
  spec.delay = 30s;
  EXPECT_EQ(info(enqueue_one(spec))->run_at, clock_.wall() + 30'000);
  spec.id = new_uuid();
  spec.delay = 0s;
  spec.run_at = clock_.wall() - 1'000;
  EXPECT_EQ(state(enqueue_one(spec)), JobState::ready);
}

TEST_P(BrokerSuite, AFailedAttemptWaitsForItsBackoffAndRunsAgainUntilNoneIsLeft) {
  JobSpec spec = job();
  spec.max_attempts = 3;
  spec.backoff.base = 2s;
  spec.backoff.factor = 3;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  const std::vector<Milliseconds> backoff{2s, 6s};
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    const Lease lease = take_one(worker);
    EXPECT_EQ(lease.attempt, attempt);
    EXPECT_EQ(fail(worker, lease.ref, FailKind::retry), Verdict::accepted);
    EXPECT_EQ(state(id), JobState::scheduled);
    clock_.advance(backoff[attempt - 1] - 1ms);
    EXPECT_TRUE(take(worker).empty());
    clock_.advance(1ms);
  }
  EXPECT_EQ(fail(worker, take_one(worker).ref, FailKind::retry), Verdict::accepted);
  const std::optional<JobInfo> ended = info(id);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state, JobState::dead);
  EXPECT_EQ(ended->attempt, 3U);
  ASSERT_TRUE(ended->error);
  EXPECT_EQ(ended->error->type, "exception");
  EXPECT_EQ(ended->error->message, "it did not work");
}

TEST_P(BrokerSuite, TheWorkerMayChooseTheDelayOfARetry) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  fail(worker, take_one(worker).ref, FailKind::retry, 0ms);
  EXPECT_EQ(state(id), JobState::ready);
  fail(worker, take_one(worker).ref, FailKind::retry, 7s);
  EXPECT_EQ(info(id)->run_at, clock_.wall() + 7'000);
}

TEST_P(BrokerSuite, APermanentErrorIsNotRetried) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  EXPECT_EQ(fail(worker, take_one(worker).ref, FailKind::dead), Verdict::accepted);
  EXPECT_EQ(state(id), JobState::dead);
}

TEST_P(BrokerSuite, WhatIsGivenBackCostsNoAttempt) {
  JobSpec spec = job();
  spec.max_attempts = 1;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  for (int i = 0; i < 3; ++i) {
    const Lease lease = take_one(worker);
    EXPECT_EQ(lease.attempt, 1U);
    EXPECT_EQ(fail(worker, lease.ref, FailKind::give_back), Verdict::accepted);
    EXPECT_EQ(state(id), JobState::ready);
    EXPECT_EQ(info(id)->attempt, 0U);
  }
  fail(worker, take_one(worker).ref, FailKind::give_back, 5s);
  EXPECT_EQ(state(id), JobState::scheduled);
  clock_.advance(5s);
  EXPECT_EQ(done(worker, take_one(worker).ref), Verdict::accepted);
}

TEST_P(BrokerSuite, CancellingWhatWaitsIsImmediate) {
  JobSpec later = job();
  later.delay = 1s;
  JobSpec blocked = job();
  blocked.after = {later.id};
  const JobSpec ready = job();
  enqueue({later, blocked, ready});
  EXPECT_EQ(cancel({blocked.id, later.id, ready.id, new_uuid()}),
            (std::vector{CancelResult::cancelled, CancelResult::cancelled, CancelResult::cancelled,
                         CancelResult::unknown}));
  clock_.advance(2s);
  TestWorker worker;
  EXPECT_TRUE(take(worker, 10).empty());
  EXPECT_EQ(count(JobState::cancelled), 3U);
}

TEST_P(BrokerSuite, CancellingWhatRunsAsksItsWorkerWhichConfirms) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  EXPECT_EQ(cancel({id}), std::vector{CancelResult::requested});
  EXPECT_EQ(state(id), JobState::leased);
  EXPECT_TRUE(info(id)->cancel_requested);
  bool asked = false;
  EXPECT_EQ(alive(worker, lease.ref, &asked), Verdict::accepted);
  EXPECT_TRUE(asked);
  EXPECT_EQ(fail(worker, lease.ref, FailKind::cancelled), Verdict::accepted);
  EXPECT_EQ(state(id), JobState::cancelled);
}

TEST_P(BrokerSuite, AJobThatEndsBeforeItHeardOfItsCancelIsDone) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  cancel({id});
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  EXPECT_EQ(state(id), JobState::done);
  EXPECT_EQ(cancel({id}), std::vector{CancelResult::final});
}

TEST_P(BrokerSuite, AJobWhoseCancelWasRequestedDoesNotRunAgain) {
  for (const FailKind kind : {FailKind::retry, FailKind::give_back}) {
    const JobId id = enqueue_one(job());
    TestWorker worker;
    const Lease lease = take_one(worker);
    cancel({id});
    EXPECT_EQ(fail(worker, lease.ref, kind, 0ms), Verdict::accepted);
    EXPECT_EQ(state(id), JobState::cancelled);
  }
  const JobId id = enqueue_one(job());
  TestWorker worker;
  take_one(worker);
  cancel({id});
  pass(31s);
  EXPECT_EQ(state(id), JobState::cancelled);
}

TEST_P(BrokerSuite, AJobThatNobodyBeganInTimeExpires) {
  JobSpec ready = job();
  ready.expires_at = clock_.wall() + 10'000;
  JobSpec scheduled = ready;
  scheduled.id = new_uuid();
  scheduled.delay = 60s;
  enqueue({ready, scheduled});
  TestWorker worker;
  EXPECT_EQ(cycle(worker.next()).next_due, clock_.wall() + 10'000);
  clock_.advance(10s);
  EXPECT_TRUE(take(worker, 10).empty());
  EXPECT_EQ(state(ready.id), JobState::expired);
  EXPECT_EQ(state(scheduled.id), JobState::expired);
}

TEST_P(BrokerSuite, AJobThatWasBegunInTimeDoesNotExpire) {
  JobSpec spec = job();
  spec.expires_at = clock_.wall() + 10'000;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  const Lease lease = take_one(worker);
  clock_.advance(11s);
  EXPECT_EQ(fail(worker, lease.ref, FailKind::retry, 0ms), Verdict::accepted);
  EXPECT_EQ(state(id), JobState::ready);
  EXPECT_EQ(ids_of(take(worker)), std::vector{id});
}

TEST_P(BrokerSuite, WhatWasGivenBackCanStillExpire) {
  JobSpec spec = job();
  spec.expires_at = clock_.wall() + 10'000;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  fail(worker, take_one(worker).ref, FailKind::give_back);
  clock_.advance(10s);
  EXPECT_TRUE(take(worker).empty());
  EXPECT_EQ(state(id), JobState::expired);
}

TEST_P(BrokerSuite, RetryByHandGivesAllAttemptsAgain) {
  JobSpec spec = job();
  spec.max_attempts = 1;
  spec.expires_at = clock_.wall() + 5'000;
  const JobId dead = enqueue_one(spec);
  TestWorker worker;
  const Lease lease = take_one(worker);
  EXPECT_FALSE(retry(dead)) << "it runs";
  fail(worker, lease.ref, FailKind::retry);
  EXPECT_EQ(state(dead), JobState::dead);
  clock_.advance(6s);
  EXPECT_TRUE(retry(dead));
  EXPECT_FALSE(retry(dead)) << "it is ready already";
  const std::optional<JobInfo> again = info(dead);
  EXPECT_EQ(again->state, JobState::ready);
  EXPECT_EQ(again->attempt, 0U);
  EXPECT_EQ(again->finished_at, 0);
  const Lease second = take_one(worker);
  EXPECT_EQ(second.attempt, 1U);
  EXPECT_GT(second.ref.token, lease.ref.token);
  EXPECT_EQ(done(worker, second.ref), Verdict::accepted);
  EXPECT_FALSE(retry(dead)) << "it is done";
  EXPECT_FALSE(retry(new_uuid()));
}

TEST_P(BrokerSuite, CancelledAndExpiredJobsCanBeRetried) {
  JobSpec expiring = job();
  expiring.expires_at = clock_.wall() + 1'000;
  const JobSpec cancelled = job();
  enqueue({expiring, cancelled});
  cancel({cancelled.id});
  pass(1s);
  EXPECT_TRUE(retry(expiring.id));
  EXPECT_TRUE(retry(cancelled.id));
  TestWorker worker;
  EXPECT_EQ(ids_of(take(worker, 10)), (std::vector{expiring.id, cancelled.id}));
}

TEST_P(BrokerSuite, ProgressIsKeptAndItsNoteCleaned) {
  const JobId id = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  CycleRequest request = worker.next();
  request.alive.emplace_back(lease.ref);
  request.alive[0].progress = 0.25;
  request.alive[0].note = "a quarter \xff";
  cycle(request);
  EXPECT_EQ(info(id)->progress, 0.25);
  EXPECT_EQ(info(id)->progress_note, "a quarter \xEF\xBF\xBD");
  alive(worker, lease.ref);
  EXPECT_EQ(info(id)->progress, 0.25) << "negative progress means unchanged";
}

}  // namespace
}  // namespace broker_suite

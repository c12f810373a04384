// Pausing queues, and taking jobs to another broker.
#include <algorithm>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, APausedQueueGivesNothingUntilItIsResumed) {
  const JobId id = enqueue_one(job());
  await(broker().pause("default"));
  EXPECT_EQ(await(broker().paused()), std::vector<std::string>{"default"});
  TestWorker worker;
  CycleRequest request = worker.next(1);
  request.names = {"another"};
  const CycleReply reply = cycle(request);
  EXPECT_TRUE(reply.leases.empty());
  EXPECT_TRUE(reply.unhandled.empty()) << "it is not the handler that is missing";
  EXPECT_EQ(state(id), JobState::ready);
  await(broker().resume("default"));
  EXPECT_TRUE(await(broker().paused()).empty());
  EXPECT_EQ(take_one(worker).ref.id, id);
}

TEST_P(BrokerSuite, PausingOneQueueLeavesTheOthersAlone) {
  JobSpec other = job();
  other.queue = "default2";
  const JobId id = enqueue_one(other);
  await(broker().pause("default"));
  await(broker().pause("2"));
  TestWorker worker;
  EXPECT_EQ(ids_of(cycle(worker.next(5, {"default", "default2"})).leases), std::vector{id});
}

TEST_P(BrokerSuite, WhatRunsInAPausedQueueEndsAndWhatIsDueBecomesReady) {
  const JobId runs = enqueue_one(job());
  TestWorker worker;
  const Lease lease = take_one(worker);
  JobSpec later = job();
  later.delay = 10s;
  const JobId due = enqueue_one(later);
  await(broker().pause("default"));
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  EXPECT_EQ(state(runs), JobState::done);
  pass(10s);
  EXPECT_EQ(state(due), JobState::ready);
  EXPECT_TRUE(take(worker).empty());
}

TEST_P(BrokerSuite, PausingIsKeptAndCanBeRepeated) {
  under_every_fate([this](Fate fate) {
    const JobId id = enqueue_one(job());
    deliver(fate, [this] { return await(broker().pause("default")), 0; });
    TestWorker worker;
    EXPECT_TRUE(take(worker).empty());
    deliver(fate, [this] { return await(broker().resume("default")), 0; });
    EXPECT_EQ(take_one(worker).ref.id, id);
  });
}

TEST_P(BrokerSuite, ResumingTellsThoseThatWait) {
  enqueue_one(job());
  await(broker().pause("default"));
  const std::uint64_t before = version();
  await(broker().resume("default"));
  EXPECT_NE(version(), before);
}

TEST_P(BrokerSuite, NoMoreThanAThousandQueuesArePaused) {
  for (int i = 0; i < 1000; ++i) await(broker().pause("q" + std::to_string(i)));
  await(broker().pause("q0"));
  EXPECT_THROW(await(broker().pause("one more")), BadRequest);
  EXPECT_THROW(await(broker().pause("")), BadRequest);
  EXPECT_EQ(await(broker().paused()).size(), 1000U);
}

std::optional<JobExport> export_of(BrokerSuite& suite, const JobId& id, bool payload = true) {
  const std::vector<std::optional<JobExport>> found = suite.await(suite.broker().export_jobs({id}, payload));
  EXPECT_EQ(found.size(), 1U);
  return found.empty() ? std::nullopt : found[0];
}

TEST_P(BrokerSuite, AnExportSaysAllThatTheProducerSaid) {
  JobSpec spec = job("resize");
  spec.queue = "pictures";
  spec.payload = std::string(5000, 'x');
  spec.payload.front() = spec.payload.back() = '"';
  spec.priority = -7;
  spec.run_at = clock_.wall() + 60'000;
  spec.expires_at = clock_.wall() + 90'000;
  spec.max_attempts = 9;
  spec.backoff.base = 3s;
  spec.backoff.factor = 1.5;
  spec.timeout = 5s;
  spec.result_ttl = 7s;
  spec.max_crashes = 4;
  enqueue_one(spec);
  const std::optional<JobExport> found = export_of(*this, spec.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, JobState::scheduled);
  EXPECT_EQ(found->spec.id, spec.id);
  EXPECT_EQ(found->spec.queue, spec.queue);
  EXPECT_EQ(found->spec.name, spec.name);
  EXPECT_EQ(found->spec.payload, spec.payload);
  EXPECT_EQ(found->spec.priority, spec.priority);
  EXPECT_EQ(found->spec.run_at, spec.run_at);
  EXPECT_EQ(found->spec.expires_at, spec.expires_at);
  EXPECT_EQ(found->spec.max_attempts, spec.max_attempts);
  EXPECT_EQ(found->spec.backoff.base, spec.backoff.base);
  EXPECT_EQ(found->spec.backoff.factor, spec.backoff.factor);
  EXPECT_EQ(found->spec.backoff.cap, spec.backoff.cap);
  EXPECT_EQ(found->spec.backoff.jitter, spec.backoff.jitter);
  EXPECT_EQ(found->spec.timeout, spec.timeout);
  EXPECT_EQ(found->spec.result_ttl, spec.result_ttl);
  EXPECT_EQ(found->spec.max_crashes, spec.max_crashes);
  EXPECT_EQ(export_of(*this, spec.id, false)->spec.payload, "");
}

TEST_P(BrokerSuite, AnExportOfAJobThatFailedHasItsAttemptsLeftAndNoTimeToBegin) {
  JobSpec spec = job();
  spec.expires_at = clock_.wall() + 90'000;
  enqueue_one(spec);
  TestWorker worker;
  const Lease lease = take_one(worker);
  fail(worker, lease.ref, FailKind::retry, 20s);
  const std::optional<JobExport> found = export_of(*this, spec.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, JobState::scheduled);
  EXPECT_EQ(found->spec.run_at, clock_.wall() + 20'000);
  EXPECT_EQ(found->spec.max_attempts, 3U);
  EXPECT_EQ(found->spec.expires_at, 0);
}

TEST_P(BrokerSuite, AnExportNamesThoseThatWait) {
  const JobId parent = enqueue_one(job());
  JobSpec child = job();
  child.after = {parent};
  enqueue_one(child);
  JobSpec second = job();
  second.after = {parent, child.id};
  enqueue_one(second);
  std::vector<JobId> expected{child.id, second.id};
  std::vector<JobId> found = export_of(*this, parent)->dependents;
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  EXPECT_EQ(export_of(*this, child.id)->state, JobState::blocked);
  TestWorker worker;
  take_one(worker);
  EXPECT_EQ(export_of(*this, parent)->state, JobState::leased);
}

TEST_P(BrokerSuite, WhatHasEndedAndWhatIsNotKnownIsNotExported) {
  const JobId id = enqueue_one(job());
  cancel({id});
  EXPECT_FALSE(export_of(*this, id));
  EXPECT_FALSE(export_of(*this, new_uuid()));
}

TEST_P(BrokerSuite, AWithdrawnJobIsGoneAndItsIdIsKnownForADay) {
  JobSpec ready = job();
  JobSpec scheduled = job();
  scheduled.delay = 1h;
  JobSpec blocked = job();
  blocked.after = {scheduled.id};
  enqueue({ready, scheduled, blocked});
  using Results = std::vector<Withdrawn>;
  const std::vector<JobId> ids{blocked.id, scheduled.id, ready.id};
  EXPECT_EQ(await(broker().withdraw(ids)), Results(3, Withdrawn::withdrawn));
  EXPECT_EQ(await(broker().withdraw(ids)), Results(3, Withdrawn::unknown)) << "applied, the reply lost";
  EXPECT_TRUE(queues().empty());
  EXPECT_FALSE(info(ready.id));
  EXPECT_EQ(enqueue({ready})[0], Enqueued::exists);
  pass(24h);
  ready.run_at = 0;
  EXPECT_EQ(enqueue({ready})[0], Enqueued::created);
}

TEST_P(BrokerSuite, AWithdrawnJobCanComeBack) {
  JobSpec spec = job();
  enqueue_one(spec);
  await(broker().withdraw({spec.id}));
  await(broker().readmit({spec.id}));
  EXPECT_EQ(enqueue({spec})[0], Enqueued::created);
  await(broker().readmit({spec.id}));
  EXPECT_EQ(enqueue({spec})[0], Enqueued::exists) << "it is there";
  JobSpec later = job();
  later.queue = "elsewhere";
  later.delay = 25h;
  enqueue({later});
  pass(25h);  // when its withdrawal is forgotten, the job is not
  EXPECT_EQ(enqueue({spec})[0], Enqueued::exists);
  TestWorker worker;
  EXPECT_EQ(take_one(worker).ref.id, spec.id);
}

TEST_P(BrokerSuite, AnIdThatHasEndedIsNotReadmitted) {
  JobSpec spec = job();
  enqueue_one(spec);
  cancel({spec.id});
  JobFilter all;
  purge(all);
  EXPECT_FALSE(info(spec.id));
  await(broker().readmit({spec.id, new_uuid()}));
  EXPECT_EQ(enqueue({spec})[0], Enqueued::exists);
}

TEST_P(BrokerSuite, WhatRunsOrHasEndedIsNotWithdrawn) {
  const JobId ended = enqueue_one(job());
  cancel({ended});
  const JobId runs = enqueue_one(job());
  TestWorker worker;
  take_one(worker);
  EXPECT_EQ(await(broker().withdraw({ended, runs})),
            (std::vector<Withdrawn>{Withdrawn::final, Withdrawn::leased}));
  EXPECT_EQ(state(ended), JobState::cancelled);
  EXPECT_EQ(state(runs), JobState::leased);
}

TEST_P(BrokerSuite, AnExportSaysHowManyJobsItWaitsFor) {
  const JobId first = enqueue_one(job());
  const JobId second = enqueue_one(job());
  JobSpec child = job();
  child.after = {first, second, first};
  enqueue_one(child);
  EXPECT_EQ(export_of(*this, first)->waits_for, 0U);
  EXPECT_EQ(export_of(*this, child.id)->waits_for, 2U);
  cancel({first});
  EXPECT_EQ(export_of(*this, child.id)->waits_for, 1U);
}

/// Brokers set so many free in several steps, and no worker is there to take the next one.
TEST_P(BrokerSuite, WhatAnEndedJobHasLeftBlockedIsNotSoInAnExport) {
  const JobId parent = enqueue_one(job());
  std::vector<JobSpec> specs;
  std::vector<JobId> ids;
  for (int i = 0; i < 200; ++i) {
    JobSpec& child = specs.emplace_back(job());
    child.after = {parent};
    ids.push_back(child.id);
  }
  enqueue(specs);
  cancel({parent});
  const std::vector<std::optional<JobExport>> found = await(broker().export_jobs(ids, false));
  for (const std::optional<JobExport>& one : found) {
    ASSERT_TRUE(one);
    EXPECT_EQ(one->state, JobState::ready);
    EXPECT_EQ(one->waits_for, 0U);
  }
}

TEST_P(BrokerSuite, AJobThatOthersWaitForIsNotWithdrawnBeforeThese) {
  const JobId parent = enqueue_one(job());
  JobSpec child = job();
  child.after = {parent};
  enqueue_one(child);
  JobSpec grandchild = job();
  grandchild.after = {child.id};
  enqueue_one(grandchild);
  EXPECT_EQ(await(broker().withdraw({parent}))[0], Withdrawn::awaited);
  EXPECT_EQ(state(parent), JobState::ready);
  EXPECT_EQ(state(child.id), JobState::blocked);
  EXPECT_EQ(await(broker().withdraw({grandchild.id, child.id, parent})),
            std::vector<Withdrawn>(3, Withdrawn::withdrawn));
  EXPECT_TRUE(queues().empty());
}

TEST_P(BrokerSuite, WhoWaitedAndWaitsNoMoreIsNotInTheWayOfAWithdrawal) {
  const JobId parent = enqueue_one(job());
  std::vector<JobId> cancelled;
  std::vector<JobId> withdrawn;
  std::vector<JobSpec> specs;
  for (int i = 0; i < 300; ++i) {
    JobSpec& child = specs.emplace_back(job());
    child.after = {parent};
    (i % 2 == 0 ? cancelled : withdrawn).push_back(child.id);
  }
  JobSpec last = job();
  last.after = {parent};
  specs.push_back(last);
  enqueue(specs);
  cancel(cancelled);
  await(broker().withdraw(withdrawn));
  EXPECT_EQ(await(broker().withdraw({parent}))[0], Withdrawn::awaited);
  EXPECT_EQ(await(broker().withdraw({last.id, parent})),
            (std::vector<Withdrawn>{Withdrawn::withdrawn, Withdrawn::withdrawn}));
  EXPECT_FALSE(info(parent));
}

/// It has not ended: it is at another broker, where nobody here sees its end.
TEST_P(BrokerSuite, NobodyCanWaitForAJobThatWasWithdrawn) {
  JobSpec parent = job();
  enqueue_one(parent);
  JobSpec before = job();
  before.after = {parent.id};
  enqueue_one(before);
  await(broker().withdraw({before.id, parent.id}));
  EXPECT_EQ(enqueue({before})[0], Enqueued::exists);
  JobSpec child = job();
  child.after = {parent.id};
  EXPECT_THROW(enqueue({child}), BadRequest);
  EXPECT_FALSE(info(child.id));
  await(broker().readmit({parent.id}));
  enqueue({parent, child});
  EXPECT_EQ(state(child.id), JobState::blocked);
}

}  // namespace
}  // namespace broker_suite

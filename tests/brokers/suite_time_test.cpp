// The broker's clock, and what it forgets when.
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, TimeNeverGoesBackwards) {
  TestWorker worker;
  const UnixMillis before = cycle(worker.next()).now;
  clock_.step_wall(-1h);
  EXPECT_EQ(cycle(worker.next()).now, before);
  restart();
  EXPECT_GE(cycle(worker.next()).now, before) << "not after a restart either";
  clock_.step_wall(2h);
  EXPECT_EQ(cycle(worker.next()).now, before + 3'600'000);
}

TEST_P(BrokerSuite, AClockSetBackwardsExpiresNothingAndPromotesNothingEarly) {
  JobSpec later = job();
  later.delay = 10s;
  enqueue({later, job()});
  TestWorker worker;
  const Lease lease = take_one(worker);
  clock_.step_wall(-1h);
  pass(1s);
  EXPECT_EQ(state(later.id), JobState::scheduled);
  EXPECT_EQ(state(lease.ref.id), JobState::leased);
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
}

TEST_P(BrokerSuite, AClockSetForwardsExtendsLeasesInsteadOfExpiringThem) {
  std::vector<JobSpec> jobs(20);
  for (JobSpec& spec : jobs) spec = job();
  enqueue(jobs);
  TestWorker worker;
  const std::vector<Lease> leases = take(worker, 20);
  ASSERT_EQ(leases.size(), 20U);
  clock_.step_wall(1h);
  TestWorker other;
  EXPECT_TRUE(take(other, 20).empty());
  EXPECT_EQ(count(JobState::leased), 20U);
  for (const Lease& lease : leases) EXPECT_EQ(alive(worker, lease.ref), Verdict::accepted);
  clock_.step_wall(1h);
  EXPECT_TRUE(take(other, 20).empty());
  clock_.advance(31s);
  EXPECT_EQ(take(other, 20).size(), 20U) << "time that really passed does expire them";
}

TEST_P(BrokerSuite, AJobIsForgottenWhenItsTtlHasRunOutButItsIdIsKnownForADay) {
  JobSpec spec = job();
  spec.result_ttl = 1h;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  done(worker, take_one(worker).ref, "\"result\"");
  pass(59min);
  EXPECT_EQ(info(id, true)->result, "\"result\"");
  pass(2min);
  EXPECT_FALSE(info(id));
  EXPECT_EQ(cancel({id}), std::vector{CancelResult::unknown});
  EXPECT_FALSE(retry(id));
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(22h);
  restart();
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(25h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
}

TEST_P(BrokerSuite, AClockSetForwardsForgetsNeitherResultsNorIds) {
  JobSpec spec = job();
  spec.result_ttl = 30min;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  done(worker, take_one(worker).ref, "\"result\"");
  const auto step = [&] {
    clock_.step_wall(25h);
    for (int calls = 0; calls < 3; ++calls) cycle(worker.next(1));
  };
  step();
  EXPECT_EQ(info(id, true)->result, "\"result\"");
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(31min);
  EXPECT_FALSE(info(id)) << "its time has passed";
  step();
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(23h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(1h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
}

TEST_P(BrokerSuite, ARetriedJobIsKeptFromItsNewEndAlsoWhereTheClockIsSetForwards) {
  JobSpec spec = job();
  spec.result_ttl = 30min;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  const auto step = [&] {
    clock_.step_wall(25h);
    for (int calls = 0; calls < 3; ++calls) cycle(worker.next());
  };
  cycle(worker.next());
  step();
  cancel({id});
  pass(20min);
  ASSERT_TRUE(retry(id));
  done(worker, take_one(worker).ref, "\"result\"");
  step();
  pass(29min);
  EXPECT_EQ(info(id, true)->result, "\"result\"") << "20 min after its first end it ended anew";
  pass(2min);
  EXPECT_FALSE(info(id));
  pass(23h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(1h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
}

// As two processes on one file or server do.
TEST_P(BrokerSuite, AStepOfTheClockThatTwoBrokersSeeCountsOnce) {
  const std::shared_ptr<Broker> another = open_another();
  TestWorker worker;
  TestWorker other;
  JobSpec spec = job();
  spec.result_ttl = 30min;
  enqueue_one(spec);
  done(worker, take_one(worker).ref, "1");
  const JobId held = enqueue_one(job());
  take_one(worker);
  await(another->cycle(other.next()));
  clock_.step_wall(25h);
  for (int calls = 0; calls < 2; ++calls) {
    cycle(worker.next());
    await(another->cycle(other.next()));
  }
  clock_.advance(29s);
  EXPECT_TRUE(take(worker).empty()) << "its holder had nothing of the step";
  clock_.advance(2s);
  EXPECT_EQ(ids_of(take(worker)), std::vector{held});
  pass(29min);
  EXPECT_TRUE(info(spec.id));
  pass(1min);
  EXPECT_FALSE(info(spec.id)) << "its time has passed";
}

TEST_P(BrokerSuite, APurgeAfterAStepOfTheClockKeepsTheId) {
  const JobSpec spec = job();
  enqueue_one(spec);
  TestWorker worker;
  cycle(worker.next());
  cancel({spec.id});
  clock_.step_wall(25h);
  cycle(worker.next());
  EXPECT_EQ(purge(JobFilter{}), 1U);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(25h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
}

TEST_P(BrokerSuite, ALongTtlKeepsJobAndResult) {
  JobSpec spec = job();
  spec.result_ttl = 24h * 30;
  const JobId id = enqueue_one(spec);
  TestWorker worker;
  done(worker, take_one(worker).ref, "7");
  pass(24h * 29);
  EXPECT_EQ(info(id, true)->result, "7");
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  pass(24h * 2);
  EXPECT_FALSE(info(id));
}

TEST_P(BrokerSuite, APurgedJobsIdIsKnownForADayAfterItsEnd) {
  const JobSpec spec = job();
  enqueue_one(spec);
  cancel({spec.id});
  pass(12h);
  EXPECT_EQ(purge(JobFilter{}), 1U);
  EXPECT_FALSE(info(spec.id));
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  restart();
  pass(11h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::exists});
  EXPECT_FALSE(info(spec.id)) << "nothing was created";
  pass(2h);
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
  EXPECT_EQ(state(spec.id), JobState::ready);
}

TEST_P(BrokerSuite, APurgeForgetsAtMostItsLimit) {
  std::vector<JobSpec> jobs(25);
  std::vector<JobId> ids;
  for (JobSpec& spec : jobs) {
    spec = job();
    ids.push_back(spec.id);
  }
  enqueue(jobs);
  cancel(ids);
  JobFilter filter;
  filter.limit = 10;
  EXPECT_EQ(purge(filter), 10U);
  EXPECT_EQ(count(JobState::cancelled), 15U);
  filter.state = JobState::done;
  EXPECT_EQ(purge(filter), 0U);
  filter.state = JobState::cancelled;
  EXPECT_EQ(purge(filter), 10U);
  EXPECT_EQ(purge(filter), 5U);
}

TEST_P(BrokerSuite, ManyJobsMayBeDueAtTheSameMoment) {
  std::vector<JobSpec> jobs(10'000);
  for (JobSpec& spec : jobs) {
    spec = job();
    spec.delay = 1s;
  }
  enqueue(jobs);
  clock_.advance(1s);
  TestWorker worker;
  std::size_t taken = 0;
  for (int calls = 0; calls < 100 && taken < jobs.size(); ++calls) {
    const CycleReply reply = cycle(worker.next(1'000));
    taken += reply.leases.size();
    ASSERT_NE(reply.next_due, 0);
  }
  EXPECT_EQ(taken, jobs.size());
}

}  // namespace
}  // namespace broker_suite

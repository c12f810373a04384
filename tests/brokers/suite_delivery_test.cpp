// A call or its reply can be lost, and then the caller repeats the call: at once, after others have called,
// or after the broker was restarted. Each call under each fate must end as if it had arrived once.
#include <gmock/gmock.h>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, AnEnqueueCreatesItsJobsOnce) {
  under_every_fate([this](Fate fate) {
    JobSpec first = job("first");
    JobSpec second = job("second");
    second.after = {first.id};
    const std::vector<Enqueued> verdicts = deliver(fate, [&] { return enqueue({first, second, first}); });
    const Enqueued expected = fate == Fate::lost_before ? Enqueued::created : Enqueued::exists;
    EXPECT_EQ(verdicts, (std::vector{expected, expected, Enqueued::exists}));
    EXPECT_EQ(count(JobState::ready), 1U);
    EXPECT_EQ(count(JobState::blocked), 1U);
  });
}

TEST_P(BrokerSuite, AnEnqueueThatIsRepeatedAfterTheJobRanDoesNotRunItAgain) {
  under_every_fate([this](Fate fate) {
    const JobSpec spec = job();
    enqueue({spec});
    TestWorker worker;
    done(worker, take_one(worker).ref, "\"first\"");
    EXPECT_EQ(deliver(fate, [&] { return enqueue({spec}); }), std::vector{Enqueued::exists});
    EXPECT_TRUE(take(worker).empty());
    EXPECT_EQ(info(spec.id, true)->result, "\"first\"");
  });
}

TEST_P(BrokerSuite, ACycleTakesEachJobOnce) {
  under_every_fate([this](Fate fate) {
    enqueue({job(), job(), job(), job()});
    TestWorker worker;
    const CycleRequest request = worker.next(3);
    std::vector<CycleReply> replies;
    const CycleReply last = deliver(fate, [&] {
      replies.push_back(cycle(request));
      return replies.back();
    });
    EXPECT_EQ(last.repeated, replies.size() > 1);
    ASSERT_EQ(last.leases.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(last.leases[i].ref.id, replies[0].leases[i].ref.id);
      EXPECT_EQ(last.leases[i].ref.token, replies[0].leases[i].ref.token);
      EXPECT_EQ(last.leases[i].payload, "{}");
      EXPECT_EQ(last.leases[i].attempt, 1U);
    }
    EXPECT_EQ(count(JobState::leased), 3U);
    EXPECT_EQ(count(JobState::ready), 1U);
    for (const Lease& lease : last.leases) EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  });
}

TEST_P(BrokerSuite, ACycleSettlesEachJobOnceAndRepeatsItsVerdicts) {
  under_every_fate([this](Fate fate) {
    enqueue({job(), job(), job(), job(), job()});
    TestWorker worker;
    const std::vector<Lease> leases = take(worker, 4);
    ASSERT_EQ(leases.size(), 4U);
    cancel({leases[2].ref.id});
    CycleRequest request = worker.next(1);
    request.done.emplace_back(leases[0].ref, "\"result\"");
    request.done.emplace_back(LeaseRef(new_uuid(), 1, 0), "null");
    request.failed.emplace_back(leases[1].ref, FailKind::retry, JobError("exception", "no"));
    request.failed.emplace_back(LeaseRef(leases[3].ref.id, leases[3].ref.token + 1000, 0), FailKind::dead,
                                JobError());
    request.alive.emplace_back(leases[2].ref);
    const CycleReply reply = deliver(fate, [&] { return cycle(request); });
    EXPECT_EQ(reply.done, (std::vector{Verdict::accepted, Verdict::unknown}));
    EXPECT_EQ(reply.failed, (std::vector{Verdict::accepted, Verdict::fenced}));
    EXPECT_EQ(reply.alive, std::vector{Verdict::accepted});
    EXPECT_EQ(reply.cancel, std::vector{leases[2].ref.id});
    EXPECT_EQ(reply.leases.size(), 1U);
    EXPECT_EQ(info(leases[0].ref.id, true)->result, "\"result\"");
    EXPECT_EQ(info(leases[1].ref.id)->attempt, 1U);
    EXPECT_EQ(state(leases[1].ref.id), JobState::scheduled);
  });
}

TEST_P(BrokerSuite, AcknowledgingAgainInALaterCallChangesNothing) {
  under_every_fate([this](Fate fate) {
    enqueue({job(), job()});
    TestWorker worker;
    const std::vector<Lease> leases = take(worker, 2);
    ASSERT_EQ(leases.size(), 2U);
    const Verdict done_verdict = deliver(fate, [&] { return done(worker, leases[0].ref, "1"); });
    const Verdict failed_verdict =
        deliver(fate, [&] { return fail(worker, leases[1].ref, FailKind::retry); });
    const Verdict expected = fate == Fate::lost_before ? Verdict::accepted : Verdict::already_accepted;
    EXPECT_EQ(done_verdict, expected);
    EXPECT_EQ(failed_verdict, expected);
    EXPECT_EQ(info(leases[1].ref.id)->attempt, 1U);
    EXPECT_EQ(fail(worker, leases[0].ref, FailKind::dead), Verdict::fenced) << "it was decided otherwise";
    EXPECT_EQ(done(worker, leases[1].ref), Verdict::fenced) << "it was decided otherwise";
    clock_.advance(1s);
    const Lease again = take_one(worker);
    EXPECT_EQ(fail(worker, leases[1].ref, FailKind::retry), Verdict::fenced)
        << "a newer lease is not touched";
    EXPECT_EQ(done(worker, again.ref), Verdict::accepted);
    EXPECT_EQ(fail(worker, leases[1].ref, FailKind::retry), Verdict::fenced)
        << "another lease settled it last";
  });
}

TEST_P(BrokerSuite, ACallWithALowerNumberIsRefusedAndChangesNothing) {
  under_every_fate([this](Fate fate) {
    enqueue({job(), job()});
    TestWorker worker;
    const CycleRequest old = worker.next(1);
    deliver(fate, [&] { return cycle(old); });
    cycle(worker.next());
    EXPECT_THROW(cycle(old), BadRequest);
    EXPECT_EQ(count(JobState::leased), 1U);
    EXPECT_EQ(take(worker).size(), 1U) << "the next number is as good as ever";
  });
}

TEST_P(BrokerSuite, ARepeatedCycleLeavesOutWhatWasLostSince) {
  enqueue({job(), job()});
  TestWorker worker;
  const CycleRequest request = worker.next(2);
  const CycleReply first = cycle(request);
  ASSERT_EQ(first.leases.size(), 2U);
  clock_.advance(31s);
  TestWorker other;
  const std::vector<JobId> taken = ids_of(take(other, 1));
  ASSERT_EQ(taken.size(), 1U);
  if (global_order()) {
    EXPECT_EQ(taken[0], first.leases[0].ref.id);
  }
  const CycleReply again = cycle(request);
  EXPECT_TRUE(again.repeated);
  EXPECT_TRUE(again.leases.empty()) << "one is another's now, the other was recovered";
}

TEST_P(BrokerSuite, ARepeatedCycleDoesNotPromoteRecoverOrExtend) {
  JobSpec later = job();
  later.delay = 5s;
  enqueue({job(), later});
  TestWorker worker;
  const CycleRequest request = worker.next(1);
  const CycleReply first = cycle(request);
  ASSERT_EQ(first.leases.size(), 1U);
  clock_.advance(10s);
  cycle(request);
  EXPECT_EQ(state(later.id), JobState::scheduled);
  EXPECT_EQ(info(first.leases[0].ref.id)->lease_until, clock_.wall() + 20'000);
}

TEST_P(BrokerSuite, ACancelHappensOnce) {
  under_every_fate([this](Fate fate) {
    enqueue({job(), job()});
    TestWorker worker;
    const Lease running = take_one(worker);
    const JobId waiting = take(worker, 0).empty() ? enqueue_one(job()) : JobId{};
    EXPECT_EQ(deliver(fate, [&] { return cancel({running.ref.id, waiting}); }),
              (std::vector{CancelResult::requested, CancelResult::cancelled}));
    EXPECT_EQ(state(waiting), JobState::cancelled);
    EXPECT_EQ(count(JobState::cancelled), 1U);
  });
}

TEST_P(BrokerSuite, ARetryHappensOnce) {
  under_every_fate([this](Fate fate) {
    const JobId id = enqueue_one(job());
    cancel({id});
    EXPECT_EQ(deliver(fate, [&] { return retry(id); }), fate == Fate::lost_before);
    EXPECT_EQ(count(JobState::ready), 1U);
    TestWorker worker;
    EXPECT_EQ(take(worker, 5).size(), 1U);
  });
}

TEST_P(BrokerSuite, APurgeForgetsWhatHasEndedAndNothingElse) {
  under_every_fate([this](Fate fate) {
    const JobId ended = enqueue_one(job("ended"));
    cancel({ended});
    enqueue({job("waits"), job("runs")});
    TestWorker worker;
    take(worker);
    JobFilter filter;
    filter.name = "ended";
    EXPECT_EQ(deliver(fate, [&] { return purge(filter); }), fate == Fate::lost_before ? 1U : 0U);
    EXPECT_FALSE(info(ended));
    EXPECT_EQ(purge(JobFilter{}), fate == Fate::repeated_late ? 1U : 0U) << "the interlude's job";
    EXPECT_EQ(count(JobState::ready) + count(JobState::leased), 2U);
  });
}

TEST_P(BrokerSuite, ANoteIsWrittenOnce) {
  under_every_fate([this](Fate fate) {
    const auto put = [this](std::optional<std::string> expected, std::string value) {
      return put_note("tick", std::move(expected), std::move(value));
    };
    EXPECT_EQ(get_note("tick"), std::nullopt);
    EXPECT_TRUE(deliver(fate, [&] { return put(std::nullopt, "1"); }));
    EXPECT_EQ(get_note("tick"), "1");
    EXPECT_TRUE(deliver(fate, [&] { return put("1", "2"); }));
    EXPECT_FALSE(put("1", "3"));
    EXPECT_FALSE(put(std::nullopt, "3"));
    EXPECT_EQ(get_note("tick"), "2");
  });
}

TEST_P(BrokerSuite, ARestartKeepsEveryStateAndEveryLease) {
  JobSpec scheduled = job();
  scheduled.delay = 5s;
  JobSpec blocked = job();
  blocked.after = {scheduled.id};
  const JobSpec ready = job();
  const JobSpec cancelled = job();
  const JobSpec leased = job("leased");
  enqueue({scheduled, blocked, ready, cancelled, leased});
  cancel({cancelled.id});
  TestWorker worker;
  CycleRequest only_leased = worker.next(1);
  only_leased.names = {"leased"};
  const CycleReply taken = cycle(std::move(only_leased));
  ASSERT_EQ(taken.leases.size(), 1U);
  const Lease lease = taken.leases[0];
  restart();
  EXPECT_EQ(state(scheduled.id), JobState::scheduled);
  EXPECT_EQ(state(blocked.id), JobState::blocked);
  EXPECT_EQ(state(ready.id), JobState::ready);
  EXPECT_EQ(state(cancelled.id), JobState::cancelled);
  EXPECT_EQ(done(worker, lease.ref), Verdict::accepted);
  clock_.advance(5s);
  EXPECT_THAT(ids_of(take(worker, 10)), testing::UnorderedElementsAre(ready.id, scheduled.id));
}

TEST_P(BrokerSuite, TwoBrokersOnOneStoreSeeTheSameJobs) {
  const std::shared_ptr<Broker> another = open_another();
  const JobSpec spec = job();
  EXPECT_EQ(enqueue({spec}), std::vector{Enqueued::created});
  EXPECT_EQ(await(another->enqueue({spec})), std::vector{Enqueued::exists});
  TestWorker worker;
  const CycleReply reply = await(another->cycle(worker.next(1)));
  ASSERT_EQ(reply.leases.size(), 1U);
  TestWorker other;
  EXPECT_TRUE(take(other).empty());
  EXPECT_EQ(done(worker, reply.leases[0].ref), Verdict::accepted)
      << "the incarnation counts, not the connection";
}

}  // namespace
}  // namespace broker_suite

// How a worker talks to its broker, what it does when that fails, and how it stops.
#include <gmock/gmock.h>

#include <thread>

#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

class WorkerServe : public WorkerTest {
 protected:
  /// Handler "sleep": the payload is milliseconds.
  static Task<std::string> nap(JobContext&, std::string payload) {
    co_await sleep(Milliseconds(std::stoi(payload)));
    co_return std::string("1");
  }
  static Task<std::string> at_once(JobContext&, std::string) { co_return std::string("1"); }

  static std::vector<JobSpec> many(std::size_t count, const std::string& name,
                                   const std::string& payload = "0") {
    std::vector<JobSpec> jobs;
    jobs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) jobs.emplace_back(name, payload);
    return jobs;
  }
  static Task<void> all_done(Client jobs, std::vector<JobId> ids) {
    for (const JobId& id : ids) {
      const JobInfo info = co_await jobs.wait(id);
      EXPECT_EQ(info.state, JobState::done) << (info.error ? info.error->message : "");
    }
  }
  static Task<void> enqueue_and_wait(Client jobs, std::vector<JobSpec> specs) {
    std::vector<JobId> ids = co_await jobs.enqueue(std::move(specs));
    co_await all_done(jobs, std::move(ids));
  }
};

TEST_F(WorkerServe, ThereIsOneCallAtATimeAndItTakesAllThatGathered) {
  Worker worker(broker, options().concurrency(10));
  worker.handle_raw("sleep", nap);
  broker->takes = 10ms;
  run(beside(worker, enqueue_and_wait(client(), many(100, "sleep", "1"))));
  EXPECT_EQ(broker->most_in_flight, 1);
  EXPECT_LE(broker->most_leased, 10U) << "a slot is taken until its acknowledgement was accepted";
  EXPECT_LE(broker->cycles.size(), 32U) << "ten jobs a call, and few calls besides";
  EXPECT_LT(loop.seconds(), 0.5);
}

TEST_F(WorkerServe, ManyJobsThatEndAtOnceShareACall) {
  Worker worker(broker, options().concurrency(100));
  worker.handle_raw("at once", at_once);
  run(beside(worker, enqueue_and_wait(client(), many(1000, "at once"))));
  EXPECT_LE(broker->cycles.size(), 20U);
}

/// As a call that is repeated may, when slots were taken meanwhile.
TEST_F(WorkerServe, WhoGetsMoreThanItWantedWantsNothingUntilASlotIsFree) {
  Worker worker(broker, options().concurrency(1));
  worker.handle_raw("sleep", nap);
  broker->generous = 2;
  run(beside(worker, enqueue_and_wait(client(), many(7, "sleep", "5"))));
  for (const Seen& seen : broker->cycles) EXPECT_LE(seen.want, 1U);
}

TEST_F(WorkerServe, AnIdleWorkerHardlyCalls) {
  Worker worker(broker, options());
  run(beside(worker, []() -> Task<void> { co_await sleep(1h); }()));
  EXPECT_LE(broker->cycles.size(), 361U) << "once in a third of a lease";
}

TEST_F(WorkerServe, AnIdleWorkerTakesANewJobAtOnce) {
  Worker worker(broker, options());
  worker.handle_raw("at once", at_once);
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    Client jobs = test.client();
    for (int i = 0; i < 5; ++i) {
      co_await sleep(3333ms);
      const double began = test.loop.seconds();
      co_await enqueue_and_wait(jobs, many(1, "at once"));
      EXPECT_LT(test.loop.seconds() - began, 0.001);
    }
  }(*this)));
}

TEST_F(WorkerServe, ChangesThatBringNothingAreNotFollowedOneByOne) {
  Worker worker(broker, options());
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    Client jobs = test.client();
    for (int i = 0; i < 1000; ++i) {
      JobSpec elsewhere("h");
      elsewhere.queue = "another";
      co_await jobs.enqueue(elsewhere);
      co_await sleep(1ms);
    }
  }(*this)));
  EXPECT_LE(broker->cycles.size(), 100U);
}

TEST_F(WorkerServe, AScheduledJobRunsWhenItIsDue) {
  Worker worker(broker, options());
  worker.handle_raw("at once", at_once);
  run(beside(worker, [](Client jobs) -> Task<void> {
    JobSpec later("at once");
    later.delay = 7500ms;
    const JobId id = co_await jobs.enqueue(later);
    co_await jobs.wait(id);
  }(client())));
  EXPECT_NEAR(loop.seconds(), 7.5, 0.02);
}

TEST_F(WorkerServe, AJobThatIsScheduledWhileTheWorkerSleepsRunsWhenItIsDue) {
  Worker worker(broker, options());
  worker.handle_raw("at once", at_once);
  run(beside(worker, [](Client jobs) -> Task<void> {
    co_await sleep(1s);
    JobSpec later("at once");
    later.delay = 1500ms;
    const JobId id = co_await jobs.enqueue(later);
    co_await jobs.wait(id);
  }(client())));
  EXPECT_NEAR(loop.seconds(), 2.5, 0.02);
}

TEST_F(WorkerServe, HeartbeatsKeepALongJob) {
  Worker worker(broker, options().lease(30s));
  worker.handle_raw("sleep", nap);
  run(beside(worker, enqueue_and_wait(client(), many(1, "sleep", "100000"))));
  std::size_t alive = 0;
  for (const Seen& cycle : broker->cycles) alive += cycle.alive;
  EXPECT_GE(alive, 9U);
  EXPECT_LE(alive, 16U) << "every third of the lease, and soon after its start";
  EXPECT_TRUE(notes->warnings.empty());
}

TEST_F(WorkerServe, ALostReplyIsAskedForAgainAndNothingRunsTwice) {
  Worker worker(broker, options().concurrency(5));
  int runs = 0;
  const auto count = [&runs](JobContext&, std::string) -> Task<std::string> {
    ++runs;
    co_return std::string("1");
  };
  worker.handle_raw("count", count);
  broker->lose = 3;
  broker->refuse = 2;
  run(beside(worker, enqueue_and_wait(client(), many(20, "count"))));
  EXPECT_EQ(runs, 20);
  EXPECT_EQ(broker->cycles[0].seq, 1U);
  EXPECT_EQ(broker->cycles[1].seq, 1U);
  EXPECT_EQ(broker->cycles[4].seq, 1U) << "until there is an answer";
  EXPECT_EQ(notes->warnings.size(), 1U);
  EXPECT_TRUE(notes->warned_of("does not answer")) << "once for each absence";
  ASSERT_EQ(notes->remarks.size(), 1U);
  EXPECT_EQ(notes->remarks[0].find("the broker answers again"), 0U);
}

// Found by the simulation: the stored reply has the version of the moment at which it is asked for again.
TEST_F(WorkerServe, WhatBecameReadyWhileAReplyWasLostIsTakenAtOnce) {
  Worker worker(broker, options());
  worker.handle_raw("at once", at_once);
  broker->lose = 1;
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    co_await sleep(10ms);  // by now the worker's first call was applied, and its reply lost
    Task<void> job = enqueue_and_wait(test.client(), many(1, "at once"));
    co_await std::move(job);
    EXPECT_LT(test.loop.seconds(), 1.0) << "not only when the worker looks by itself";
  }(*this)));
  EXPECT_EQ(broker->cycles[1].seq, 1U);
}

TEST_F(WorkerServe, WhenTheLeaseRunsOutTheJobIsCancelled) {
  Worker worker(broker, options().lease(10s));
  int runs = 0;
  bool told = false;
  const auto once = [&](JobContext& job, std::string) -> Task<std::string> {
    if (++runs > 1) co_return std::string("2");
    const Outcome<void> slept = co_await outcome(sleep(1h));
    told = job.lease_lost() && job.cancelled() && slept.cancelled();
    slept.get();
    co_return std::string("1");
  };
  worker.handle_raw("once", once);
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("once"));
    co_await sleep(2s);
    test.broker->refuse = 20;
    const JobInfo info = co_await jobs.wait(id);
    EXPECT_EQ(info.result, "2");
  }(*this)));
  EXPECT_TRUE(told);
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(notes->warned_of("was lost"));
}

TEST_F(WorkerServe, AFencedJobIsCancelledAndItsResultDropped) {
  Worker worker(broker, options().lease(10s).concurrency(1));
  int runs = 0;
  const auto slow = [&](JobContext&, std::string) -> Task<std::string> {
    ++runs;
    const Outcome<void> slept = co_await outcome(sleep(15s));
    co_return std::string(slept.cancelled() ? "\"cancelled\"" : "\"slept\"");
  };
  worker.handle_raw("slow", slow);
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("slow"));
    co_await sleep(1s);
    // The worker stops for longer than its lease, and another takes the job and finishes it.
    test.loop.block_for(20s);
    CycleRequest other;
    other.worker.incarnation = new_uuid();
    other.queues.push_back("default");
    other.seq = 1;
    other.want = 1;
    CycleRequest first(other);
    Task<CycleReply> take = test.broker->cycle(std::move(first));
    CycleReply taken = co_await std::move(take);
    EXPECT_EQ(taken.leases.size(), 1U);
    if (taken.leases.empty()) co_return;
    co_await sleep(1s);
    other.seq = 2;
    other.want = 0;
    other.done.emplace_back(taken.leases[0].ref, "\"by another\"");
    Task<CycleReply> give = test.broker->cycle(std::move(other));
    co_await std::move(give);
    co_await sleep(1min);
    std::optional<JobInfo> info = co_await jobs.get(id);
    EXPECT_EQ(info->result, "\"by another\"");
  }(*this)));
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(notes->warned_of("was lost"));
}

TEST_F(WorkerServe, ARequestedCancelReachesTheCoroutineAndIsConfirmedAfterItsCleanup) {
  Worker worker(broker, options().cancel_latency(1s));
  const auto slow = [](JobContext&, std::string) -> Task<std::string> {
    const Outcome<void> slept = co_await outcome(sleep(1h));
    co_await sleep(3s);  // cleanup
    slept.get();
    co_return std::string("1");
  };
  worker.handle_raw("slow", slow);
  run(beside(worker, [](WorkerServe& test) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("slow"));
    co_await sleep(20s);
    const CancelResult answer = co_await jobs.cancel(id);
    EXPECT_EQ(answer, CancelResult::requested);
    const double asked = test.loop.seconds();
    const JobInfo info = co_await jobs.wait(id);
    EXPECT_EQ(info.state, JobState::cancelled);
    EXPECT_GT(test.loop.seconds() - asked, 2.9);
    EXPECT_LT(test.loop.seconds() - asked, 4.2);
  }(*this)));
}

TEST_F(WorkerServe, AHandlerThatFinishesDespiteACancelIsDone) {
  Worker worker(broker, options());
  worker.handle_raw("stubborn", [](JobContext&, std::string) -> Task<std::string> {
    const Outcome<void> slept = co_await outcome(sleep(1h));
    co_return std::string(slept.cancelled() ? "\"in time\"" : "1");
  });
  run(beside(worker, [](Client jobs) -> Task<void> {
    const JobId id = co_await jobs.enqueue(JobSpec("stubborn"));
    co_await sleep(5s);
    co_await jobs.cancel(id);
    const JobInfo info = co_await jobs.wait(id);
    EXPECT_EQ(info.state, JobState::done);
    EXPECT_EQ(info.result, "\"in time\"");
  }(client())));
}

TEST_F(WorkerServe, ABlockingFunctionSeesItsCancelAndIsWaitedFor) {
  Worker worker(broker, options());
  std::atomic<bool> started{false};
  const auto block = [&started](JobContext& job, const std::string&) -> std::string {
    job.progress(0.25, "from a thread");
    started = true;
    while (!job.cancelled()) std::this_thread::yield();
    throw std::runtime_error("stopped as asked");
  };
  worker.handle_raw("block", block);
  // The clock stands still while a thread works, so the test moves it.
  run(beside(worker,
             [](Client jobs, std::atomic<bool>& running, coterie::testing::VirtualLoop& time) -> Task<void> {
               const JobId id = co_await jobs.enqueue(JobSpec("block"));
               while (!running) co_await yield();
               co_await jobs.cancel(id);
               std::optional<JobInfo> info = co_await jobs.get(id);
               while (!is_final(info->state)) {
                 time.block_for(1ms);
                 co_await yield();
                 info = co_await jobs.get(id);
               }
               EXPECT_EQ(info->state, JobState::cancelled);
               EXPECT_THAT(info->error->message, ::testing::StartsWith("stopped as asked\n   at "));
             }(client(), started, loop)));
}

TEST_F(WorkerServe, ProgressArrivesAFewTimesASecondAtMost) {
  Worker worker(broker, options().progress_interval(500ms));
  worker.handle_raw("steps", [](JobContext& job, std::string) -> Task<std::string> {
    for (int i = 0; i < 1000; ++i) {
      co_await job.progress(i / 1000.0, "step " + std::to_string(i));
      co_await sleep(10ms);
    }
    co_return std::string("1");
  });
  run(beside(worker, [](Client jobs) -> Task<void> {
    const JobId id = co_await jobs.enqueue(JobSpec("steps"));
    co_await sleep(5s);
    std::optional<JobInfo> info = co_await jobs.get(id);
    EXPECT_NEAR(info->progress, 0.5, 0.06);
    EXPECT_EQ(info->progress_note.substr(0, 6), "step 4");
    co_await jobs.wait(id);
  }(client())));
  EXPECT_LE(broker->cycles.size(), 40U);
}

TEST_F(WorkerServe, BigPayloadsComeInSeveralCalls) {
  Worker worker(broker, options().max_bytes(2U << 20).concurrency(20));
  worker.handle_raw("at once", at_once);
  const std::string big = "\"" + std::string(900'000, 'x') + "\"";
  run(beside(worker, enqueue_and_wait(client(), many(12, "at once", big))));
  for (const Seen& cycle : broker->cycles) EXPECT_LE(cycle.leases, 2U);
  EXPECT_LT(loop.seconds(), 1.0);
}

}  // namespace
}  // namespace queue_tests

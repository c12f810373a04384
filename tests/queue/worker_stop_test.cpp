// Drain, cancel, idleness, suspects, and what a worker refuses.
#include <thread>

#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

class WorkerStop : public WorkerTest {
 protected:
  static Task<std::string> nap(JobContext&, std::string payload) {
    co_await sleep(Milliseconds(std::stoi(payload)));
    co_return std::string("1");
  }
  static Task<JobInfo> record(Client jobs, JobId id) {
    std::optional<JobInfo> info = co_await jobs.get(id);
    co_return std::move(*info);
  }
};

TEST_F(WorkerStop, DrainLetsRunningJobsEndWithinTheGrace) {
  Worker worker(broker, options().grace(20s).concurrency(1));
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId first = co_await jobs.enqueue(JobSpec("sleep", "10000"));
    const JobId second = co_await jobs.enqueue(JobSpec("sleep", "1"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(1s);
    serving.drain();
    co_await served;
    EXPECT_NEAR(test.loop.seconds(), 10.0, 0.1);
    const JobInfo ended = co_await record(jobs, first);
    EXPECT_EQ(ended.state, JobState::done);
    const JobInfo waiting = co_await record(jobs, second);
    EXPECT_EQ(waiting.state, JobState::ready) << "nothing new is taken";
  }(*this, worker));
}

TEST_F(WorkerStop, AfterTheGraceJobsAreCancelledAndGivenBack) {
  Worker worker(broker, options().grace(5s));
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("sleep", "3600000"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(1s);
    serving.drain();
    serving.drain();
    co_await served;
    EXPECT_NEAR(test.loop.seconds(), 6.0, 0.1);
    const JobInfo back = co_await record(jobs, id);
    EXPECT_EQ(back.state, JobState::ready);
    EXPECT_EQ(back.attempt, 0U) << "being given back is no attempt";
  }(*this, worker));
  EXPECT_EQ(notes->ended, std::vector<std::string>{"sleep drain accepted"});
}

// A broker that is away may let a call wait for half a minute. That it may have given a job meanwhile is why
// the end is no good one.
TEST_F(WorkerStop, AnIdleWorkerStopsWithinFiveSecondsWhateverTheBrokerDoes) {
  for (const bool refuses : {false, true}) {
    Worker worker(broker, options().grace(25s));
    worker.handle_raw("sleep", nap);
    const double began = loop.seconds();
    run([](WorkerStop& test, Worker& serving, bool refusing) -> Task<void> {
      JoinHandle<void> served = spawn(serve, &serving);
      co_await sleep(1s);
      test.broker->takes = refusing ? 0ms : 30'000ms;
      test.broker->refuse = refusing ? 1'000'000 : 0;
      co_await sleep(1min);  // a call is under way, or a pause behind one
      serving.drain();
      const Outcome<void> end = co_await outcome(served);
      try {
        end.get();
        ADD_FAILURE() << "a worker whose broker is away has not stopped well";
      } catch (const BrokerUnavailable& error) {
        const std::string_view cause = refusing ? "the test broker is away: wait" : "memory://test";
        EXPECT_TRUE(std::string_view(error.what()).starts_with(cause)) << error.what();
      }
    }(*this, worker, refuses));
    EXPECT_LE(loop.seconds() - began, 66.1);
    broker->takes = 0ms;
    broker->refuse = 0;
  }
}

TEST_F(WorkerStop, AWorkerWithAResultToTellTriesForTheGraceAndSomeSeconds) {
  Worker worker(broker, options().grace(10s));
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    co_await jobs.enqueue(JobSpec("sleep", "1000"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(500ms);
    test.broker->takes = 300'000ms;
    co_await sleep(1s);
    serving.drain();
    const Outcome<void> end = co_await outcome(served);
    EXPECT_NEAR(test.loop.seconds(), 16.5, 0.1);
    EXPECT_THROW(end.get(), BrokerUnavailable);
  }(*this, worker));
}

/// Ends a second after it was asked to.
Task<std::string> slow_to_end(JobContext&, std::string) {
  Outcome<void> end = co_await outcome(sleep(1h));
  Outcome<void> cleaned = co_await outcome(sleep(1s));
  (void)cleaned;
  end.get();
  co_return std::string("null");
}

TEST_F(WorkerStop, ADrainDuringTheCleanupOfATimeoutDoesNotMakeItAGiveBack) {
  Worker worker(broker, options().grace(0s));
  worker.handle_raw("slow", slow_to_end);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    JobSpec spec("slow");
    spec.timeout = 10s;
    spec.max_attempts = 1;
    const JobId id = co_await jobs.enqueue(spec);
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(10500ms);
    serving.drain();
    co_await served;
    const JobInfo ended = co_await record(jobs, id);
    EXPECT_EQ(ended.state, JobState::dead) << "it had its attempt";
    EXPECT_EQ(ended.error.value_or(JobError()).type, "timeout");
  }(*this, worker));
}

TEST_F(WorkerStop, ATimeoutDuringTheCleanupOfADrainDoesNotCostTheAttempt) {
  Worker worker(broker, options().grace(1s));
  worker.handle_raw("slow", slow_to_end);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    JobSpec spec("slow");
    spec.timeout = 10s;
    spec.max_attempts = 1;
    const JobId id = co_await jobs.enqueue(spec);
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(8500ms);
    serving.drain();  // asked at 9.5 s, its timeout comes at 10 s
    co_await served;
    const JobInfo back = co_await record(jobs, id);
    EXPECT_EQ(back.state, JobState::ready);
    EXPECT_EQ(back.attempt, 0U);
  }(*this, worker));
}

TEST_F(WorkerStop, ACancelOfServeGivesBackAtOnceAndThenThrows) {
  Worker worker(broker, options().grace(1h));
  worker.handle_raw("sleep", nap);
  broker->takes = 10ms;  // so that the cancel may come while a call is in flight
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("sleep", "3600000"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(1s);
    served.cancel();
    co_await served.wait();
    EXPECT_TRUE(served.cancelled());
    EXPECT_LT(test.loop.seconds(), 1.1);
    const JobInfo back = co_await record(jobs, id);
    EXPECT_EQ(back.state, JobState::ready);
  }(*this, worker));
}

TEST_F(WorkerStop, ACancelWhileTheFirstCallIsInFlightLeavesNothingLeased) {
  Worker worker(broker, options());
  worker.handle_raw("sleep", nap);
  broker->takes = 1s;
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("sleep", "1"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(500ms);
    served.cancel();
    co_await served.wait();
    EXPECT_TRUE(served.cancelled());
    const JobInfo back = co_await record(jobs, id);
    EXPECT_EQ(back.state, JobState::ready);
  }(*this, worker));
}

TEST_F(WorkerStop, DrainMayComeFromAnotherThreadOrBeforeServing) {
  Worker worker(broker, options());
  run([](Worker& serving) -> Task<void> {
    serving.drain();
    co_await serving.serve();
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(1ms);
    std::thread other([&serving] { serving.drain(); });
    other.join();
    co_await served;
  }(worker));
}

TEST_F(WorkerStop, AWorkerThatCannotSayGoodbyeThrows) {
  Worker worker(broker, options().grace(1s));
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    co_await jobs.enqueue(JobSpec("sleep", "500"));
    JoinHandle<void> served = spawn(serve, &serving);
    co_await sleep(100ms);
    test.broker->refuse = 1'000'000;
    serving.drain();
    const Outcome<void> end = co_await outcome(served);
    EXPECT_THROW(end.get(), BrokerUnavailable);
    EXPECT_LT(test.loop.seconds(), 15.0);
    test.broker->refuse = 0;
  }(*this, worker));
}

TEST_F(WorkerStop, StopWhenIdleWaitsForEveryJobOfItsQueues) {
  Worker worker(broker, options().stop_when_idle());
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    JobSpec later("sleep", "10");
    later.delay = 5s;
    const JobId first = co_await jobs.enqueue(later);
    JobSpec last("sleep", "10");
    last.after.push_back(first);
    const JobId end = co_await jobs.enqueue(last);
    JobSpec elsewhere("sleep", "10");
    elsewhere.queue = "another";
    co_await jobs.enqueue(elsewhere);
    co_await serving.serve();
    EXPECT_NEAR(test.loop.seconds(), 5.02, 0.05);
    const JobInfo info = co_await record(jobs, end);
    EXPECT_EQ(info.state, JobState::done);
  }(*this, worker));
}

TEST_F(WorkerStop, ASuspectRunsAlone) {
  Worker worker(broker, options().concurrency(8));
  int beside_it = -1;
  Worker* self = &worker;
  const auto suspicious = [&](JobContext& job, std::string) -> Task<std::string> {
    EXPECT_TRUE(job.alone());
    co_await sleep(5s);
    beside_it = static_cast<int>(self->running()) - 1;
    co_return std::string("1");
  };
  worker.handle_raw("suspicious", suspicious);
  worker.handle_raw("sleep", nap);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("suspicious"));
    for (int crash = 0; crash < 2; ++crash) {  // two workers die while they run it
      CycleRequest victim;
      victim.worker.incarnation = new_uuid();
      victim.queues.push_back("default");
      victim.seq = 1;
      victim.want = 1;
      victim.lease = 1s;
      CycleRequest first(victim);
      Task<CycleReply> take = test.broker->cycle(std::move(first));
      CycleReply taken = co_await std::move(take);
      victim.seq = 2;
      victim.want = 0;
      victim.alive.emplace_back(taken.leases.at(0).ref);
      Task<CycleReply> beat = test.broker->cycle(std::move(victim));
      co_await std::move(beat);
      co_await sleep(2s);
    }
    std::vector<JobSpec> others;
    others.reserve(100);
    for (int i = 0; i < 100; ++i) others.emplace_back("sleep", "500");
    std::vector<JobId> ids = co_await jobs.enqueue(std::move(others));
    test.broker->cycles.clear();
    JoinHandle<void> served = spawn(serve, &serving);
    const JobInfo info = co_await jobs.wait(id);
    EXPECT_EQ(info.state, JobState::done);
    EXPECT_EQ(info.crashes, 2U);
    for (const JobId& other : ids) {
      const JobInfo ended = co_await jobs.wait(other);
      EXPECT_EQ(ended.state, JobState::done);
    }
    serving.drain();
    co_await served;
  }(*this, worker));
  EXPECT_EQ(beside_it, 0);
  std::size_t alone = 0;
  for (std::size_t i = 0; i + 1 < broker->cycles.size(); ++i) {
    if (!broker->cycles[i].alone || broker->cycles[i].leases == 0) continue;
    ++alone;
    EXPECT_EQ(broker->cycles[i + 1].alive, 1U) << "it is reported started before it runs";
    EXPECT_EQ(broker->cycles[i + 1].want, 0U) << "and nothing is taken beside it";
  }
  EXPECT_EQ(alone, 1U);
}

TEST_F(WorkerStop, AJobThatWasLostBeforeIsReportedStartedBeforeItRuns) {
  Worker worker(broker, options());
  std::size_t alive_before_start = 0;
  const auto look = [&](JobContext&, std::string) -> Task<std::string> {
    for (const Seen& cycle : broker->cycles) alive_before_start += cycle.alive;
    co_return std::string("1");
  };
  worker.handle_raw("look", look);
  run([](WorkerStop& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("look"));
    CycleRequest victim;  // a worker that dies before it has said anything of the job
    victim.worker.incarnation = new_uuid();
    victim.queues.push_back("default");
    victim.seq = 1;
    victim.want = 1;
    victim.lease = 1s;
    Task<CycleReply> take = test.broker->cycle(std::move(victim));
    co_await std::move(take);
    co_await sleep(2s);
    JoinHandle<void> served = spawn(serve, &serving);
    const JobInfo info = co_await jobs.wait(id);
    EXPECT_EQ(info.state, JobState::done);
    EXPECT_EQ(info.crashes, 0U);
    serving.drain();
    co_await served;
  }(*this, worker));
  EXPECT_EQ(alive_before_start, 1U);
}

TEST_F(WorkerStop, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(Worker(broker, WorkerOptions().concurrency(0)), BadRequest);
  EXPECT_THROW(Worker(broker, WorkerOptions().queues({})), BadRequest);
  EXPECT_THROW(Worker(broker, WorkerOptions().lease(1ms)), BadRequest);
  EXPECT_THROW(Worker(broker, WorkerOptions().grace(-1ms)), BadRequest);
  EXPECT_THROW(Worker(broker, WorkerOptions().stall_limit(-1ms)), BadRequest);
  EXPECT_THROW(Worker(broker, WorkerOptions().lease(10s).stall_limit(9s)), BadRequest);
  EXPECT_NO_THROW(Worker(broker, WorkerOptions().lease(10s).stall_limit(0ms)));
  EXPECT_THROW(Worker("carrier-pigeon://loft"), BadBroker);
  try {
    Worker(broker, WorkerOptions().concurrency(0));
  } catch (const BadRequest& error) {
    EXPECT_STREQ(error.what(), "worker options: concurrency 0 would never run a job, give at least 1");
  }
}

TEST_F(WorkerStop, OneServeAtATimeAndHandlersBeforeIt) {
  Worker worker(broker, options());
  run(beside(worker, [](Worker& serving) -> Task<void> {
    co_await sleep(1ms);
    EXPECT_THROW(serving.handle_raw("late", nap), std::logic_error);
    Task<void> second = serving.serve();
    const Outcome<void> end = co_await outcome(std::move(second));
    EXPECT_THROW(end.get(), std::logic_error);
  }(worker)));
}

}  // namespace
}  // namespace queue_tests

// What becomes of a run, by how its handler ends.
#include "coterie/queue/json.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

struct Thumbnail {
  std::string path;
  int width = 0;
};
BOOST_DESCRIBE_STRUCT(Thumbnail, (), (path, width))

Task<std::string> make_thumbnail(JobContext& job, Thumbnail args) {
  co_await job.progress(0.5, "half");
  co_await sleep(10ms);
  co_return args.path + "@" + std::to_string(args.width);
}
int double_it(int number) {
  return 2 * number;
}

class WorkerRun : public WorkerTest {
 protected:
  /// Runs one job of the handler "h" to its end.
  JobInfo end_of(Worker& worker, JobSpec spec) {
    JobInfo info;
    Task<void> body = [](WorkerRun& test, JobSpec job, JobInfo& out) -> Task<void> {
      Client jobs = test.client();
      const JobId id = co_await jobs.enqueue(job);
      out = co_await jobs.wait(id);
    }(*this, std::move(spec), info);
    run(beside(worker, std::move(body)));
    return info;
  }
  static JobSpec once(std::string payload = "null") {
    JobSpec spec("h", std::move(payload));
    spec.max_attempts = 1;
    return spec;
  }
};

TEST_F(WorkerRun, ATypedCoroutineGivesItsResult) {
  Worker worker(broker, options());
  worker.handle("h", make_thumbnail);
  const JobInfo info = end_of(worker, JobSpec("h", R"({"path":"a.png","width":7,"newer":1})"));
  EXPECT_EQ(info.state, JobState::done);
  EXPECT_EQ(info.result, R"("a.png@7")");
  EXPECT_EQ(notes->started, std::vector<std::string>{"h"});
  EXPECT_EQ(notes->ended, std::vector<std::string>{"h ok accepted"});
}

TEST_F(WorkerRun, APlainFunctionRunsOnThePool) {
  Worker worker(broker, options());
  worker.handle("h", double_it);
  const JobInfo info = end_of(worker, JobSpec("h", "21"));
  EXPECT_EQ(info.result, "42");
}

TEST_F(WorkerRun, AHandlerMayTakeNothingAndReturnNothing) {
  Worker worker(broker, options());
  worker.handle("h", []() -> Task<void> { co_await sleep(1s); });
  EXPECT_EQ(end_of(worker, JobSpec("h")).result, "null");
}

TEST_F(WorkerRun, ARawHandlerSeesTheTextAsItIs) {
  Worker worker(broker, options());
  worker.handle_raw("h", [](JobContext& job, std::string payload) -> Task<std::string> {
    EXPECT_TRUE(job.payload().empty());
    co_return payload + " ";
  });
  EXPECT_EQ(end_of(worker, JobSpec("h", "[ 1 ]")).result, "[ 1 ] ");
}

TEST_F(WorkerRun, TheContextKnowsTheJob) {
  Worker worker(broker, options());
  std::string seen;
  const auto look = [&seen](JobContext& job) -> Task<void> {
    seen = job.id().str() + " " + job.name() + " " + job.queue() + " " + std::to_string(job.attempt()) + "/" +
           std::to_string(job.max_attempts()) + " " + job.payload() + " " + std::to_string(job.fence() > 0) +
           " " + std::to_string(job.remaining().value_or(-1ms).count());
    co_return;
  };
  worker.handle("h", look);
  JobSpec spec("h", "{}");
  spec.id = derived_uuid("x");
  spec.timeout = 3s;
  EXPECT_EQ(end_of(worker, spec).state, JobState::done);
  EXPECT_EQ(seen, spec.id.str() + " h default 1/4 {} 1 3000");
}

TEST_F(WorkerRun, AnExceptionIsRetriedUntilNoAttemptIsLeft) {
  Worker worker(broker, options());
  int runs = 0;
  const auto fail = [&runs]() -> Task<int> {
    ++runs;
    throw std::runtime_error("boom");
    co_return 1;
  };
  worker.handle("h", fail);
  JobSpec spec("h");
  spec.max_attempts = 3;
  const JobInfo info = end_of(worker, spec);
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.error->type, "exception");
  EXPECT_EQ(info.error->message, "boom");
  EXPECT_EQ(runs, 3);
  EXPECT_GT(loop.seconds(), 1.0);  // its backoff
}

TEST_F(WorkerRun, APermanentErrorIsNotRetried) {
  Worker worker(broker, options());
  worker.handle("h", []() -> Task<int> {
    throw PermanentError("no such account");
    co_return 1;
  });
  const JobInfo info = end_of(worker, JobSpec("h"));
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.attempt, 1U);
  EXPECT_EQ(info.error->type, "permanent");
}

TEST_F(WorkerRun, AHandlerMayNameItsErrorAndItsDelay) {
  Worker worker(broker, options());
  std::vector<double> at;
  const auto later = [&at, this](JobContext& job) -> Task<int> {
    at.push_back(loop.seconds());
    if (job.attempt() == 1) throw RetryAfter(90s);
    if (job.last_attempt()) throw AttemptError("exit", "exit status 3");
    co_return 1;
  };
  worker.handle("h", later);
  JobSpec spec("h");
  spec.max_attempts = 2;
  const JobInfo info = end_of(worker, spec);
  EXPECT_EQ(info.error->type, "exit");
  ASSERT_EQ(at.size(), 2U);
  EXPECT_NEAR(at[1] - at[0], 90.0, 0.1);
}

TEST_F(WorkerRun, ACancelOfItsOwnIsAFailedAttempt) {
  Worker worker(broker, options());
  worker.handle("h", []() -> Task<int> {
    throw Cancelled("by itself");
    co_return 1;
  });
  const JobInfo info = end_of(worker, once());
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.error->type, "cancelled");
}

TEST_F(WorkerRun, ATimeoutCancelsTheCoroutineAndIsRetried) {
  Worker worker(broker, options());
  int cleaned = 0;
  const auto slow = [&cleaned]() -> Task<int> {
    const Outcome<void> slept = co_await outcome(sleep(1h));
    ++cleaned;
    slept.get();
    co_return 1;
  };
  worker.handle("h", slow);
  JobSpec spec("h");
  spec.timeout = 5s;
  spec.max_attempts = 2;
  const JobInfo info = end_of(worker, spec);
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.error->type, "timeout");
  EXPECT_EQ(info.error->message, "it ran longer than its timeout of 5 s");
  EXPECT_EQ(cleaned, 2);
}

TEST_F(WorkerRun, APayloadThatDoesNotFitIsDeadAtOnce) {
  Worker worker(broker, options());
  worker.handle("h", make_thumbnail);
  const JobInfo info = end_of(worker, JobSpec("h", R"({"path":"a","width":"7"})"));
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.error->type, "bad payload");
  EXPECT_EQ(info.error->message, "$.width: expected a number, got a string");
}

TEST_F(WorkerRun, AResultThatIsNoJsonIsDeadAtOnce) {
  Worker worker(broker, options());
  worker.handle("h", []() -> Task<double> { co_return std::nan(""); });
  const JobInfo info = end_of(worker, JobSpec("h"));
  EXPECT_EQ(info.state, JobState::dead);
  EXPECT_EQ(info.error->type, "bad result");
}

class SmallResults : public WorkerTest {
 protected:
  static Limits small() {
    Limits limits;
    limits.result_bytes = 100;
    return limits;
  }
  SmallResults() : WorkerTest(small()) {}
};

TEST_F(SmallResults, AResultOverTheLimitIsDeadAndTheWorkerGoesOn) {
  Worker worker(broker, options());
  worker.handle("h", [](std::size_t size) -> Task<std::string> { co_return std::string(size, 'x'); });
  run(beside(worker, [](Client jobs) -> Task<void> {
    JobId big = co_await jobs.enqueue("h", 99);
    JobId fits = co_await jobs.enqueue("h", 98);
    const JobInfo dead = co_await jobs.wait(big);
    EXPECT_EQ(dead.error->type, "result too large");
    const JobInfo done = co_await jobs.wait(fits);
    EXPECT_EQ(done.state, JobState::done);
  }(client())));
}

TEST_F(WorkerRun, AJobWithoutHandlerIsGivenBackUntilSomebodyHasOne) {
  Worker ignorant(broker, options().unknown_handler_delay(20s));
  Worker knowing(broker, options());
  knowing.handle("h", []() -> Task<int> { co_return 1; });
  run(beside(ignorant, [](WorkerRun& test, Worker& other) -> Task<void> {
    Client jobs = test.client();
    const JobId first = co_await jobs.enqueue(JobSpec("h"));
    co_await jobs.enqueue(JobSpec("h"));
    co_await sleep(5s);
    std::optional<JobInfo> waiting = co_await jobs.get(first);
    EXPECT_EQ(waiting->state, JobState::scheduled);
    EXPECT_EQ(waiting->attempt, 0U);
    Task<void> end = [](Client c, JobId id) -> Task<void> {
      const JobInfo info = co_await c.wait(id);
      EXPECT_EQ(info.state, JobState::done);
    }(jobs, first);
    JoinHandle<void> serving = spawn(serve, &other);
    co_await std::move(end);
    other.drain();
    co_await serving;
  }(*this, knowing)));
  EXPECT_EQ(notes->warnings.size(), 1U) << "one line for each name";
  EXPECT_TRUE(notes->warned_of("no handler for jobs named 'h'"));
}

TEST_F(WorkerRun, ABusyWorkerWithoutTheHandlerDoesNotKeepAJobFromTheOneThatHasIt) {
  Worker busy(broker, options().concurrency(1));
  busy.handle("common", []() -> Task<int> {
    co_await sleep(10ms);
    co_return 1;
  });
  Worker knowing(broker, WorkerOptions().concurrency(1));
  knowing.handle("rare", []() -> Task<int> { co_return 2; });
  run(beside(busy, beside(knowing, [](WorkerRun& test) -> Task<void> {
               Client jobs = test.client();
               std::vector<JobSpec> backlog(1000, JobSpec("common"));
               co_await jobs.enqueue(std::move(backlog));
               co_await sleep(1s);
               for (int i = 0; i < 3; ++i) {
                 const double start = test.loop.seconds();
                 const JobId id = co_await jobs.enqueue(JobSpec("rare"));
                 const JobInfo info = co_await jobs.wait(id, 5s);
                 EXPECT_EQ(info.state, JobState::done);
                 EXPECT_LT(test.loop.seconds() - start, 0.1);
               }
             }(*this))));
}

TEST_F(WorkerRun, AJobThatNobodyHasAHandlerForStaysReadyAndIsWarnedOfOnce) {
  Worker ignorant(broker, options());
  ignorant.handle("known", []() -> Task<int> { co_return 1; });
  run(beside(ignorant, [](Client jobs) -> Task<void> {
    const JobId id = co_await jobs.enqueue(JobSpec("h"));
    co_await jobs.enqueue(JobSpec("h"));
    co_await sleep(1h);
    const std::optional<JobInfo> waiting = co_await jobs.get(id);
    EXPECT_EQ(waiting->state, JobState::ready);
    EXPECT_EQ(waiting->attempt, 0U);
  }(client())));
  EXPECT_EQ(notes->warnings.size(), 1U) << "one line for each name";
  EXPECT_TRUE(notes->warned_of("no handler for jobs named 'h'"));
}

}  // namespace
}  // namespace queue_tests

// How a run fails, and what its handler says of when to try again.
#include <gmock/gmock.h>

#include "coterie/queue/json.hpp"
#include "tests/queue/worker_run.hpp"

namespace queue_tests {
namespace {
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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
  EXPECT_THAT(info.error->message, AllOf(StartsWith("boom\n   at "), HasSubstr(" worker_failure_test.cpp:")))
      << "the coroutines that it came out of";
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

}  // namespace
}  // namespace queue_tests

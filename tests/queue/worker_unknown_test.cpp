// Jobs for which a worker has no handler.
#include "coterie/queue/json.hpp"
#include "tests/queue/worker_run.hpp"

namespace queue_tests {
namespace {

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

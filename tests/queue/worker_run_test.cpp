// What a handler is given, and what becomes of what it gives.
#include "tests/queue/worker_run.hpp"
#include "coterie/queue/json.hpp"

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

}  // namespace
}  // namespace queue_tests

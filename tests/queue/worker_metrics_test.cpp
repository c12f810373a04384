// What a worker counts: every metric moves by what happens, in virtual time.
#include "coterie/queue/metrics.hpp"
#include "tests/metrics/page.hpp"
#include "tests/queue/worker_run.hpp"

namespace queue_tests {
namespace {

using coterie::tests::count_of;
using coterie::tests::value_of;

class WorkerMetricsTest : public WorkerRun {
 protected:
  [[nodiscard]] WorkerOptions counted() const { return options().metrics(registry); }
  [[nodiscard]] std::string page() const { return registry->scrape(); }
  [[nodiscard]] double finished(const std::string& outcome) const {
    return value_of(page(),
                    R"(coterie_jobs_finished_total{queue="default",task="h",outcome=")" + outcome + "\"}");
  }
  /// Runs the job by `handler` and to its end.
  template <class Fn>
  void see(Fn handler, JobSpec spec = JobSpec("h")) {
    Worker worker(broker, counted());
    worker.handle("h", std::move(handler));
    (void)end_of(worker, std::move(spec));
  }
  std::shared_ptr<metrics::Registry> registry = std::make_shared<metrics::Registry>();
};

Task<void> takes_three_seconds() {
  co_await sleep(3s);
}
Task<void> fails() {
  throw std::runtime_error("no");
  co_return;
}

TEST_F(WorkerMetricsTest, ASuccessIsStartedFinishedTimedAndItsAttemptCounted) {
  see(takes_three_seconds);
  const std::string text = page();
  EXPECT_EQ(value_of(text, R"(coterie_jobs_started_total{queue="default",task="h"})"), 1);
  EXPECT_EQ(finished("success"), 1);
  EXPECT_EQ(value_of(text, R"(coterie_job_duration_seconds_sum{queue="default",task="h"})"), 3);
  EXPECT_EQ(value_of(text, R"(coterie_job_duration_seconds_bucket{queue="default",task="h",le="2.5"})"), 0);
  EXPECT_EQ(value_of(text, R"(coterie_job_duration_seconds_bucket{queue="default",task="h",le="5"})"), 1);
  EXPECT_EQ(value_of(text, R"(coterie_job_attempts_bucket{queue="default",le="1"})"), 1);
  EXPECT_EQ(value_of(text, R"(coterie_job_wait_seconds_count{queue="default"})"), 1);
}

TEST_F(WorkerMetricsTest, FailuresAreRetriesAndTheLastIsDead) {
  JobSpec spec("h");
  spec.max_attempts = 3;
  see(fails, spec);
  EXPECT_EQ(finished("retry"), 2);
  EXPECT_EQ(finished("dead"), 1);
  EXPECT_EQ(finished("success"), 0);
  EXPECT_EQ(value_of(page(), R"(coterie_job_attempts_sum{queue="default"})"), 3);
  EXPECT_EQ(value_of(page(), R"(coterie_job_attempts_count{queue="default"})"), 1);
}

TEST_F(WorkerMetricsTest, APermanentErrorIsDeadAtOnce) {
  see([]() -> Task<void> {
    throw PermanentError("never");
    co_return;
  });
  EXPECT_EQ(finished("dead"), 1);
  EXPECT_EQ(finished("retry"), 0);
}

TEST_F(WorkerMetricsTest, ATimeoutThatIsTriedAgainIsATimeout) {
  JobSpec spec("h");
  spec.max_attempts = 2;
  spec.timeout = 1s;
  see(takes_three_seconds, spec);
  EXPECT_EQ(finished("timeout"), 1);
  EXPECT_EQ(finished("dead"), 1);
  EXPECT_EQ(value_of(page(), R"(coterie_job_duration_seconds_sum{queue="default",task="h"})"), 2);
}

TEST_F(WorkerMetricsTest, TheWaitIsFromWhenTheJobCouldRun) {
  Worker worker(broker, counted());
  worker.handle("h", []() -> Task<void> { co_return; });
  const auto body = [&]() -> Task<void> {
    JobSpec soon("h");
    JobSpec later("h");
    later.delay = 60s;
    Client jobs = client();
    (void)co_await jobs.enqueue(soon);
    const JobId last = co_await jobs.enqueue(later);
    co_await sleep(20s);  // nobody works yet: the first one waits
    const auto waiting = [](Client to, JobId id) -> Task<void> { (void)co_await to.wait(id); };
    co_await beside(worker, waiting(jobs, last));
  };
  run(body());
  const std::string text = page();
  EXPECT_EQ(value_of(text, R"(coterie_job_wait_seconds_count{queue="default"})"), 2);
  EXPECT_NEAR(value_of(text, R"(coterie_job_wait_seconds_sum{queue="default"})"), 20, .1)
      << "the delay is no wait";
}

TEST_F(WorkerMetricsTest, ACancelIsCountedAndHowLongItTook) {
  Worker worker(broker, counted());
  worker.handle("h", []() -> Task<void> {
    Outcome<void> end = co_await outcome(sleep(1h));
    co_await sleep(2s);  // cleans up
    end.get();
  });
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    const JobId id = co_await jobs.enqueue(JobSpec("h"));
    co_await sleep(1s);
    (void)co_await jobs.cancel(id);
    (void)co_await jobs.wait(id);
  };
  run(beside(worker, body()));
  EXPECT_EQ(finished("cancelled"), 1);
  EXPECT_EQ(value_of(page(), "coterie_cancel_latency_seconds_count"), 1);
  EXPECT_EQ(value_of(page(), "coterie_cancel_latency_seconds_sum"), 2);
}

TEST_F(WorkerMetricsTest, ADrainGivesBack) {
  Worker worker(broker, counted().grace(1s));
  worker.handle("h", takes_three_seconds);
  const auto body = [&]() -> Task<void> {
    (void)co_await client().enqueue(JobSpec("h"));
    co_await sleep(1s);
  };
  run(beside(worker, body()));
  EXPECT_EQ(finished("given_back"), 1);
  EXPECT_EQ(value_of(page(), R"(coterie_job_attempts_count{queue="default"})"), 0)
      << "it did not end the job";
}

TEST_F(WorkerMetricsTest, SlotsBusyAndTheBrokersAnswerAreGauges) {
  Worker worker(broker, counted().concurrency(5).name("w1"));
  worker.handle("h", takes_three_seconds);
  EXPECT_EQ(page().find("coterie_worker_busy"), std::string::npos) << "it has not served yet";
  std::string while_running;
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    (void)co_await jobs.enqueue(JobSpec("h"));
    const JobId id = co_await jobs.enqueue(JobSpec("h"));
    co_await sleep(1s);
    while_running = page();
    (void)co_await jobs.wait(id);
  };
  run(beside(worker, body()));
  EXPECT_EQ(value_of(while_running, "coterie_worker_slots"), 5);
  EXPECT_EQ(value_of(while_running, "coterie_worker_busy"), 2);
  EXPECT_EQ(value_of(while_running, R"(coterie_worker_info{worker="w1"})"), 1);
  EXPECT_EQ(value_of(page(), "coterie_worker_busy"), 0);
  EXPECT_GE(value_of(page(), "coterie_worker_last_heartbeat_timestamp_seconds"), 1'700'000'003);
}

TEST_F(WorkerMetricsTest, AJobTakenOverFromALostWorkerIsAnExpiredLease) {
  Worker worker(broker, counted());
  worker.handle("h", takes_three_seconds);
  const auto body = [&]() -> Task<void> {
    Client jobs = client();
    const JobId id = co_await jobs.enqueue(JobSpec("h"));
    CycleRequest lost;  // a worker that takes it and is never heard of again
    lost.worker.incarnation = new_uuid();
    lost.worker.name = "lost";
    lost.seq = 1;
    lost.queues = {"default"};
    lost.want = 1;
    lost.lease = 1s;
    (void)co_await broker->cycle(std::move(lost));
    const auto waiting = [](Client to, JobId which) -> Task<void> { (void)co_await to.wait(which); };
    co_await beside(worker, waiting(jobs, id));
  };
  run(body());
  EXPECT_EQ(value_of(page(), R"(coterie_leases_expired_total{queue="default"})"), 1);
  EXPECT_EQ(finished("success"), 1);
}

/// Takes a job as another worker, and ends it.
Task<void> steal(std::shared_ptr<Broker> from) {
  CycleRequest other;
  other.worker.incarnation = new_uuid();
  other.worker.name = "other";
  other.seq = 1;
  other.queues = {"default"};
  other.want = 1;
  const CycleReply got = co_await from->cycle(other);
  EXPECT_EQ(got.leases.size(), 1u);
  other.seq = 2;
  other.want = 0;
  for (const Lease& lease : got.leases) other.done.emplace_back(lease.ref, "null");
  (void)co_await from->cycle(other);
}

TEST_F(WorkerMetricsTest, ARunWhoseLeaseAnotherHasIsLost) {
  Worker worker(broker, counted().lease(1s));
  worker.handle("h", [this]() -> Task<void> {
    loop.block_for(3s);
    Task<void> theft = steal(broker);
    (void)co_await outcome(std::move(theft));
  });
  (void)end_of(worker, once());
  EXPECT_EQ(finished("lost"), 1);
  EXPECT_EQ(finished("success"), 0);
}

TEST_F(WorkerMetricsTest, CountersGoOnWhenTheWorkerServesAgain) {
  Worker worker(broker, counted());
  worker.handle("h", takes_three_seconds);
  (void)end_of(worker, JobSpec("h"));
  (void)end_of(worker, JobSpec("h"));
  EXPECT_EQ(finished("success"), 2);
}

TEST_F(WorkerMetricsTest, KnownLabelsBeginAtZero) {
  Worker worker(broker, counted().queues({"a", "b"}).stop_when_idle());
  worker.handle("x", takes_three_seconds).handle("y", takes_three_seconds);
  run(worker.serve());
  const std::string text = page();
  EXPECT_EQ(count_of(text, "coterie_jobs_started_total"), 4u);
  EXPECT_EQ(value_of(text, R"(coterie_jobs_started_total{queue="b",task="y"})"), 0);
  EXPECT_EQ(count_of(text, "coterie_jobs_finished_total"), 4u * 7);
  EXPECT_EQ(value_of(text, R"(coterie_leases_expired_total{queue="a"})"), 0);
  EXPECT_EQ(value_of(text, "coterie_metrics_dropped_labels_total"), 0);
}

TEST_F(WorkerMetricsTest, NoMoreThan200TasksHaveLabelsAndTheRestIsTold) {
  constexpr int tasks = 1000;
  Worker worker(broker, counted().concurrency(100).stop_when_idle());
  std::vector<JobSpec> jobs;
  for (int i = 0; i < tasks; ++i) {
    worker.handle("t" + std::to_string(i), []() -> Task<void> { co_return; });
    jobs.emplace_back("t" + std::to_string(i));
  }
  const auto body = [&]() -> Task<void> {
    (void)co_await client().enqueue(std::move(jobs));
    co_await worker.serve();
  };
  run(body());
  const std::string text = page();
  EXPECT_EQ(count_of(text, "coterie_jobs_started_total"), metrics::most_label_values + 1);
  EXPECT_EQ(value_of(text, R"(coterie_jobs_started_total{queue="default",task="_other"})"),
            tasks - metrics::most_label_values);
  EXPECT_EQ(value_of(text, "coterie_metrics_dropped_labels_total"), tasks - metrics::most_label_values);
}

TEST_F(WorkerMetricsTest, ManyQueuesTimesManyTasksGetLabelsAsTheyOccur) {
  std::vector<std::string> queues;
  for (int i = 0; i < 30; ++i) queues.push_back("q" + std::to_string(i));
  Worker worker(broker, counted().queues(queues).stop_when_idle());
  for (int i = 0; i < 30; ++i) worker.handle("t" + std::to_string(i), []() -> Task<void> { co_return; });
  const auto body = [&]() -> Task<void> {
    JobSpec job("t29");
    job.queue = "q29";
    (void)co_await client().enqueue(job);
    co_await worker.serve();
  };
  run(body());
  EXPECT_EQ(count_of(page(), "coterie_jobs_started_total"), 1u);
  EXPECT_EQ(value_of(page(), R"(coterie_jobs_started_total{queue="q29",task="t29"})"), 1);
}

TEST_F(WorkerMetricsTest, WhatBelongsToTheJobAloneIsNeverALabel) {
  JobSpec spec("h", R"({"secret":"payload"})");
  spec.id = new_uuid();
  const std::string id = spec.id.str();
  see(
      []() -> Task<void> {
        throw PermanentError("the message of an error");
        co_return;
      },
      spec);
  for (const std::string& text : {id, std::string("secret"), std::string("the message")})
    EXPECT_EQ(page().find(text), std::string::npos) << text;
}

TEST_F(WorkerMetricsTest, WithoutARegistryNothingIsCounted) {
  Worker worker(broker, options());
  worker.handle("h", takes_three_seconds);
  EXPECT_EQ(end_of(worker, JobSpec("h")).state, JobState::done);
  EXPECT_EQ(page().find("coterie_jobs"), std::string::npos);
}

}  // namespace
}  // namespace queue_tests

#pragma once
// A worker that runs a job to its end.
#include "tests/queue/world.hpp"

namespace queue_tests {

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

}  // namespace queue_tests

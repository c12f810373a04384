// Suspects, which run alone, beside other work: neither may keep the other waiting.
#include <algorithm>

#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

class WorkerSuspects : public WorkerTest {
 public:
  static Task<std::string> nap(JobContext&, std::string payload) {
    co_await sleep(Milliseconds(std::stoi(payload)));
    co_return std::string("1");
  }
  static std::vector<JobSpec> many(std::size_t count, const std::string& name, const std::string& payload) {
    std::vector<JobSpec> jobs;
    jobs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) jobs.emplace_back(name, payload);
    return jobs;
  }
  Task<CycleReply> ask(CycleRequest request) { return broker->cycle(std::move(request)); }
  /// Workers die while they run all of these, twice.
  Task<std::vector<JobId>> enqueue_suspects(std::vector<JobSpec> specs) {
    Client jobs = client();
    const auto count = static_cast<std::uint32_t>(specs.size());
    std::vector<JobId> ids = co_await jobs.enqueue(std::move(specs));
    for (int crash = 0; crash < 2; ++crash) {
      CycleRequest victim;
      victim.worker.incarnation = new_uuid();
      victim.queues.push_back("default");
      victim.seq = 1;
      victim.want = count;
      victim.lease = 1s;
      CycleRequest first(victim);
      const CycleReply taken = co_await ask(std::move(first));
      victim.seq = 2;
      victim.want = 0;
      for (const Lease& lease : taken.leases) victim.alive.emplace_back(lease.ref);
      (void)co_await ask(std::move(victim));
      co_await sleep(2s);
    }
    co_return ids;
  }
  static Task<void> let_pass(Milliseconds time) { co_await sleep(time); }
  static Task<void> all_ended(Client jobs, std::vector<JobId> ids) {
    for (const JobId& id : ids) (void)co_await jobs.wait(id);
  }
  [[nodiscard]] std::ptrdiff_t started(const std::string& name) const {
    return std::count(notes->started.begin(), notes->started.end(), name);
  }
};

TEST_F(WorkerSuspects, ManyTakeAtMostAFifthOfAWorkersTimeFromOtherJobs) {
  Worker worker(broker, options().concurrency(10));
  worker.handle_raw("suspicious", nap);
  worker.handle_raw("innocent", nap);
  run([](WorkerSuspects& test, Worker& serving) -> Task<void> {
    (void)co_await test.enqueue_suspects(many(2000, "suspicious", "100"));
    Client jobs = test.client();
    (void)co_await jobs.enqueue(many(20'000, "innocent", "100"));
    co_await beside(serving, let_pass(100s));
  }(*this, worker));
  EXPECT_GE(started("innocent"), 7500) << "ten run at a time, for 100 ms each: 10,000 are possible";
  EXPECT_GE(started("suspicious"), 100) << "nor are these forgotten";
}

/// Its predecessor may have been killed by one of them, again and again.
TEST_F(WorkerSuspects, AWorkerThatHasJustStartedWorksForSecondsBeforeItRunsOne) {
  Worker worker(broker, options().concurrency(10));
  std::ptrdiff_t before = -1;
  worker.handle_raw("suspicious", [&](JobContext&, std::string) -> Task<std::string> {
    if (before < 0) before = started("innocent");
    co_return std::string("1");
  });
  worker.handle_raw("innocent", nap);
  run([](WorkerSuspects& test, Worker& serving) -> Task<void> {
    (void)co_await test.enqueue_suspects(many(1, "suspicious", "0"));
    Client jobs = test.client();
    (void)co_await jobs.enqueue(many(20'000, "innocent", "100"));
    co_await beside(serving, let_pass(10s));
  }(*this, worker));
  EXPECT_GE(before, 240);
}

TEST_F(WorkerSuspects, WithNothingElseToDoTheyRunOneAfterTheOther) {
  Worker worker(broker, options().concurrency(10));
  worker.handle_raw("suspicious", nap);
  double took = 0;
  run([](WorkerSuspects& test, Worker& serving, double& out) -> Task<void> {
    std::vector<JobId> ids = co_await test.enqueue_suspects(many(100, "suspicious", "100"));
    const double began = test.loop.seconds();
    co_await beside(serving, all_ended(test.client(), std::move(ids)));
    out = test.loop.seconds() - began;
  }(*this, worker, took));
  EXPECT_NEAR(took, 10, 0.5);
}

}  // namespace
}  // namespace queue_tests

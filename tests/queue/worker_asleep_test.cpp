// A worker whose process or machine stood still for longer than its leases: what it does first when it goes
// on.
#include "src/queue/session.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

/// What happened, in its order.
class WorkerAsleep : public WorkerTest {
 public:
  std::vector<std::string> story;

  /// Runs until it is cancelled.
  void handle_stay(Worker& worker) {
    const auto stay = [this](JobContext&, const std::string&) -> Task<std::string> {
      const Outcome<void> slept = co_await outcome(sleep(1h));
      story.emplace_back(slept.cancelled() ? "stay is cancelled" : "stay ends");
      slept.get();
      co_return "1";
    };
    worker.handle_raw("stay", stay);
  }
  void handle_next(Worker& worker) {
    const auto next = [this](JobContext&, const std::string&) -> Task<std::string> {
      story.emplace_back("next begins");
      co_return "1";
    };
    worker.handle_raw("next", next);
  }
  CycleReply other_cycle(CycleRequest request) {
    CycleReply reply;
    Task<CycleReply> call = broker->cycle(std::move(request));
    loop.run([](Task<CycleReply> asked, CycleReply& out) -> Task<void> { out = co_await std::move(asked); }(
                                                             std::move(call), reply));
    return reply;
  }
};

TEST_F(WorkerAsleep, WhatExpiredIsCancelledBeforeAnythingIsBegun) {
  Worker worker(broker, options().lease(10s).concurrency(2));
  handle_stay(worker);
  handle_next(worker);
  run(beside(worker, [](WorkerAsleep& test) -> Task<void> {
    Client jobs = test.client();
    JobSpec spec("stay");
    spec.max_attempts = 1;
    const JobId first = co_await jobs.enqueue(spec);
    co_await sleep(1s);
    JobSpec later("next");
    later.delay = 2s;  // due when it wakes
    const JobId second = co_await jobs.enqueue(later);
    test.loop.block_for(20s);
    (void)co_await jobs.wait(second);
    (void)co_await jobs.cancel(first);
  }(*this)));
  ASSERT_GE(story.size(), 2U);
  EXPECT_EQ(story[0], "stay is cancelled");
  EXPECT_EQ(story[1], "next begins");
  EXPECT_TRUE(notes->warned_of("was lost"));
}

TEST_F(WorkerAsleep, TheTimeInWhichTheMachineWasSuspendedCountsForLeases) {
  Duration suspended{};
  Surroundings around;
  around.suspended = [&suspended] { return suspended; };
  const auto handlers = std::make_shared<HandlerMap>();
  const auto stay = [this](JobContext& job, const std::string&) -> Task<std::string> {
    const Outcome<void> slept = co_await outcome(sleep(3s));
    story.emplace_back(slept.cancelled() && job.lease_lost() ? "lost" : "kept");
    co_return "1";
  };
  (*handlers)["stay"] = make_raw_handler(stay);
  const auto session =
      std::make_shared<Session>(broker, options().lease(30s).stop_when_idle(), handlers, loop.loop(), around);
  session->open_gate();
  run([](WorkerAsleep& test, Session& serving, Duration& asleep) -> Task<void> {
    Client jobs = test.client();
    (void)co_await jobs.enqueue(JobSpec("stay"));
    const JoinHandle<void> served = spawn(&Session::serve, &serving);
    co_await sleep(1s);
    asleep = 1h;  // by the steady clock no time has passed
    (void)co_await jobs.enqueue(JobSpec("stay"));
    co_await served;
  }(*this, *session, suspended));
  ASSERT_GE(story.size(), 2U);
  EXPECT_EQ(story[0], "lost");
  EXPECT_EQ(story.back(), "kept");
}

// Reported before its start, as one that an earlier worker took along must be, and then the loop is held up.
TEST_F(WorkerAsleep, AJobThatIsReportedFirstIsNotStartedWhenItsLeaseIsOverByThen) {
  Worker worker(broker, options().lease(10s));
  handle_next(worker);
  run([](WorkerAsleep& test, Worker& serving) -> Task<void> {
    Client jobs = test.client();
    const JobId id = co_await jobs.enqueue(JobSpec("next"));
    CycleRequest victim;
    victim.worker.incarnation = new_uuid();
    victim.queues.push_back("default");
    victim.seq = 1;
    victim.want = 1;
    victim.lease = 1s;
    Task<CycleReply> take = test.broker->cycle(std::move(victim));
    (void)co_await std::move(take);
    co_await sleep(2s);
    test.broker->cycles.clear();
    test.broker->takes = 100ms;
    JoinHandle<void> served = spawn(serve, &serving);
    while (test.broker->cycles.empty()) co_await sleep(10ms);
    co_await sleep(10ms);
    EXPECT_EQ(test.broker->in_flight, 1) << "the report is on its way";
    test.loop.block_for(11s);
    (void)co_await jobs.wait(id);
    serving.drain();
    co_await served;
  }(*this, worker));
  ASSERT_GT(broker->cycles.size(), 2U);
  EXPECT_EQ(broker->cycles[1].alive, 1U);
  EXPECT_EQ(story, std::vector<std::string>{"next begins"}) << "once, after it was given back";
  const Seen& given_back = broker->cycles[2];
  EXPECT_EQ(given_back.failed, 1U);
  EXPECT_EQ(given_back.done, 0U);
}

}  // namespace
}  // namespace queue_tests

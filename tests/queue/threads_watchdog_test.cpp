// Heartbeats that a blocked loop cannot stop: the worker's loop, its watchdog's thread and the broker live by
// a clock that the handler moves while it blocks.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "src/brokers/memory/memory_broker.hpp"
#include "src/queue/session.hpp"
#include "tests/queue/manual_time.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace queue_tests {
namespace {

using namespace coterie;         // NOLINT(google-build-using-namespace)
using namespace coterie::queue;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

constexpr Milliseconds lease_time = 10s;

/// A number that one thread raises and another waits for.
class Count {
 public:
  void raise() {
    const std::lock_guard lock(mutex_);
    ++value_;
    changed_.notify_all();
  }
  [[nodiscard]] int value() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void wait_beyond(int seen) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return value_ > seen; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int value_ = 0;
};

/// Counts what the watchdog asks for; can be away for it, and hold a worker's cycle up.
class WatchedBroker final : public coterie::tests::ForwardingBroker {
 public:
  using ForwardingBroker::ForwardingBroker;
  Count extends;  ///< tried
  std::atomic<bool> away{false};
  std::function<Task<void>()> before_cycle;

  Task<CycleReply> cycle(CycleRequest request) override {
    if (before_cycle) {
      Task<void> before = before_cycle();
      co_await std::move(before);
    }
    Task<CycleReply> call = real().cycle(std::move(request));
    co_return co_await std::move(call);
  }
  Task<std::vector<Verdict>> extend(Uuid worker, std::vector<LeaseRef> leases, Milliseconds lease) override {
    if (away) {
      extends.raise();
      throw BrokerUnavailable("the broker is away: wait");
    }
    Task<std::vector<Verdict>> call = real().extend(worker, std::move(leases), lease);
    std::vector<Verdict> verdicts = co_await std::move(call);
    extends.raise();
    co_return verdicts;
  }
};

class Lines final : public WorkerObserver {
 public:
  void log(LogLevel, std::string_view line) override { logged.emplace_back(line); }
  void job_started(const JobContext& job) override { started.push_back(job.name()); }
  void job_finished(const JobContext&, const JobEnd& end) override { verdicts.push_back(end.verdict); }
  void loop_stalled(std::string_view line) override {
    {
      const std::lock_guard lock(mutex_);
      stalls_.emplace_back(line);
    }
    stalled.raise();
  }
  [[nodiscard]] std::vector<std::string> stalls() const {
    const std::lock_guard lock(mutex_);
    return stalls_;
  }
  std::vector<std::string> logged;
  std::vector<std::string> started;
  std::vector<Verdict> verdicts;
  Count stalled;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> stalls_;
};

class ThreadsWatchdog : public ::testing::Test {
 public:
  ThreadsWatchdog() {
    const auto clock = [time = time] {
      const Milliseconds passed = std::chrono::floor<Milliseconds>(time.now().time_since_epoch());
      return ClockReading{1'700'000'000'000 + passed.count(), passed};
    };
    store = std::make_shared<brokers::memory::Store>(clock);
    broker = std::make_shared<WatchedBroker>(
        std::make_shared<brokers::MemoryBroker>(store, "memory://watched", Limits()));
    options.lease(lease_time).observer(lines).stop_when_idle().on_stall(StallAction::log).name("w");
  }

  void handle(const std::string& name, std::function<Task<std::string>(JobContext&, std::string)> handler) {
    (*handlers)[name] = make_raw_handler(std::move(handler));
  }
  JobId enqueue(const std::string& name) {
    JobSpec spec(name, "null");
    spec.id = new_uuid();
    std::vector<JobSpec> specs;
    specs.push_back(spec);
    store->enqueue(std::move(specs), Limits());
    return spec.id;
  }
  /// Serves until every job has ended.
  void serve() {
    OtherLoop other(time);
    watchdog = &other.loop();
    Surroundings around;
    around.watchdog = watchdog;
    const auto session = std::make_shared<Session>(broker, options, handlers, loop, around);
    session->open_gate();
    run_until_complete(loop, session->serve());
  }
  /// So much time passes while this thread does nothing else; at each half lease the watchdog must have
  /// acted.
  void block(Duration for_time) {
    for (Duration passed{}; passed < for_time; passed += Duration(lease_time) / 2) {
      const int seen = broker->extends.value();
      time.advance(Duration(lease_time) / 2);
      broker->extends.wait_beyond(seen);
      let_watchdog_finish();
    }
  }
  /// The same, but gives up with the watchdog.
  void block_unless_given_up(Duration for_time) {
    const auto acted = [this] { return broker->extends.value() + lines->stalled.value(); };
    for (Duration passed{}; passed < for_time && lines->stalled.value() == 0;
         passed += Duration(lease_time) / 2) {
      const int seen = acted();
      time.advance(Duration(lease_time) / 2);
      while (acted() == seen) std::this_thread::yield();
      let_watchdog_finish();
    }
  }
  /// What the broker has answered, the watchdog has noted when this returns.
  void let_watchdog_finish() {
    const int seen = finished.value();
    watchdog->call_soon_threadsafe([this] { finished.raise(); });
    finished.wait_beyond(seen);
  }
  static LoopOptions looks_each_tick() {
    LoopOptions looks;
    looks.ticks_per_poll = 1;
    return looks;
  }
  /// What another worker is given now.
  CycleReply other_takes(std::uint32_t want = 10, std::vector<Done> done = {}) {
    CycleRequest request;
    request.worker.incarnation = other_;
    request.seq = ++other_seq_;
    request.queues.push_back("default");
    request.want = want;
    request.done = std::move(done);
    return store->cycle(std::move(request), Limits());
  }
  [[nodiscard]] JobInfo info(const JobId& id) const {
    std::vector<JobId> ids;
    ids.push_back(id);
    return store->get(ids, true).at(0).value();
  }

  ManualTime time;
  EventLoop loop{time.poller(), nullptr, looks_each_tick()};
  std::shared_ptr<brokers::memory::Store> store;
  std::shared_ptr<WatchedBroker> broker;
  std::shared_ptr<HandlerMap> handlers = std::make_shared<HandlerMap>();
  std::shared_ptr<Lines> lines = std::make_shared<Lines>();
  WorkerOptions options;
  EventLoop* watchdog = nullptr;  // while it serves
  Count finished;

 private:
  Uuid other_ = new_uuid();
  std::uint64_t other_seq_ = 0;
};

TEST_F(ThreadsWatchdog, AHandlerThatBlocksItsLoopForThreeLeasesRunsOnce) {
  int runs = 0;
  handle("block", [&](JobContext& job, const std::string&) -> Task<std::string> {
    ++runs;
    block(3 * lease_time);
    EXPECT_FALSE(job.lease_lost());
    EXPECT_TRUE(other_takes().leases.empty()) << "it is still this worker's";
    co_return "1";
  });
  const JobId id = enqueue("block");
  serve();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(lines->verdicts, std::vector{Verdict::accepted});
  EXPECT_EQ(info(id).state, JobState::done);
  EXPECT_TRUE(lines->logged.empty()) << lines->logged[0];
  EXPECT_TRUE(lines->stalls().empty());
}

TEST_F(ThreadsWatchdog, AllThatRunsBesideABlockedHandlerKeepsItsLeaseAndGoesOn) {
  bool cancelled = false;
  handle("wait", [&](JobContext&, const std::string&) -> Task<std::string> {
    const Outcome<void> waited = co_await outcome(yield());
    cancelled = waited.cancelled();
    co_return "1";
  });
  handle("block", [&](JobContext&, const std::string&) -> Task<std::string> {
    block(2 * lease_time);
    co_return "1";
  });
  const JobId first = enqueue("wait");
  enqueue("block");
  const JobId last = enqueue("wait");
  serve();
  EXPECT_FALSE(cancelled);
  EXPECT_EQ(lines->started.size(), 3U);
  EXPECT_EQ(lines->verdicts, std::vector(3, Verdict::accepted));
  EXPECT_EQ(info(first).state, JobState::done);
  EXPECT_EQ(info(last).state, JobState::done);
}

TEST_F(ThreadsWatchdog, ABrokerThatIsAwayIsAskedAgainBeforeTheLeaseEnds) {
  handle("block", [&](JobContext& job, const std::string&) -> Task<std::string> {
    broker->away = true;
    block(lease_time / 2);
    broker->away = false;
    const int seen = broker->extends.value();
    time.advance(lease_time / 4);
    broker->extends.wait_beyond(seen);
    block(lease_time);
    EXPECT_FALSE(job.lease_lost());
    co_return "1";
  });
  enqueue("block");
  serve();
  EXPECT_EQ(lines->verdicts, std::vector{Verdict::accepted});
}

TEST_F(ThreadsWatchdog, ABlockedHandlerSeesThatItsLeaseIsOver) {
  handle("block", [&](JobContext& job, const std::string&) -> Task<std::string> {
    broker->away = true;
    time.advance(lease_time);
    while (!job.lease_lost()) std::this_thread::yield();
    EXPECT_TRUE(job.cancelled());
    broker->away = false;
    co_return "1";
  });
  enqueue("block");
  serve();
  EXPECT_EQ(lines->verdicts.size(), 1U);
}

TEST_F(ThreadsWatchdog, ALoopThatStandsStillForLongerThanTheLimitIsNamedAndItsJobsRunElsewhere) {
  options.stall_limit(2 * lease_time);
  JobId hung;
  handle("resize", [&](JobContext& job, const std::string&) -> Task<std::string> {
    hung = job.id();
    while (lines->stalled.value() == 0) {
      const int seen = broker->extends.value() + lines->stalled.value();
      time.advance(lease_time / 2);
      while (broker->extends.value() + lines->stalled.value() == seen) std::this_thread::yield();
    }
    const int extended = broker->extends.value();
    time.advance(lease_time);
    while (!job.lease_lost()) std::this_thread::yield();
    CycleReply other = other_takes(1);
    EXPECT_EQ(other.leases.size(), 1U) << "another worker has it now";
    if (!other.leases.empty()) {
      std::vector<Done> done;
      done.emplace_back(other.leases[0].ref, "\"by another\"");
      other_takes(0, std::move(done));
    }
    EXPECT_EQ(broker->extends.value(), extended) << "nothing was extended any more";
    co_return "\"too late\"";
  });
  const JobId id = enqueue("resize");
  serve();
  const std::vector<std::string> stalls = lines->stalls();
  ASSERT_FALSE(stalls.empty());
  EXPECT_EQ(stalls[0].find("worker 'w' stands still: for 20 s"), 0U) << stalls[0];
  EXPECT_NE(stalls[0].find("in one step, of 'resize' " + id.str()), std::string::npos) << stalls[0];
  EXPECT_EQ(stalls[0].find('\n'), std::string::npos);
  EXPECT_EQ(info(id).result, "\"by another\"");
  EXPECT_EQ(hung, id);
  EXPECT_EQ(lines->started.size(), 1U);
}

TEST_F(ThreadsWatchdog, HandlersThatBlockOneAfterTheOtherInOneTurnOfTheLoopAreNoStall) {
  options.stall_limit(2 * lease_time);
  int runs = 0;
  handle("block", [&](JobContext& job, const std::string&) -> Task<std::string> {
    ++runs;
    block_unless_given_up(3 * lease_time / 2);
    EXPECT_FALSE(job.lease_lost());
    co_return "1";
  });
  for (int i = 0; i < 4; ++i) enqueue("block");
  serve();
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(lines->verdicts, std::vector(4, Verdict::accepted));
  EXPECT_TRUE(lines->stalls().empty()) << lines->stalls()[0];
}

TEST_F(ThreadsWatchdog, ItAsksTheBrokerNothingWhileTheLoopGoesRound) {
  handle("long", [&](JobContext&, const std::string&) -> Task<std::string> {
    for (int step = 0; step < 60; ++step) {
      time.advance(Duration(lease_time) / 12);
      for (int i = 0; i < 10; ++i) co_await yield();  // the heartbeat is due or not; it has its turn
    }
    co_return "1";
  });
  enqueue("long");
  serve();
  EXPECT_EQ(lines->verdicts, std::vector{Verdict::accepted});
  EXPECT_EQ(broker->extends.value(), 0);
}

TEST_F(ThreadsWatchdog, ACallThatIsHeldUpCostsNoLeaseAndIsNoStall) {
  options.stall_limit(lease_time);
  int calls = 0;
  bool held_up = true;
  // The second call brings nothing back for three leases; the loop goes on meanwhile.
  broker->before_cycle = [&]() -> Task<void> {
    if (++calls != 2) co_return;
    for (int half = 0; half < 6; ++half) {
      const int seen = broker->extends.value();
      time.advance(Duration(lease_time) / 2);
      while (broker->extends.value() == seen) co_await yield();
      let_watchdog_finish();
      for (int i = 0; i < 3; ++i) co_await yield();  // the loop answers what it was asked
    }
    held_up = false;
  };
  handle("long", [&](JobContext& job, const std::string&) -> Task<std::string> {
    while (held_up) co_await yield();
    EXPECT_FALSE(job.lease_lost());
    co_return "1";
  });
  handle("short", [](JobContext&, const std::string&) -> Task<std::string> { co_return "1"; });
  enqueue("long");
  enqueue("short");
  serve();
  EXPECT_EQ(lines->verdicts, std::vector(2, Verdict::accepted));
  EXPECT_TRUE(lines->stalls().empty());
  EXPECT_TRUE(lines->logged.empty()) << lines->logged[0];
}

TEST_F(ThreadsWatchdog, TimeInWhichItsOwnThreadStoodStillTooIsNotHeldAgainstTheLoop) {
  options.stall_limit(lease_time);
  handle("stopped", [&](JobContext& job, const std::string&) -> Task<std::string> {
    time.advance(100 * lease_time);  // SIGSTOP, and then SIGCONT
    while (!job.lease_lost()) std::this_thread::yield();
    EXPECT_TRUE(lines->stalls().empty());
    broker->before_cycle = nullptr;
    co_return "1";
  });
  enqueue("stopped");
  serve();
  EXPECT_EQ(broker->extends.value(), 0) << "what is over is not extended";
  EXPECT_TRUE(lines->stalls().empty());
}

}  // namespace
}  // namespace queue_tests

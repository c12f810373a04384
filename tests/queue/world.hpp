#pragma once
// A loop whose time is virtual, a memory broker that lives by it and can be made to misbehave, and a worker
// on it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coterie/coterie.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "src/brokers/memory/memory_broker.hpp"
#include "tests/support/forwarding_broker.hpp"

namespace queue_tests {

using namespace coterie;
using namespace coterie::queue;
using namespace std::chrono_literals;

/// What a test looks at of a cycle that was applied, or tried.
struct Seen {
  std::uint64_t seq = 0;
  std::uint32_t want = 0;
  bool alone = false;
  std::size_t done = 0;
  std::size_t failed = 0;
  std::size_t alive = 0;
  std::size_t leases = 0;
  double at = 0;
  Seen() = default;
};

class TestBroker final : public coterie::tests::ForwardingBroker {
 public:
  TestBroker(coterie::testing::VirtualLoop& time, std::shared_ptr<Broker> real)
      : ForwardingBroker(std::move(real)), time_(time) {}

  int refuse = 0;              ///< so many cycles fail before they are applied
  int lose = 0;                ///< so many are applied and their replies lost
  std::uint32_t generous = 0;  ///< so many leases a worker gets more than it wants, where it wants any
  Milliseconds takes{0};       ///< each cycle's time, spent before it is applied
  Milliseconds get_takes{0};   ///< the same of get()
  std::vector<Seen> cycles;
  int in_flight = 0;
  int most_in_flight = 0;
  int gets = 0;
  std::size_t most_leased = 0;

  [[nodiscard]] std::string url() const override { return "memory://test"; }
  Task<CycleReply> cycle(CycleRequest request) override {
    const Counted counted(*this);
    if (takes > 0ms) co_await sleep(takes);
    Seen seen;
    seen.seq = request.seq;
    seen.want = request.want;
    seen.alone = request.alone;
    seen.done = request.done.size();
    seen.failed = request.failed.size();
    seen.alive = request.alive.size();
    seen.at = time_.seconds();
    if (refuse > 0) {
      --refuse;
      cycles.push_back(seen);
      throw BrokerUnavailable("the test broker is away: wait");
    }
    if (request.want > 0) request.want += generous;
    Task<CycleReply> call = real().cycle(std::move(request));
    CycleReply reply = co_await std::move(call);
    seen.leases = reply.leases.size();
    cycles.push_back(seen);
    const std::size_t leased = co_await count_leased();
    most_leased = std::max(most_leased, leased);
    if (lose > 0) {
      --lose;
      throw BrokerUnavailable("the reply was lost: repeat");
    }
    co_return reply;
  }
  Task<std::vector<std::optional<JobInfo>>> get(std::vector<JobId> ids, bool bodies) override {
    ++gets;
    if (get_takes > 0ms) co_await sleep(get_takes);
    Task<std::vector<std::optional<JobInfo>>> found = real().get(std::move(ids), bodies);
    co_return co_await std::move(found);
  }

 private:
  class Counted {
   public:
    explicit Counted(TestBroker& broker) : broker_(broker) {
      broker_.most_in_flight = std::max(broker_.most_in_flight, ++broker_.in_flight);
    }
    ~Counted() { --broker_.in_flight; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

   private:
    TestBroker& broker_;
  };
  Task<std::size_t> count_leased() {
    std::size_t leased = 0;
    Task<std::vector<QueueInfo>> call = real().queues();
    std::vector<QueueInfo> all = co_await std::move(call);
    for (QueueInfo& queue : all) leased += queue.counts[JobState::leased];
    co_return leased;
  }

  coterie::testing::VirtualLoop& time_;
};

/// Notes what a worker says.
class Notes final : public WorkerObserver {
 public:
  std::vector<std::string> started;
  std::vector<std::string> ended;
  std::vector<std::string> warnings;
  std::vector<std::string> remarks;
  void job_started(const JobContext& job) override { started.push_back(job.name()); }
  void job_finished(const JobContext& job, const JobEnd& end) override {
    ended.push_back(job.name() + (end.succeeded ? " ok" : " " + end.error.type) + " " +
                    std::string(to_string(end.verdict)));
  }
  void log(LogLevel level, std::string_view line) override {
    (level == LogLevel::warning ? warnings : remarks).emplace_back(line);
  }
  [[nodiscard]] bool warned_of(std::string_view words) const {
    for (const std::string& line : warnings)
      if (line.find(words) != std::string::npos) return true;
    return false;
  }
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : WorkerTest(Limits()) {}
  explicit WorkerTest(const Limits& limits) {
    const auto clock = [this] {
      const Milliseconds passed = std::chrono::floor<Milliseconds>(loop.loop().now().time_since_epoch());
      return ClockReading{1'700'000'000'000 + passed.count(), passed};
    };
    broker = std::make_shared<TestBroker>(
        loop, std::make_shared<brokers::MemoryBroker>(std::make_shared<brokers::memory::Store>(clock),
                                                      "memory://test", limits));
    notes = std::make_shared<Notes>();
  }

  [[nodiscard]] WorkerOptions options() const { return WorkerOptions().observer(notes); }

 public:
  [[nodiscard]] Client client() const { return Client(broker); }

 protected:
  void run(Task<void> body) { loop.run(std::move(body)); }
  /// Serves beside `body`, then drains. What serve() throws comes out of here.
  static Task<void> beside(Worker& worker, Task<void> body) {
    JoinHandle<void> serving = spawn(serve, &worker);
    co_await std::move(body);
    worker.drain();
    co_await serving;
  }
  static Task<void> serve(Worker* worker) { co_await worker->serve(); }

 public:
  coterie::testing::VirtualLoop loop;
  std::shared_ptr<TestBroker> broker;
  std::shared_ptr<Notes> notes;
};

}  // namespace queue_tests

#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "coterie/testing/virtual_loop.hpp"
#include "src/queue/clock.hpp"
#include "src/queue/validate.hpp"

/// THE conformance suite: what every broker must do, whatever it stores in. A broker joins by a fixture and
///
///     INSTANTIATE_TEST_SUITE_P(Sqlite, BrokerSuite, testing::Values(BrokerKind("sqlite", make_fixture)),
///     kind_name);
///
/// in a file of its own in this folder; the tests are in suite_*.cpp. Nothing in them sleeps: time is
/// `TestClock`.
namespace broker_suite {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is tested here
using coterie::Task;

/// The broker's clock, both hands in the test's. Any thread may read it.
class TestClock {
 public:
  [[nodiscard]] ClockSource source() const {
    return [hands = hands_] { return ClockReading{hands->wall.load(), Milliseconds{hands->elapsed.load()}}; };
  }
  /// Time passes.
  void advance(Milliseconds by) {
    hands_->elapsed += by.count();
    hands_->wall += by.count();
  }
  /// Somebody sets the wall clock; no time passes.
  void step_wall(Milliseconds by) { hands_->wall += by.count(); }
  [[nodiscard]] UnixMillis wall() const { return hands_->wall; }

 private:
  struct Hands {
    std::atomic<UnixMillis> wall{1'800'000'000'000};
    std::atomic<std::int64_t> elapsed{1'000'000};
  };
  std::shared_ptr<Hands> hands_ = std::make_shared<Hands>();
};

/// How a broker is opened for a test. One fixture is one store, empty at first and gone with the fixture.
class BrokerFixture {
 public:
  BrokerFixture() = default;
  BrokerFixture(const BrokerFixture&) = delete;
  BrokerFixture& operator=(const BrokerFixture&) = delete;
  virtual ~BrokerFixture() = default;

  /// A broker on the store, on `clock`. Called again: one more on the same store, as another process would
  /// have.
  virtual std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) = 0;
};

struct BrokerKind {
  std::string name;
  std::function<std::unique_ptr<BrokerFixture>()> make;
  bool survives_restart = true;  ///< the store is there when the last broker on it was closed
  /// Priorities, order and pages hold for the whole queue; else for each of its shards.
  bool global_order = true;

  BrokerKind(std::string kind, std::function<std::unique_ptr<BrokerFixture>()> maker, bool survives = true)
      : name(std::move(kind)), make(std::move(maker)), survives_restart(survives) {}
  friend void PrintTo(const BrokerKind& kind, std::ostream* out) { *out << kind.name; }
};
inline std::string kind_name(const testing::TestParamInfo<BrokerKind>& info) {
  return info.param.name;
}

/// A worker's side of the protocol: numbers its calls and keeps its incarnation.
class TestWorker {
 public:
  explicit TestWorker(std::string name = "worker", std::string process = {}) {
    ref_.name = std::move(name);
    ref_.incarnation = new_uuid();
    ref_.process = std::move(process);
  }
  /// The next call, with nothing in it but where to take from.
  CycleRequest next(std::uint32_t want = 0, std::vector<std::string> queues = {"default"}) {
    CycleRequest request;
    request.worker = ref_;
    request.seq = ++seq_;
    request.queues = std::move(queues);
    request.want = want;
    request.lease = lease;
    return request;
  }
  [[nodiscard]] const WorkerRef& ref() const { return ref_; }
  Milliseconds lease{30'000};

 private:
  WorkerRef ref_;
  std::uint64_t seq_ = 0;
};

/// What happens to a call on its way. Whoever got no reply repeats the call.
enum class Fate { lost_before, reply_lost, repeated_late, repeated_after_restart };
inline constexpr Fate every_fate[] = {Fate::lost_before, Fate::reply_lost, Fate::repeated_late,
                                      Fate::repeated_after_restart};
[[nodiscard]] const char* name_of(Fate fate);

class BrokerSuite : public testing::TestWithParam<BrokerKind> {
 public:
  void SetUp() override { reopen(Limits{}); }

  /// A fresh store and a broker on it.
  void reopen(const Limits& limits);
  /// The broker's process ends and starts again.
  void restart();
  Broker& broker() { return *broker_; }
  [[nodiscard]] bool global_order() const { return GetParam().global_order; }
  std::shared_ptr<Broker> open_another() { return fixture_->open(clock_, limits_); }

  /// A job with a new id and no jitter.
  static JobSpec job(std::string name = "noop");

  // The broker's calls, each run to its end on a loop.
  template <class T>
  T await(Task<T> call) {
    return loop_.run(std::move(call));
  }
  std::vector<Enqueued> enqueue(std::vector<JobSpec> jobs);
  CycleReply cycle(CycleRequest request);
  std::vector<Verdict> extend(const TestWorker& worker, std::vector<LeaseRef> leases);
  std::vector<std::optional<JobInfo>> get(std::vector<JobId> ids, bool bodies = false);
  JobPage list(JobFilter filter);
  std::vector<JobInfo> recently_ended(std::uint32_t limit);
  std::vector<QueueInfo> queues();
  std::vector<CancelResult> cancel(std::vector<JobId> ids);
  bool retry(const JobId& id);
  std::uint64_t purge(JobFilter filter);
  std::optional<std::string> get_note(std::string key);
  bool put_note(std::string key, std::optional<std::string> expected, std::string value);
  std::uint64_t version();

  // What tests say often.
  JobId enqueue_one(JobSpec spec);
  std::vector<Lease> take(TestWorker& worker, std::uint32_t want = 1);
  Lease take_one(TestWorker& worker);
  Verdict done(TestWorker& worker, const LeaseRef& lease, std::string result = "null");
  Verdict fail(TestWorker& worker, const LeaseRef& lease, FailKind kind,
               Milliseconds delay = Milliseconds{-1});
  /// Extends the lease; says whether a cancel was asked for.
  Verdict alive(TestWorker& worker, const LeaseRef& lease, bool* cancelled = nullptr);
  std::optional<JobInfo> info(const JobId& id, bool bodies = false);
  JobState state(const JobId& id);
  std::uint64_t count(JobState wanted, const std::string& queue = "default");
  /// Lets time pass and somebody look, so that what is due by then happens.
  void pass(Milliseconds time);
  /// Takes `id` and lets its worker vanish after it began; returns whether the lease was an `alone` one.
  bool crash(const JobId& id, bool alone = false);

  /// Lets `call` arrive as often as `fate` says; returns the last reply, the one that the caller got.
  template <class Call>
  auto deliver(Fate fate, Call call) {
    if (fate == Fate::lost_before) return call();
    call();
    if (fate == Fate::repeated_late) others_go_on();
    if (fate == Fate::repeated_after_restart) restart();
    return call();
  }
  /// Each fate on a store of its own, so that a test's numbers hold for all of them.
  template <class Test>
  void under_every_fate(Test test) {
    for (const Fate fate : every_fate) {
      SCOPED_TRACE(name_of(fate));
      reopen(Limits{});
      test(fate);
    }
  }
  /// Calls of others, with a queue of their own.
  void others_go_on();

  TestClock clock_;

 private:
  Limits limits_;
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
  coterie::testing::VirtualLoop loop_;
};

[[nodiscard]] std::vector<JobId> ids_of(const std::vector<Lease>& leases);

}  // namespace broker_suite

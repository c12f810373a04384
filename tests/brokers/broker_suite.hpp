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
///     INSTANTIATE_TEST_SUITE_P(Sqlite, BrokerSuite, testing::Values(BrokerKind("sqlite", make_fixture)), kind_name);
///
/// in a file of its own in this folder; the tests are in suite_*.cpp. Nothing in them sleeps: time is `TestClock`.
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

  /// A broker on the store, on `clock`. Called again: one more on the same store, as another process would have.
  virtual std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) = 0;
};

struct BrokerKind {
  std::string name;
  std::function<std::unique_ptr<BrokerFixture>()> make;
  bool survives_restart = true;  ///< the store is there when the last broker on it was closed

  BrokerKind(std::string kind, std::function<std::unique_ptr<BrokerFixture>()> maker, bool survives = true)
      : name(std::move(kind)), make(std::move(maker)), survives_restart(survives) {}
  friend void PrintTo(const BrokerKind& kind, std::ostream* out) { *out << kind.name; }
};
inline std::string kind_name(const testing::TestParamInfo<BrokerKind>& info) { return info.param.name; }

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
[[nodiscard]] inline const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::lost_before: return "lost before it arrived";
    case Fate::reply_lost: return "applied, the reply lost";
    case Fate::repeated_late: return "repeated late";
    case Fate::repeated_after_restart: return "repeated after a restart";
  }
  return "?";
}

class BrokerSuite : public testing::TestWithParam<BrokerKind> {
 public:
  void SetUp() override { reopen(Limits{}); }

  /// A fresh store and a broker on it.
  void reopen(const Limits& limits) {
    broker_.reset();
    fixture_ = GetParam().make();
    limits_ = limits;
    broker_ = fixture_->open(clock_, limits_);
  }
  /// The broker's process ends and starts again.
  void restart() {
    if (GetParam().survives_restart) broker_.reset();
    broker_ = fixture_->open(clock_, limits_);
  }
  Broker& broker() { return *broker_; }
  std::shared_ptr<Broker> open_another() { return fixture_->open(clock_, limits_); }

  /// The value of one call, on a loop.
  template <class T>
  T await(Task<T> call) {
    return loop_.run(std::move(call));
  }

  static JobSpec job(std::string name = "noop") {
    JobSpec spec(std::move(name), "{}");
    spec.id = new_uuid();
    spec.backoff.jitter = 0;
    return spec;
  }
  std::vector<Enqueued> enqueue(std::vector<JobSpec> jobs) { return await(broker().enqueue(std::move(jobs))); }
  JobId enqueue_one(JobSpec spec) {
    const JobId id = spec.id;
    EXPECT_EQ(enqueue({std::move(spec)}), std::vector{Enqueued::created});
    return id;
  }
  CycleReply cycle(CycleRequest request) { return await(broker().cycle(std::move(request))); }
  std::vector<Lease> take(TestWorker& worker, std::uint32_t want = 1) { return cycle(worker.next(want)).leases; }
  /// Exactly one lease.
  Lease take_one(TestWorker& worker) {
    std::vector<Lease> leases = take(worker, 1);
    EXPECT_EQ(leases.size(), 1U);
    return leases.empty() ? Lease{} : std::move(leases[0]);
  }
  Verdict done(TestWorker& worker, const LeaseRef& lease, std::string result = "null") {
    CycleRequest request = worker.next();
    request.done.emplace_back(lease, std::move(result));
    return only(cycle(std::move(request)).done);
  }
  Verdict fail(TestWorker& worker, const LeaseRef& lease, FailKind kind, Milliseconds delay = Milliseconds{-1}) {
    CycleRequest request = worker.next();
    request.failed.emplace_back(lease, kind, JobError("exception", "it did not work"));
    request.failed.back().delay = delay;
    return only(cycle(std::move(request)).failed);
  }
  /// Extends, and says whether a cancel was asked for.
  Verdict alive(TestWorker& worker, const LeaseRef& lease, bool* cancelled = nullptr) {
    CycleRequest request = worker.next();
    request.alive.emplace_back(lease);
    const CycleReply reply = cycle(std::move(request));
    if (cancelled != nullptr) *cancelled = reply.cancel == std::vector{lease.id};
    return only(reply.alive);
  }
  /// Lets time pass and somebody look, so that what is due by then happens.
  void pass(Milliseconds time) {
    clock_.advance(time);
    TestWorker passer("passer");
    cycle(passer.next());
  }
  std::optional<JobInfo> info(const JobId& id, bool bodies = false) {
    return await(broker().get({id}, bodies)).at(0);
  }
  JobState state(const JobId& id) {
    const std::optional<JobInfo> found = info(id);
    EXPECT_TRUE(found.has_value()) << "no job " << id.str();
    return found ? found->state : JobState::throttled;
  }
  std::vector<CancelResult> cancel(std::vector<JobId> ids) { return await(broker().cancel(std::move(ids))); }
  bool retry(const JobId& id) { return await(broker().retry({id})).at(0); }
  std::uint64_t count(JobState wanted, const std::string& queue = "default") {
    for (const QueueInfo& found : await(broker().queues())) {
      if (found.name != queue) continue;
      const auto place = found.counts.find(wanted);
      return place == found.counts.end() ? 0 : place->second;
    }
    return 0;
  }
  /// Takes `id` and lets its worker vanish after it began; returns whether the lease was an `alone` one.
  bool crash(const JobId& id, bool alone = false) {
    TestWorker worker("doomed");
    CycleRequest request = worker.next(1);
    request.alone = alone;
    const CycleReply reply = cycle(std::move(request));
    EXPECT_EQ(reply.leases.size(), 1U);
    if (reply.leases.size() != 1) return false;
    EXPECT_EQ(reply.leases[0].ref.id, id);
    EXPECT_EQ(this->alive(worker, reply.leases[0].ref), Verdict::accepted);
    pass(worker.lease + Milliseconds{1});
    return reply.leases[0].alone;
  }

  /// Lets `call` arrive as often as `fate` says; returns the last reply, which is the one that the caller got.
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
  void others_go_on() {
    JobSpec spec = job("other");
    spec.queue = "others";
    enqueue_one(spec);
    clock_.advance(Milliseconds{100});
    TestWorker other("other");
    for (const Lease& lease : cycle(other.next(1, {"others"})).leases) done(other, lease.ref);
    await(broker().put_note("others", std::nullopt, "were here"));
  }

  TestClock clock_;

 private:
  static Verdict only(const std::vector<Verdict>& verdicts) {
    EXPECT_EQ(verdicts.size(), 1U);
    return verdicts.empty() ? Verdict::unknown : verdicts[0];
  }
  Limits limits_;
  std::unique_ptr<BrokerFixture> fixture_;
  std::shared_ptr<Broker> broker_;
  coterie::testing::VirtualLoop loop_;
};

[[nodiscard]] inline std::vector<JobId> ids_of(const std::vector<Lease>& leases) {
  std::vector<JobId> ids;
  for (const Lease& lease : leases) ids.push_back(lease.ref.id);
  return ids;
}

}  // namespace broker_suite

// Random histories: every call, under every fate, against the model. After each step each id must be in
// exactly one state, the one that the model says, and the counts must be exact. A seed replays its history.
#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/model.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

/// A worker in a history: what it holds or believes to hold, and what it held once.
struct Holder {
  TestWorker worker;
  std::vector<LeaseRef> held;
  std::vector<LeaseRef> old;
  Holder() = default;
};

class History {
 public:
  History(BrokerSuite& suite, std::uint64_t seed)
      : suite_(suite), random_(seed), model_(suite.global_order()), holders_(3) {}

 private:
  /// As the dice say, the caller never hears of the first reply and repeats the call, perhaps after a
  /// restart.
  template <class Call>
  auto deliver(Call call) {
    auto reply = call();
    if (!restarts_ && !chance(0.1)) return reply;
    if (restarts_) suite_.restart();
    call();
    return reply;
  }

 public:
  /// Takes one step and compares; what is wrong is a fatal failure of the test. A broker that has just been
  /// opened may count silence as a step of the clock, which the model does not: so there is none.
  void step() {
    restarts_ = chance(0.04);
    if (restarts_) ask_for_the_time();
    walk();
    if (restarts_ && !testing::Test::HasFatalFailure()) ask_for_the_time();
  }

  void compare_lists() {
    compare_list(JobFilter(), model_.in_order());
    for (int state = 0; state < job_state_count; ++state) {
      JobFilter filter;
      filter.state = static_cast<JobState>(state);
      compare_list(filter, model_.in_order(filter.state));
    }
  }
  [[nodiscard]] const std::set<std::pair<JobState, JobState>>& edges() const { return model_.edges(); }

 private:
  /// Both ways.
  void compare_list(JobFilter filter, std::vector<JobId> expected) {
    for (const bool newest_first : {false, true}) {
      std::vector<JobId> listed;
      filter.newest_first = newest_first;
      filter.limit = 7;
      filter.after = 0;
      do {
        const JobPage page = suite_.list(filter);
        for (const JobInfo& found : page.jobs) listed.push_back(found.id);
        filter.after = page.next;
      } while (filter.after != 0);
      if (newest_first) std::reverse(expected.begin(), expected.end());
      if (!suite_.global_order()) {
        std::sort(listed.begin(), listed.end());
        std::sort(expected.begin(), expected.end());
      }
      ASSERT_EQ(listed, expected) << (filter.state ? to_string(*filter.state) : "all");
    }
  }

  void walk() {
    const std::uint64_t version = suite_.version();
    const std::size_t dice = below(100);
    bool called = true;
    if (dice < 25) {
      enqueue();
    } else if (dice < 70) {
      cycle();
    } else if (dice < 75) {
      extend();
    } else if (dice < 82 && !known_.empty()) {
      const JobId id = pick(known_);
      const CancelResult expected = model_.cancel(id, now());
      ASSERT_EQ(deliver([&] { return suite_.cancel({id}); }), std::vector{expected});
    } else if (dice < 88 && !known_.empty()) {
      const JobId id = pick(known_);
      const bool expected = model_.retry(id, now());
      ASSERT_EQ(deliver([&] { return suite_.retry(id); }), expected);
    } else if (dice < 90) {
      purge();
      called = false;
    } else {
      suite_.clock_.advance(Milliseconds(below(8'000)));
      called = false;
    }
    if (testing::Test::HasFatalFailure()) return;
    if (called && model_.changed()) {
      ASSERT_NE(suite_.version(), version) << "who waits for this change would sleep on";
    }
    compare();
  }

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  [[nodiscard]] UnixMillis now() const { return suite_.clock_.wall(); }

  JobSpec make_job(const std::vector<JobId>& candidates) {
    JobSpec spec(chance(0.5) ? "a" : "b", std::to_string(ids_));
    // Ids by number, so that a history does not depend on the time of day.
    spec.id =
        !known_.empty() && chance(0.1) ? pick(known_) : derived_uuid("history " + std::to_string(++ids_));
    spec.queue = pick(queues_);
    spec.priority = static_cast<int>(below(3)) - 1;
    spec.max_attempts = 1 + static_cast<std::uint32_t>(below(3));
    spec.max_crashes = static_cast<std::uint32_t>(below(3));
    spec.backoff.base = Milliseconds(below(5'000));
    spec.backoff.jitter = 0;
    spec.result_ttl = 24h * 365;
    if (chance(0.3)) spec.delay = Milliseconds(below(20'000));
    if (chance(0.2)) spec.run_at = now() + static_cast<std::int64_t>(below(20'000));
    if (chance(0.2)) spec.expires_at = now() + static_cast<std::int64_t>(below(40'000));
    if (!candidates.empty() && chance(0.3)) {
      for (std::size_t n = 1 + below(3); n > 0; --n) spec.after.push_back(pick(candidates));
    }
    std::erase(spec.after, spec.id);
    return spec;
  }

  void ask_for_the_time() {
    Holder somebody;
    const CycleRequest request = somebody.worker.next(0, queues_);
    const std::optional<std::string> wrong = model_.cycle(request, suite_.cycle(request), now());
    ASSERT_FALSE(wrong) << *wrong;
  }

  void enqueue() {
    std::vector<JobSpec> jobs;
    std::vector<JobId> candidates = known_;
    for (std::size_t n = 1 + below(4); n > 0; --n) {
      jobs.push_back(make_job(candidates));
      candidates.push_back(jobs.back().id);
    }
    const std::vector<Enqueued> expected = model_.enqueue(jobs, now());
    ASSERT_EQ(deliver([&] { return suite_.enqueue(jobs); }), expected);
    for (const JobSpec& spec : jobs) {
      if (std::find(known_.begin(), known_.end(), spec.id) == known_.end()) known_.push_back(spec.id);
    }
  }

  void cycle() {
    Holder& holder = pick_holder();
    if (chance(0.05)) holder = Holder();  // it dies, and another one starts
    CycleRequest request = holder.worker.next(static_cast<std::uint32_t>(below(4)), queues_);
    if (chance(0.5)) std::reverse(request.queues.begin(), request.queues.end());
    request.lease = Milliseconds(5'000 + below(20'000));
    request.alone = holder.held.empty() && chance(0.5);
    if (chance(0.3)) request.names = {"a"};
    if (chance(0.2)) request.names = {"a", "b"};
    std::vector<LeaseRef> mentioned = std::exchange(holder.held, {});
    if (!holder.old.empty() && chance(0.2)) mentioned.push_back(pick(holder.old));
    const Holder& other = pick_holder();
    if (!other.held.empty() && chance(0.1)) mentioned.push_back(pick(other.held));
    for (const LeaseRef& lease : mentioned) settle(holder, request, lease);
    const CycleReply reply = deliver([&] { return suite_.cycle(request); });
    const std::optional<std::string> wrong = model_.cycle(request, reply, now());
    ASSERT_FALSE(wrong) << *wrong;
    for (const Lease& lease : reply.leases) holder.held.push_back(lease.ref);
  }

  void extend() {
    Holder& holder = pick_holder();
    std::vector<LeaseRef> leases = holder.held;
    if (!holder.old.empty()) leases.push_back(pick(holder.old));
    const Holder& other = pick_holder();
    if (!other.held.empty()) leases.push_back(pick(other.held));
    holder.worker.lease = Milliseconds(5'000 + below(20'000));
    const std::vector<Verdict> expected =
        model_.extend(holder.worker.ref().incarnation, leases, holder.worker.lease, now());
    ASSERT_EQ(deliver([&] { return suite_.extend(holder.worker, leases); }), expected);
  }

  void settle(Holder& holder, CycleRequest& request, const LeaseRef& lease) {
    static const std::vector<FailKind> kinds{FailKind::retry, FailKind::retry, FailKind::dead,
                                             FailKind::cancelled, FailKind::give_back};
    const std::size_t fate = below(100);
    if (fate < 30) {
      request.done.emplace_back(lease, std::to_string(below(1000)));
    } else if (fate < 55) {
      request.failed.emplace_back(lease, pick(kinds), JobError("exception", "dice"));
      if (chance(0.5)) request.failed.back().delay = Milliseconds(below(10'000));
    } else if (fate < 85) {
      request.alive.emplace_back(lease);
      request.alive.back().started = chance(0.8);
    }
    (fate < 55 ? holder.old : holder.held).push_back(lease);
  }
  Holder& pick_holder() { return holders_[below(holders_.size())]; }

  void purge() {
    JobFilter filter;
    filter.queue = pick(queues_);
    filter.limit = 1 + static_cast<std::uint32_t>(below(5));
    const std::vector<JobId> may = model_.purgeable(filter);
    const std::uint64_t purged = suite_.purge(filter);
    ASSERT_EQ(purged, std::min<std::size_t>(may.size(), filter.limit));
    const std::vector<std::optional<JobInfo>> left = suite_.get(may, false);
    for (std::size_t i = 0; i < may.size(); ++i) {
      if (!left[i]) model_.forget(may[i]);
    }
    ASSERT_EQ(model_.purgeable(filter).size(), may.size() - purged);
  }

  /// Each id is in exactly one state, the model's; the counts say the same.
  void compare() {
    const std::vector<std::optional<JobInfo>> infos = suite_.get(known_, true);
    for (std::size_t i = 0; i < known_.size(); ++i) {
      const std::optional<std::string> wrong = model_.compare(known_[i], infos[i], now());
      ASSERT_FALSE(wrong) << *wrong << ", job " << i;
    }
    std::map<std::string, std::map<JobState, std::uint64_t>> counts;
    for (const QueueInfo& queue : suite_.queues()) {
      for (const auto& [state, number] : queue.counts) {
        if (number != 0) counts[queue.name][state] = number;
      }
    }
    ASSERT_EQ(counts, model_.counts());
  }

  BrokerSuite& suite_;
  std::mt19937_64 random_;
  Model model_;
  std::uint64_t ids_ = 0;
  bool restarts_ = false;  // the broker's process, in the next call
  std::vector<JobId> known_;
  std::vector<Holder> holders_;
  const std::vector<std::string> queues_{"default", "second"};
};

using Edge = std::pair<JobState, JobState>;

/// The state chart of coterie/queue/job.hpp.
std::set<Edge> legal_edges() {
  using enum JobState;
  return {
      {blocked, scheduled}, {blocked, ready},       {blocked, cancelled},  //
      {scheduled, ready},   {scheduled, cancelled}, {scheduled, expired},  //
      {ready, leased},      {ready, cancelled},     {ready, expired},      //
      {leased, ready},      {leased, scheduled},    {leased, done},
      {leased, dead},       {leased, cancelled},  //
      {dead, ready},        {cancelled, ready},     {expired, ready},
  };
}

TEST_P(BrokerSuite, RandomHistoriesGoAsTheContractSays) {
  std::set<Edge> walked;
  const std::uint64_t seeds = global_order() ? 20 : 8;  // each call is several there
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    reopen(Limits{});
    History history(*this, seed);
    for (int step = 0; step < 200; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      history.step();
      if (step % 10 == 0) history.compare_lists();
      if (HasFatalFailure()) return;
    }
    walked.insert(history.edges().begin(), history.edges().end());
  }
  EXPECT_EQ(walked, legal_edges()) << "an edge that is not in the chart, or one that no history came by";
}

}  // namespace
}  // namespace broker_suite

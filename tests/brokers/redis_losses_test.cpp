// What only Redis has of a queue: shards and letters between them, cycles of several scripts, enqueues that
// share one. Producers and workers over four shards, and each call may be lost before it arrives, in the
// middle, or with its reply, be overtaken, and arrive once more later. A seed says which jobs there are and
// what befalls which call, not the interleaving, for the server is a real one. COTERIE_SEED=n runs one of
// them, COTERIE_REDIS_SEEDS=n so many.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "coterie/run.hpp"
#include "coterie/spawn.hpp"
#include "src/brokers/redis/rounds.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/wakes.hpp"
#include "src/brokers/redis/watch.hpp"
#include "src/queue/seeded_ids.hpp"
#include "tests/brokers/redis_lossy_servers.hpp"
#include "tests/brokers/redis_shards.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
namespace redis = coterie::brokers::redis;

constexpr std::size_t producers = 3;
constexpr std::size_t batches_each = 6;
constexpr std::size_t workers = 3;
/// Far more than a run needs once nothing is lost any more: some 300.
constexpr std::uint64_t calls_most = 2000;

/// One history, and what must hold in it.
class World {
 public:
  World(std::uint64_t seed, const redis::Settings& settings, TestClock& clock)
      : random_(seed),
        ids_(seed),
        clock_(clock),
        servers_(redis::make_servers(settings), random_),
        all_(servers_, Limits{}, clock.source()),
        watch_(all_),
        wakes_(all_, watch_),
        rounds_(all_, wakes_) {}

  Task<void> pass() {
    co_await servers_.open();
    co_await all_.open();
    co_await all_.claim();
    servers_.calm = false;
    std::vector<coterie::JoinHandle<void>> others;
    for (std::size_t i = 0; i < workers; ++i)
      others.push_back(coterie::spawn(&World::watch_over, this, work()));
    others.push_back(coterie::spawn(&World::watch_over, this, pass_time()));
    std::vector<coterie::JoinHandle<void>> producing;
    for (std::size_t i = 0; i < producers; ++i)
      producing.push_back(coterie::spawn(&World::watch_over, this, produce()));
    for (coterie::JoinHandle<void>& each : producing) co_await each;
    co_await servers_.let_pass(50);
    servers_.calm = true;
    const std::uint64_t last = servers_.arrived() + calls_most;
    for (bool left = true; left && !over_ && servers_.arrived() < last;) {
      co_await servers_.let_pass(20);
      left = co_await anything_left();
    }
    over_ = true;
    for (coterie::JoinHandle<void>& each : others) co_await each;
    co_await look_at_the_end();
    co_await wakes_.close();
    co_await watch_.close();
    co_await servers_.close();
    co_await all_.close();
  }

  [[nodiscard]] const Losses& losses() const { return servers_.losses; }

 private:
  struct Job {
    std::vector<JobId> after;
    std::uint32_t accepted = 0;    // ends that its workers were told to be theirs
    std::uint64_t last_token = 0;  // of these
    bool told_to_end = false;
  };

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

  /// Who is told that its call was wrong ends the run.
  Task<void> watch_over(Task<void> work) {
    coterie::Outcome<void> end = co_await coterie::outcome(std::move(work));
    try {
      end.get();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
      over_ = servers_.calm = true;
    }
  }
  /// As the contract has it: who got no answer says the same again.
  template <class Result, class Call>
  Task<Result> say(const Call* call) {
    for (;;) {
      Task<Result> trying = (*call)();
      coterie::Outcome<Result> end = co_await coterie::outcome(std::move(trying));
      try {
        co_return std::move(end).get();
      } catch (const BrokerUnavailable&) {
      }
      co_await coterie::yield();
    }
  }

  /// Of jobs that wait for any that are confirmed, or stand before them.
  Task<void> produce() {
    for (std::size_t batch = 0; batch < batches_each; ++batch) {
      std::vector<JobSpec> specs;
      for (std::size_t count = 1 + below(3); count > 0; --count) {
        JobSpec spec = BrokerSuite::job();
        spec.max_attempts = 1000;
        spec.max_crashes = 0;  // nobody here asks for suspects
        spec.backoff.base = 500ms;
        spec.backoff.cap = 1s;
        if (chance(0.3)) spec.delay = Milliseconds(below(3000));
        std::set<JobId> after;
        for (std::size_t n = below(4); n > 0; --n) {
          const std::size_t at = below(confirmed_.size() + specs.size() + 1);
          if (at < confirmed_.size())
            after.insert(confirmed_[at]);
          else if (at < confirmed_.size() + specs.size())
            after.insert(specs[at - confirmed_.size()].id);
        }
        spec.after.assign(after.begin(), after.end());
        jobs_[spec.id].after = spec.after;
        for (const JobId& id : after)
          if (redis::shard_of(id, all_.size()) != redis::shard_of(spec, all_.size())) ++servers_.losses.far;
        specs.push_back(std::move(spec));
      }
      const auto call = [&] { return all_.enqueue(specs); };
      (void)co_await say<std::vector<Enqueued>>(&call);
      for (const JobSpec& spec : specs) confirmed_.push_back(spec.id);
      co_await servers_.let_pass(below(4));
    }
  }

  /// Until its process hears of all shards.
  Task<void> listen(Uuid worker) {
    for (std::uint32_t shard = 0; shard < all_.size();) {
      if (!wakes_.channel_for(worker, shard).empty()) {
        ++shard;
        continue;
      }
      (void)co_await wakes_.changed(worker, 0, Milliseconds(10min));
      (void)wakes_.take_told(worker);
    }
  }

  Task<void> work() {
    TestWorker worker;
    worker.lease = 20s;
    std::vector<LeaseRef> held;
    co_await listen(worker.ref().incarnation);
    while (!over_) {
      if (!servers_.calm && chance(0.03)) {  // it dies, and another one starts
        worker = TestWorker();
        worker.lease = 20s;
        held.clear();
      }
      CycleRequest request = worker.next(static_cast<std::uint32_t>(below(6)));
      for (const LeaseRef& lease : std::exchange(held, {})) settle(request, lease, held);
      const auto call = [&] { return rounds_.cycle(request); };
      const CycleReply reply = co_await say<CycleReply>(&call);
      take_note(request, reply, held);
      co_await coterie::yield();
    }
  }
  void settle(CycleRequest& request, const LeaseRef& lease, std::vector<LeaseRef>& held) {
    const std::size_t fate = servers_.calm ? 0 : below(100);
    if (fate < 60) {
      request.done.emplace_back(lease, std::string(below(20), '1'));
      jobs_.at(lease.id).told_to_end = true;
    } else if (fate < 80) {
      request.failed.emplace_back(lease, fate < 70 ? FailKind::retry : FailKind::give_back,
                                  JobError("exception", "dice"));
    } else {
      request.alive.emplace_back(lease);
      request.alive.back().started = true;
      held.push_back(lease);
    }
  }
  void take_note(const CycleRequest& request, const CycleReply& reply, std::vector<LeaseRef>& held) {
    ASSERT_EQ(reply.done.size(), request.done.size());
    for (std::size_t i = 0; i < request.done.size(); ++i) {
      if (reply.done[i] != Verdict::accepted) continue;
      Job& job = jobs_.at(request.done[i].lease.id);
      ++job.accepted;
      job.last_token = request.done[i].lease.token;
    }
    for (const Lease& lease : reply.leases) {
      const auto found = jobs_.find(lease.ref.id);
      ASSERT_NE(found, jobs_.end()) << "a job that nobody made";
      // An older lease may be told of late: other shards of the call had not answered yet.
      EXPECT_TRUE(found->second.accepted == 0 || lease.ref.token < found->second.last_token)
          << "a job that was done came again";
      for (const JobId& id : found->second.after)
        EXPECT_TRUE(jobs_.at(id).told_to_end) << "it runs before what it waits for has ended";
      held.push_back(lease.ref);
    }
  }

  Task<void> pass_time() {
    while (!over_) {
      clock_.advance(Milliseconds(below(1500)));
      co_await servers_.let_pass(3);
    }
  }

  /// A job that is not final, or a letter that is not delivered.
  Task<bool> anything_left() {
    const std::vector<QueueInfo> queues = co_await all_.queues();
    for (const QueueInfo& queue : queues)
      for (const auto& [state, count] : queue.counts)
        if (!is_final(state) && count > 0) co_return true;
    for (std::uint32_t shard = 0; shard < all_.size(); ++shard) {
      std::vector<redis::Command> commands;
      commands.push_back(redis::Command("EXISTS").arg(servers_.settings().prefix(shard) + "X"));
      const std::vector<redis::Reply> there = co_await servers_.real().send(shard, commands);
      if (there.at(0).integer() != 0) co_return true;
    }
    co_return false;
  }
  Task<void> look_at_the_end() {
    EXPECT_GE(confirmed_.size(), producers * batches_each);
    const std::vector<std::optional<JobInfo>> found = co_await all_.get(confirmed_, true);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(found[i]) << "a confirmed job is gone";
      if (!found[i]) continue;
      EXPECT_EQ(to_string(found[i]->state), to_string(JobState::done));
      EXPECT_LE(jobs_.at(confirmed_[i]).accepted, 1U);
    }
  }

  std::mt19937_64 random_;
  const SeededIds ids_;
  TestClock& clock_;

  LossyServers servers_;
  redis::Shards all_;
  redis::Watch watch_;
  redis::Wakes wakes_;
  redis::Rounds rounds_;
  std::map<JobId, Job> jobs_;
  std::vector<JobId> confirmed_;
  bool over_ = false;
};

class RedisLosses : public RedisShardsTest {
 protected:
  /// Adds to `sum` what befell it.
  void run(std::uint64_t seed, Losses& sum) {
    administer("FLUSHALL");
    const redis::Settings settings =
        redis::settings_of(coterie::brokers::parse_broker_url(server_.url("shards=4")));
    const auto body = [&]() -> Task<void> {
      World world(seed, settings, clock_);
      co_await world.pass();
      sum += world.losses();
    };
    EXPECT_EQ(coterie::run(body()), 0);
    expect_sound_keys({server_.socket()});
  }
};

std::uint64_t in_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_F(RedisLosses, EveryConfirmedJobIsDoneOnceAndAfterWhatItWaitsFor) {
  const std::uint64_t only = in_environment("COTERIE_SEED", 0);
  const std::uint64_t last = only != 0 ? only : in_environment("COTERIE_REDIS_SEEDS", 2);
  Losses sum;
  const auto least = [&sum] {
    return std::min({sum.before, sum.within, sum.after, sum.late, sum.passed, sum.far});
  };
  // The dice are thrown in the order in which calls arrive, which is the machine's: a loss may want more
  // runs.
  const std::uint64_t enough = only != 0 ? last : last + 8;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last || (seed <= enough && least() < 5); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run(seed, sum);
    if (HasFailure()) return;
  }
  if (only != 0) return;
  EXPECT_GE(least(), 5U) << "a run in which nothing goes wrong would pass too";
}

}  // namespace
}  // namespace broker_suite

// How the cost of a queue over many shards grows: workers with the real routing
// (src/brokers/redis/routing.hpp, itinerary.hpp) against shards that keep count of what they are asked. The
// figures of docs/scaling.md are those that this prints with COTERIE_FIGURES=1; each is bounded here, within
// some hundredths: whoever changes one of them changes that page too.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "src/brokers/redis/itinerary.hpp"
#include "src/queue/beat.hpp"

namespace coterie::simulation {
namespace {

using brokers::redis::Itinerary;
using brokers::redis::Visit;
using std::chrono::milliseconds;

constexpr double lease_ms = 30'000;
constexpr double round_trip_ms = 0.5;

/// What take.lua and wake.lua do, for one queue and one handler.
struct Shard {
  std::deque<double> ready;                 // since when
  std::set<std::pair<double, int>> asleep;  // worker, by when its place ends
  std::uint64_t commands = 0;
  std::uint64_t taken = 0;
  double visited_at = 0;
};

struct Load {
  std::uint32_t shards = 1;
  int workers = 1;
  int concurrency = 10;
  double jobs_per_s = 0;
  double job_ms = 20;
  int backlog = 0;           // jobs that are there at the start, and are made up for
  double begin_ms = 10'000;  // within which workers start
  double warm_up_ms = 60'000;
  double measured_ms = 60'000;
};

struct Figures {
  std::uint64_t commands = 0;
  std::uint64_t most_commands = 0;  // at one shard
  std::uint64_t jobs = 0;
  std::uint64_t told = 0;
  std::size_t places = 0;
  std::size_t least_taken = 0;  // at one shard
  std::size_t most_taken = 0;
  double longest_unvisited_ms = 0;
  std::vector<double> waited_ms;
  [[nodiscard]] double waited(double part) {
    std::sort(waited_ms.begin(), waited_ms.end());
    return waited_ms.empty()
               ? 0
               : waited_ms[static_cast<std::size_t>(part * static_cast<double>(waited_ms.size() - 1))];
  }
};

class Simulation {
 public:
  Simulation(const Load& load, std::uint64_t seed) : load_(load), random_(seed), shards_(load.shards) {
    for (int i = 0; i < load.workers; ++i) workers_.emplace_back(load.shards);
    for (int i = 0; i < load.backlog; ++i) shards_[any_shard()].ready.push_back(0);
    for (int i = 0; i < load.workers; ++i) at(uniform() * load.begin_ms, [this, i] { call(i); });
    if (load.jobs_per_s > 0) at(0, [this] { arrive(); });
  }
  /// Those from `first` on die; the others go on.
  void kill_from(int first) {
    for (int i = first; i < load_.workers; ++i) workers_[i].dead = true;
    // Until the list of those that live has dropped them.
    const double counted =
        static_cast<double>(Itinerary::lives_for(milliseconds(static_cast<std::int64_t>(lease_ms))).count());
    at(now_ + counted, [this, first] { members_ = first; });
  }
  void run_until(double until) {
    while (!events_.empty() && events_.begin()->first <= until) {
      auto event = events_.extract(events_.begin());
      now_ = event.key();
      event.mapped()();
    }
    now_ = until;
  }
  void forget() {
    figures_ = Figures();
    for (Shard& shard : shards_) {
      longest(shard);
      shard.commands = shard.taken = 0;
      shard.visited_at = now_;
    }
    figures_ = Figures();
  }
  Figures figures() {
    Figures figures = figures_;
    figures.least_taken = shards_[0].taken;
    for (Shard& shard : shards_) {
      longest(shard);
      figures.commands += shard.commands;
      figures.most_commands = std::max(figures.most_commands, shard.commands);
      figures.places += shard.asleep.size();
      figures.least_taken = std::min<std::size_t>(figures.least_taken, shard.taken);
      figures.most_taken = std::max<std::size_t>(figures.most_taken, shard.taken);
    }
    figures.longest_unvisited_ms = figures_.longest_unvisited_ms;
    return figures;
  }
  [[nodiscard]] double now() const { return now_; }

 private:
  struct Worker {
    explicit Worker(std::uint32_t shards) : way(shards), told(shards), ended(shards) {}
    Itinerary way;
    std::vector<bool> told;
    std::vector<std::uint32_t> ended;  // jobs to be settled, by shard
    int running = 0;
    bool is_new = true;
    bool calls = false;  // a call is on its way
    bool again = false;
    bool dead = false;
    std::uint64_t timer = 0;
  };

  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::uint32_t any_shard() { return brokers::redis::jump_hash(random_(), load_.shards); }
  void at(double when, std::function<void()> what) { events_.emplace(when, std::move(what)); }
  void longest(const Shard& shard) {
    figures_.longest_unvisited_ms = std::max(figures_.longest_unvisited_ms, now_ - shard.visited_at);
  }

  void arrive() {
    const std::uint32_t to = any_shard();
    shards_[to].ready.push_back(now_);
    wake(to, 2);
    at(now_ - std::log(1 - uniform()) * 1000 / load_.jobs_per_s, [this] { arrive(); });
  }
  void wake(std::uint32_t shard, int how_many) {
    auto& asleep = shards_[shard].asleep;
    while (how_many > 0 && !asleep.empty()) {
      const int who = asleep.begin()->second;
      const bool too_late = asleep.begin()->first <= now_;
      asleep.erase(asleep.begin());
      if (too_late || workers_[who].dead) continue;
      --how_many;
      ++figures_.told;
      workers_[who].told[shard] = true;
      at(now_ + round_trip_ms / 2, [this, who] { call(who); });
    }
  }

  void call(int who) {
    Worker& worker = workers_[who];
    if (worker.dead) return;
    worker.again = true;
    if (worker.calls) return;
    worker.calls = true;
    worker.again = false;
    Itinerary::Call call;
    call.now = milliseconds(static_cast<std::int64_t>(now_));
    call.lease = milliseconds(static_cast<std::int64_t>(lease_ms));
    call.width = 4;
    if (worker.way.must_say_it_lives(call.now, call.lease)) {
      ++shards_[0].commands;
      worker.way.settle_at(static_cast<std::uint64_t>(who), static_cast<std::uint64_t>(members_), call.now);
      call.said_it_lives = true;
    }
    call.everywhere = std::exchange(worker.is_new, false);
    call.told = std::exchange(worker.told, std::vector<bool>(load_.shards));
    for (const std::uint32_t ended : worker.ended) call.settles.push_back(ended > 0);
    worker.ended.assign(load_.shards, 0);
    auto want = static_cast<std::uint32_t>(load_.concurrency - worker.running);
    call.want = call.everywhere ? 0 : want;
    const double began = now_;
    std::vector<Visit> visits = worker.way.begin(call);
    double took = 0;
    while (!visits.empty()) {
      took += round_trip_ms;
      for (const Visit& visit : visits) want -= take(who, visit, began + took);
      visits = worker.way.go_on(want, 4);
    }
    at(began + took, [this, who] {
      workers_[who].calls = false;
      if (workers_[who].again) call_again(who);
    });
    const std::uint64_t timer = ++worker.timer;
    at(began + took + queue::looks_every(lease_ms), [this, who, timer] {
      if (workers_[who].timer == timer) call_again(who);
    });
  }
  void call_again(int who) { call(who); }

  std::uint32_t take(int who, const Visit& visit, double when) {
    Worker& worker = workers_[who];
    Shard& shard = shards_[visit.shard];
    ++shard.commands;
    longest(shard);
    shard.visited_at = now_;
    Itinerary::Seen seen;
    seen.wanted = visit.want;
    while (seen.got < visit.want && !shard.ready.empty()) {
      if (shard.ready.front() > 0) figures_.waited_ms.push_back(when - shard.ready.front());
      shard.ready.pop_front();
      if (load_.backlog > 0) shard.ready.push_back(0);
      ++seen.got;
      ++shard.taken;
      ++figures_.jobs;
      ++worker.running;
      at(when + load_.job_ms * (0.5 + uniform()), [this, who, at_shard = visit.shard] {
        --workers_[who].running;
        ++workers_[who].ended[at_shard];
        call(who);
      });
    }
    seen.asleep = seen.got < visit.want;
    std::erase_if(worker_places_[who], [&](const auto& place) {
      if (place.first != visit.shard) return false;
      shard.asleep.erase({place.second, who});
      return true;
    });
    if (seen.asleep) {
      const milliseconds kept = worker.way.place_for(milliseconds(static_cast<std::int64_t>(lease_ms)));
      const double until = now_ + static_cast<double>(kept.count());
      shard.asleep.insert({until, who});
      worker_places_[who].emplace_back(visit.shard, until);
    } else if (!shard.ready.empty()) {
      wake(visit.shard, 1);
    }
    worker.way.note(visit.shard, seen, milliseconds(static_cast<std::int64_t>(now_)));
    return seen.got;
  }

  const Load load_;
  std::mt19937_64 random_;
  std::vector<Shard> shards_;
  std::vector<Worker> workers_;
  std::map<int, std::vector<std::pair<std::uint32_t, double>>> worker_places_;
  int members_ = load_.workers;
  std::multimap<double, std::function<void()>> events_;
  double now_ = 0;
  Figures figures_;
};

bool figures_wanted() {
  return std::getenv("COTERIE_FIGURES") != nullptr;
}

Figures measure(const Load& load) {
  Simulation simulation(load, 1);
  simulation.run_until(load.warm_up_ms);
  simulation.forget();
  simulation.run_until(load.warm_up_ms + load.measured_ms);
  Figures figures = simulation.figures();
  if (figures_wanted()) {
    const double seconds = load.measured_ms / 1000;
    std::printf(
        "%4u shards %6d workers %7.0f jobs/s: %9.1f commands/s, %7.1f at one shard at most, %5.2f a job, "
        "%5.2f told a job, waited p50 %.2f p99 %.2f ms, %zu places, taken at a shard %zu to %zu, unvisited "
        "at most %.1f s\n",
        load.shards, load.workers, static_cast<double>(figures.jobs) / seconds,
        static_cast<double>(figures.commands) / seconds, static_cast<double>(figures.most_commands) / seconds,
        figures.jobs == 0 ? 0 : static_cast<double>(figures.commands) / static_cast<double>(figures.jobs),
        figures.jobs == 0 ? 0 : static_cast<double>(figures.told) / static_cast<double>(figures.jobs),
        figures.waited(0.5), figures.waited(0.99), figures.places, figures.least_taken, figures.most_taken,
        figures.longest_unvisited_ms / 1000);
  }
  return figures;
}

TEST(ShardsAtRest, WorkersCostOneCommandInTwoFifthsOfALeaseHoweverManyShards) {
  for (const std::uint32_t shards : {4U, 100U}) {
    for (const int workers : {100, 1'000, 10'000}) {
      Load load;
      load.shards = shards;
      load.workers = workers;
      load.measured_ms = 120'000;
      const Figures figures = measure(load);
      const double per_s = static_cast<double>(figures.commands) / 120;
      EXPECT_NEAR(per_s, workers / 12.0, workers / 1000.0) << shards << " shards";
      const double at_shard_0 = static_cast<double>(figures.most_commands) / 120;
      EXPECT_LE(at_shard_0, per_s * (shards == 4 ? 0.63 : 0.51)) << "half, and its part of the rest";
      if (workers == 10'000 && shards == 100) {
        EXPECT_LE(figures.longest_unvisited_ms, 15'000);
        EXPECT_EQ(figures.places, 1'000'000U);
      }
    }
  }
}

/// Two leases are promised.
TEST(ShardsAtRest, EachShardIsLookedAtWithinTwoLeases) {
  for (const int workers : {1, 3, 200}) {
    Load load;
    load.shards = 100;
    load.workers = workers;
    load.measured_ms = 300'000;
    EXPECT_LE(measure(load).longest_unvisited_ms, workers < 200 ? 48'500 : 31'500) << workers << " workers";
  }
}

TEST(ShardsUnderLoad, AJobCostsAboutAsMuchHoweverManyShards) {
  for (const std::uint32_t shards : {1U, 8U, 100U}) {
    Load load;
    load.shards = shards;
    load.workers = 100;
    load.jobs_per_s = 1'000;
    load.begin_ms = 1'000;
    load.warm_up_ms = 2'000;
    load.measured_ms = 1'000;
    Figures figures = measure(load);
    EXPECT_NEAR(figures.waited(0.5), 1.5 * round_trip_ms, 0.01);
    EXPECT_NEAR(figures.waited(0.99), 1.5 * round_trip_ms, 0.01);
    EXPECT_NEAR(static_cast<double>(figures.told) / static_cast<double>(figures.jobs), 2.0, 0.01);
    EXPECT_NEAR(static_cast<double>(figures.commands) / static_cast<double>(figures.jobs),
                shards == 100 ? 3.04 : 3.0, 0.02);
  }
}

TEST(ShardsFullOfWork, EachIsServedAlike) {
  using Case = std::tuple<std::uint32_t, int, double>;  // the last: commands a job
  for (const auto& [shards, workers, commands] :
       {Case(1, 4, 0.99), Case(8, 4, 1.48), Case(8, 16, 0.99), Case(100, 20, 1.8), Case(100, 100, 0.99)}) {
    Load load;
    load.shards = shards;
    load.workers = workers;
    load.concurrency = 64;
    load.job_ms = 200;
    load.backlog = 10'000;
    load.begin_ms = 500;
    load.warm_up_ms = 1'000;
    load.measured_ms = 3'000;
    const Figures figures = measure(load);
    EXPECT_GT(figures.least_taken, 0U);
    EXPECT_LE(static_cast<double>(figures.most_taken), 1.06 * static_cast<double>(figures.least_taken))
        << "of " << shards << " by " << workers;
    EXPECT_NEAR(static_cast<double>(figures.commands) / static_cast<double>(figures.jobs), commands, 0.02)
        << "of " << shards << " by " << workers;
  }
}

TEST(ShardsWhoseWorkersDied, AreServedWithinTwoLeases) {
  Load load;
  load.shards = 20;
  load.workers = 20;
  load.concurrency = 4;
  load.job_ms = 500;
  load.backlog = 2'000;
  Simulation simulation(load, 1);
  simulation.run_until(60'000);
  simulation.kill_from(5);
  simulation.forget();
  simulation.run_until(60'000 + 2 * lease_ms);
  const Figures figures = simulation.figures();
  EXPECT_GT(figures.least_taken, 0U);
}

}  // namespace
}  // namespace coterie::simulation

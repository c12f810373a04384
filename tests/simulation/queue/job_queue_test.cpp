// The queue as a whole, in one process on virtual time: real workers and clients against a broker that fails
// before and after it applies a call. One seed is one history; COTERIE_SEED=n replays it and prints what
// happened.
#include <gtest/gtest.h>

#include <cstdlib>

#include "coterie/testing/gtest.hpp"
#include "src/queue/seeded_ids.hpp"
#include "tests/simulation/queue/people.hpp"

namespace coterie::simulation {
namespace {

using queue::JobId;
using queue::Milliseconds;

/// Whoever has not ended by then waits for ever.
constexpr double patience_ms = 3'600'000;

Task<void> all_end(std::vector<JoinHandle<void>> tasks) {
  for (JoinHandle<void>& task : tasks) co_await task;
}

void look_at_the_end(World& world, std::uint32_t jobs) {
  std::vector<JobId> ids;
  for (std::uint32_t number = 1; number <= jobs; ++number) ids.push_back(id_of(number));
  const auto found = world.apply(World::Get{ids, true});
  for (std::size_t i = 0; i < ids.size(); ++i) world.ledger().finally(ids[i], found.at(i));
}

/// Producers enqueue, workers work and die, people meddle; then it is calm, and all must come to its end.
Task<void> pass(std::shared_ptr<World> world) {
  Random& random = world->random;
  std::vector<JoinHandle<void>> workers;
  const std::uint64_t places = 1 + random.below(3);
  for (std::uint32_t place = 1; place <= places; ++place)
    workers.push_back(spawn(named("place"), employ, world, place));
  std::vector<JoinHandle<void>> producers;
  std::uint32_t jobs = 0;
  for (std::uint64_t left = 1 + random.below(3); left > 0; --left) {
    const auto share = static_cast<std::uint32_t>(3 + random.below(4));
    producers.push_back(
        spawn(named("producer"), produce, world, "producer " + std::to_string(left), jobs + 1, share));
    jobs += share;
  }
  std::vector<JoinHandle<void>> others(1, spawn(named("somebody"), meddle, world, jobs));
  Task<void> produced = all_end(std::move(producers));
  co_await std::move(produced);
  co_await sleep(Milliseconds(random.below(2000)));
  world->calm = true;
  world->note("world", "is calm");
  Task<void> meddled = all_end(std::move(others));
  co_await std::move(meddled);
  const double until = world->elapsed_ms() + patience_ms;
  while (world->story.problem().empty() && world->elapsed_ms() < until &&
         (world->ledger().open() > 0 || world->late_copies > 0))
    co_await sleep(std::chrono::milliseconds(500));
  if (world->ledger().open() > 0 && world->story.problem().empty())
    world->story.wrong("after an hour these have not ended: " + world->ledger().open_jobs());
  world->closing = true;
  Task<void> worked = all_end(std::move(workers));
  co_await std::move(worked);
  if (world->story.problem().empty()) look_at_the_end(*world, jobs);
}

Task<void> one_world(SeededLoop& seeded, Tally* tally, std::string* text, Bug bug = Bug::none) {
  const bool replayed = std::getenv("COTERIE_SEED") != nullptr;
  const queue::SeededIds ids(seeded.seed());
  const auto world = std::make_shared<World>(seeded, replayed || text != nullptr);
  world->bug = bug;
  Task<void> passing = pass(world);
  co_await std::move(passing);
  if (tally != nullptr) *tally += world->ledger().tally();
  if (text != nullptr)
    *text = world->story.text();
  else if (replayed)
    std::fputs(world->story.text().c_str(), stdout);
  if (!world->story.problem().empty()) throw std::logic_error(world->story.problem());
}

testing::SeedOptions from(std::uint64_t first) {
  testing::SeedOptions options;
  options.first_seed = first;
  return options;
}

// 5,000 histories, in parts that ctest runs side by side.
#define SEEDS(first, last)                                                                             \
  COTERIE_SEEDED_TEST(JobQueueSimulation, Seeds##first##To##last, (last) - (first) + 1, from(first)) { \
    Task<void> world = one_world(seeded, nullptr, nullptr);                                            \
    co_await std::move(world);                                                                         \
  }
SEEDS(1, 500)
SEEDS(501, 1000)
SEEDS(1001, 1500)
SEEDS(1501, 2000)
SEEDS(2001, 2500)
SEEDS(2501, 3000)
SEEDS(3001, 3500)
SEEDS(3501, 4000)
SEEDS(4001, 4500)
SEEDS(4501, 5000)

unsigned long long number(std::uint64_t count) {
  return count;
}

// A simulation in which nothing goes wrong would pass too.
TEST(JobQueueSimulation, MuchGoesWrongInIt) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SeededLoop seeded(seed);
    seeded.run(one_world(seeded, &tally, nullptr));
  }
  std::printf(
      "leases %llu, of which ran out %llu; fenced %llu; repeated %llu; too old %llu; quarantined %llu; "
      "given back %llu; overlapping runs %llu; awaited %llu\n",
      number(tally.leases), number(tally.recovered), number(tally.fenced), number(tally.repeated),
      number(tally.refused_old), number(tally.quarantined), number(tally.given_back), number(tally.overlaps),
      number(tally.awaited));
  EXPECT_GE(tally.recovered, 100U) << "leases that ran out";
  EXPECT_GE(tally.fenced, 20U);
  EXPECT_GE(tally.repeated, 200U) << "calls that came again, of which nothing may change";
  EXPECT_GE(tally.refused_old, 100U) << "calls that came again after newer ones";
  EXPECT_GE(tally.quarantined, 5U);
  EXPECT_GE(tally.given_back, 20U);
  EXPECT_GE(tally.overlaps, 1U) << "runs that went on although another had begun";
  EXPECT_GE(tally.awaited, 200U) << "jobs that became ready while a worker had nothing to do";
}

/// The first seed at which the simulation finds the mistake, and what it says of it; 0: none up to 500.
std::uint64_t found_at(Bug bug, std::string& problem) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SeededLoop seeded(seed);
    try {
      seeded.run(one_world(seeded, nullptr, nullptr, bug));
    } catch (const std::logic_error& error) {
      problem = error.what();
      return seed;
    }
  }
  return 0;
}

// tests/mutants/simulation_queue.toml plants these and others into the broker itself, and into the worker.
TEST(JobQueueSimulation, ABrokerThatSettlesByOldTokensIsFound) {
  std::string problem;
  EXPECT_NE(found_at(Bug::settles_by_old_tokens, problem), 0U);
  EXPECT_NE(problem.find("are accepted, and must be fenced"), std::string::npos) << problem;
}

// Not by the word that comes back, but by what has become of the job.
TEST(JobQueueSimulation, ABrokerThatSettlesByOldTokensAndDeniesItIsFound) {
  std::string problem;
  EXPECT_NE(found_at(Bug::settles_silently, problem), 0U);
  EXPECT_EQ(problem.find("are accepted"), std::string::npos) << problem;
}

TEST(JobQueueSimulation, ABrokerThatForgetsSeqIsFound) {
  std::string problem;
  EXPECT_NE(found_at(Bug::forgets_seq, problem), 0U);
  EXPECT_NE(problem.find("executed"), std::string::npos) << problem;
}

TEST(JobQueueSimulation, ABrokerThatDropsAWakeupNowAndThenIsFound) {
  std::string problem;
  EXPECT_NE(found_at(Bug::drops_a_wakeup, problem), 0U);
  EXPECT_NE(problem.find("could run for"), std::string::npos) << problem;
}

TEST(JobQueueSimulation, OneSeedIsOneHistory) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::string first;
    std::string second;
    for (std::string* text : {&first, &second}) {
      SeededLoop seeded(seed);
      seeded.run(one_world(seeded, nullptr, text));
    }
    EXPECT_EQ(first, second) << "seed " << seed;
  }
}

}  // namespace
}  // namespace coterie::simulation

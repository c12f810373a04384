#include "coterie/sched/weighted_round_robin_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "coterie/testing/random.hpp"
#include "sched/support.hpp"

namespace coterie::test {
namespace {

using detail::SmoothTurns;
using Weights = std::vector<std::uint32_t>;

SmoothTurns turns_of(const Weights& weights) {
  SmoothTurns turns;
  for (std::size_t i = 0; i < weights.size(); ++i) turns.add(i, weights[i]);
  return turns;
}

/// The greatest distance of anybody from its share, in turns, over one whole round.
double worst_error(const Weights& weights) {
  SmoothTurns turns = turns_of(weights);
  double sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  std::vector<double> had(weights.size());
  double worst = 0;
  for (int turn = 1; turn <= static_cast<int>(sum) && turn <= 1500; ++turn) {
    ++had[turns.next()];
    for (std::size_t i = 0; i < weights.size(); ++i)
      worst = std::max(worst, std::abs(turn * weights[i] / sum - had[i]));
  }
  return worst;
}

TEST(SmoothTurns, AreInterleaved) {
  SmoothTurns turns = turns_of({5, 1, 1});
  std::string log;
  for (int i = 0; i < 14; ++i) log += static_cast<char>('a' + static_cast<int>(turns.next()));
  EXPECT_EQ(log, "aabacaaaabacaa");
}

TEST(SmoothTurns, NobodyIsEverMoreThanOneTurnFromItsShare) {
  for (std::uint32_t a = 1; a <= 12; ++a)
    for (std::uint32_t b = 1; b <= a; ++b)
      for (std::uint32_t c = 1; c <= b; ++c)
        for (std::uint32_t d = 1; d <= c; ++d) {
          const double worst = worst_error({a, b, c, d});
          ASSERT_LE(worst, 1) << a << ' ' << b << ' ' << c << ' ' << d;
        }
  testing::Random random(1);
  for (int round = 0; round < 200; ++round) {
    Weights weights(2 + random.below(39));
    const bool skewed = random.one_in(2);  // a few heavy among many light ones are the hard case
    for (auto& weight : weights)
      weight = static_cast<std::uint32_t>(skewed ? (random.one_in(4) ? 50 : 1) : 1 + random.below(200));
    const double worst = worst_error(weights);
    ASSERT_LE(worst, 1 + 1e-9) << "round " << round;
  }
}

TEST(WeightedRoundRobinPolicy, ClassesTakeTurnsByWeightWhateverTheirStepsTake) {
  run_under(std::make_unique<WeightedRoundRobinPolicy>(Weights{1, 5, 1, 1}), []() -> Task<void> {
    Busy a(1, 1ms);
    Busy b(2, 50ms);
    Busy c(3, 7ms);
    while (a.steps() < 500) co_await yield();
    EXPECT_NEAR(b.steps(), 100, 1);
    EXPECT_NEAR(c.steps(), 100, 1);
    co_await a.stop();
    co_await b.stop();
    co_await c.stop();
  });
}

TEST(WeightedRoundRobinPolicy, WeightsChangeWhileItRuns) {
  auto made = std::make_unique<WeightedRoundRobinPolicy>(Weights{1, 1, 1});
  WeightedRoundRobinPolicy& policy = *made;
  run_under(std::move(made), [&policy]() -> Task<void> {
    Busy a(1);
    Busy b(2);
    while (a.steps() < 100) co_await yield();
    EXPECT_NEAR(b.steps(), 100, 1);
    policy.set_weight(2, 4);
    EXPECT_EQ(policy.weight(2), 4U);
    const int before = b.steps();
    while (a.steps() < 200) co_await yield();
    EXPECT_NEAR(b.steps() - before, 400, 4);
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(WeightedRoundRobinPolicy, AClassThatWasAwayIsOwedNothing) {
  run_under(std::make_unique<WeightedRoundRobinPolicy>(), []() -> Task<void> {
    Busy a(1);
    while (a.steps() < 1000) co_await yield();
    Busy b(2);
    const int before = a.steps();
    while (b.steps() < 100) co_await yield();
    EXPECT_NEAR(a.steps() - before, 100, 2);
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(WeightedRoundRobinPolicy, RefusesWeightsAndClassesThatAreNone) {
  WeightedRoundRobinPolicy policy;
  EXPECT_THROW(policy.set_weight(1, 0), std::invalid_argument);
  EXPECT_THROW(policy.set_weight(1, 1'000'001), std::invalid_argument);
  EXPECT_THROW(policy.set_weight(-1, 1), std::invalid_argument);
  EXPECT_THROW(policy.set_weight(1024, 1), std::invalid_argument);
  EXPECT_THROW(WeightedRoundRobinPolicy(Weights(1025, 1)), std::invalid_argument);
}

}  // namespace
}  // namespace coterie::test

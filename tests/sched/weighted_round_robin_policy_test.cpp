#include "coterie/sched/weighted_round_robin_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
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
  for (int turn = 1; turn <= static_cast<int>(sum); ++turn) {
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
  for (const Weights& weights : {Weights{16, 128, 1, 16, 16, 128, 1, 1, 1, 2},
                                 {32, 4, 1, 32, 1, 1, 1, 1, 4},
                                 {128, 4, 1, 128},
                                 {50, 50, 50, 1, 1, 1, 1, 1, 1, 1, 1, 1}})
    EXPECT_LE(worst_error(weights), 1) << weights.size() << " of them";
  testing::Random random(1);
  for (int round = 0; round < 300; ++round) {
    Weights weights(2 + random.below(round % 3 == 0 ? 39 : 9));
    for (auto& weight : weights) {
      if (round % 3 == 0)  // a few heavy among many light ones
        weight = random.one_in(4) ? 50 : 1;
      else if (round % 3 == 1)
        weight = 1U << random.below(8);
      else
        weight = static_cast<std::uint32_t>(1 + random.below(200));
    }
    ASSERT_LE(worst_error(weights), 1 + 1e-9) << "round " << round;
  }
}

/// How many turns one of two that weigh the same has in a row at most.
std::size_t longest_run(SmoothTurns& turns) {
  std::size_t longest = 0;
  std::size_t run = 0;
  std::size_t last = turns.size();
  for (int i = 0; i < 100; ++i) {
    const std::size_t place = turns.next();
    run = place == std::exchange(last, place) ? run + 1 : 1;
    longest = std::max(longest, run);
  }
  return longest;
}

TEST(SmoothTurns, StayEvenWhenAHeavyOneGoes) {
  SmoothTurns turns = turns_of({1, 1, 1'000'000});
  while (turns.next() == 2) {
  }
  turns.erase(2);
  EXPECT_LE(longest_run(turns), 2U);
}

TEST(SmoothTurns, StayEvenWhenAHeavyOneComesAndGoesAllTheTime) {
  SmoothTurns turns = turns_of({1});
  for (int i = 0; i < 10'000; ++i) {
    turns.add(1, 100'000);
    (void)turns.next();
    turns.erase(1);
    (void)turns.next();
  }
  turns.add(1, 1);
  EXPECT_LE(longest_run(turns), 2U);
}

TEST(SmoothTurns, ALightOneHasItsTurnAlsoBesideHeavyOnesThatComeAndGo) {
  SmoothTurns turns = turns_of({1, 1000});
  int its = 0;
  for (int i = 0; i < 20'000; ++i) {
    turns.add(1, 1000);  // before the other goes, so that it is never alone
    turns.erase(1);
    if (turns.next() == 0) ++its;
  }
  EXPECT_NEAR(its, 20, 2);
}

/// Tasks of a policy without a loop, one of each class from 0 on.
class Classes {
 public:
  explicit Classes(const Weights& weights) : policy_(weights), nodes_(weights.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i].set_sched_class(static_cast<SchedClass>(i));
  }
  Classes(const Classes&) = delete;
  Classes& operator=(const Classes&) = delete;
  ~Classes() {
    for (Node& node : nodes_)
      if (std::exchange(node.ready, false)) policy_.remove(node);
  }
  [[nodiscard]] bool ready(std::size_t its) const { return nodes_[its].ready; }
  void push(std::size_t its) {
    nodes_[its].ready = true;
    policy_.push(nodes_[its]);
  }
  void remove(std::size_t its) {
    nodes_[its].ready = false;
    policy_.remove(nodes_[its]);
  }
  std::size_t pop() {
    policy_.begin_tick();
    auto& node = static_cast<Node&>(*policy_.pop());
    node.ready = false;
    return static_cast<std::size_t>(node.sched_class());
  }

 private:
  struct Node final : Runnable {
    void run() noexcept override {}
    bool ready = false;
  };
  WeightedRoundRobinPolicy policy_;
  std::vector<Node> nodes_;
};

int rounded_up(std::uint64_t sum, std::uint32_t weight) {
  return static_cast<int>((sum + weight - 1) / weight);
}

std::uint64_t sum_of(const Weights& weights) {
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  return sum;
}

// What the others are owed does not pile up while it comes and goes.
TEST(WeightedRoundRobinPolicy, AClassThatComesAndGoesWaitsForATurnOfItsShareAndToPayForAnother) {
  for (const auto& [crowd, mine] : {std::pair(Weights(20, 1), 50U),
                                    {Weights(10, 1), 10U},
                                    {Weights{100, 1}, 1U},
                                    {Weights{1, 1}, 100U},
                                    {Weights{1}, 1U},
                                    {Weights(3, 100), 7U},
                                    {Weights(12, 5), 1U}})
    for (const bool has_paid : {false, true}) {
      const std::size_t its = crowd.size();
      Weights weights = crowd;
      weights.push_back(mine);
      const int to_a_turn = rounded_up(sum_of(weights), mine);
      Classes classes(weights);
      for (std::size_t i = 0; i < its; ++i) classes.push(i);
      testing::Random random(3);
      for (int visit = 0; visit < 400; ++visit) {
        const auto away = static_cast<int>(random.below(static_cast<std::uint64_t>(to_a_turn)));
        for (int i = has_paid ? -to_a_turn : 0; i < away; ++i) classes.push(classes.pop());
        classes.push(its);
        int waited = 0;
        for (std::size_t turn = classes.pop(); turn != its; turn = classes.pop()) {
          classes.push(turn);
          ++waited;
        }
        ASSERT_LT(waited, (has_paid ? 1 : 2) * to_a_turn) << mine << " beside " << its << ", visit " << visit;
      }
    }
}

TEST(WeightedRoundRobinPolicy, WhenAllComeAndGoNobodyWaitsLongerThanForTwoTurnsOfItsShare) {
  testing::Random random(9);
  for (int round = 0; round < 60; ++round) {
    Weights weights(2 + random.below(round % 2 == 0 ? 3 : 20));
    for (auto& weight : weights)
      weight = random.one_in(3) ? 50 : static_cast<std::uint32_t>(1 + random.below(9));
    Classes classes(weights);
    std::vector<int> waited(weights.size());
    for (int turn = 0; turn < 500; ++turn) {
      for (std::size_t i = 0; i < weights.size(); ++i)
        if (!classes.ready(i) && (i == 0 || random.one_in(4))) {
          classes.push(i);
          waited[i] = 0;
        }
      const std::size_t its = classes.pop();
      for (std::size_t i = 0; i < weights.size(); ++i)
        if (classes.ready(i)) {
          ASSERT_LE(++waited[i], 2 * rounded_up(sum_of(weights), weights[i]))
              << "round " << round << ", " << i;
        }
      waited[its] = 0;
    }
  }
}

TEST(WeightedRoundRobinPolicy, ClassesWhoseTasksAreTakenOutLeaveTheOthersTheirShares) {
  Classes classes({1, 2, 1000});
  int had = 0;
  classes.push(0);
  classes.push(1);
  for (int turn = 0; turn < 3000; ++turn) {
    classes.push(2);
    classes.remove(2);
    const std::size_t its = classes.pop();
    had += its == 0 ? 1 : 0;
    classes.push(its);
  }
  EXPECT_NEAR(had, 1000, 1);
}

/// Who had which turn on a loop, and how far anybody has ever been from its share, in turns times the sum of
/// the weights: all in whole numbers.
struct Turns {
  explicit Turns(const Weights& of) : weights(of), had(of.size()) {
    for (const std::uint32_t weight : of) sum += weight;
  }
  void taken(std::size_t by) {
    ++turn;
    ++had[by];
    log += static_cast<char>('a' + by);
    for (std::size_t i = 0; i < had.size(); ++i)
      worst = std::max(worst, std::abs(turn * weights[i] - had[i] * sum));
  }
  Task<void> take(std::size_t mine, std::int64_t until) {
    while (turn < until) {
      taken(mine);
      world->block_for(std::chrono::milliseconds(turn * 7 % 50));
      co_await yield();
    }
  }
  const Weights& weights;
  std::vector<std::int64_t> had;
  std::int64_t turn = 0;
  std::int64_t sum = 0;
  std::int64_t worst = 0;
  std::string log;
};

/// Two rounds on a loop, with so many tasks of each class that are always ready.
Turns two_rounds(const Weights& weights, int tasks_each) {
  Turns turns(weights);
  Weights by_class{1};  // class 0, of the task that waits for them
  by_class.insert(by_class.end(), weights.begin(), weights.end());
  run_under(std::make_unique<WeightedRoundRobinPolicy>(by_class), [&]() -> Task<void> {
    std::vector<JoinHandle<void>> tasks;
    for (std::size_t i = 0; i < weights.size(); ++i)
      for (int each = 0; each < tasks_each; ++each)
        tasks.push_back(
            spawn(at(static_cast<SchedClass>(i + 1)), &Turns::take, std::ref(turns), i, 2 * turns.sum));
    for (const JoinHandle<void>& task : tasks) co_await task;
  });
  return turns;
}

TEST(WeightedRoundRobinPolicy, ClassesAreInterleavedOnALoop) {
  EXPECT_EQ(two_rounds({5, 1, 1}, 1).log, "aabacaaaabacaa");
}

TEST(WeightedRoundRobinPolicy, NoClassIsEverMoreThanOneTurnFromItsShareOnALoop) {
  for (const Weights& weights : {Weights{5, 1, 1},
                                 {4, 2, 1},
                                 {16, 128, 1, 16, 16, 128, 1, 1, 1, 2},
                                 {50, 50, 50, 1, 1, 1, 1, 1, 1, 1, 1, 1}})
    for (const int tasks_each : {1, 3}) {
      const Turns turns = two_rounds(weights, tasks_each);
      EXPECT_LE(turns.worst, turns.sum) << weights.size() << " classes, " << tasks_each << " tasks each";
      for (std::size_t i = 0; i < weights.size(); ++i)
        EXPECT_EQ(turns.had[i], std::int64_t{2} * weights[i]) << i;
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

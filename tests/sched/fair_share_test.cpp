#include "coterie/sched/fair_share.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "coterie/testing/random.hpp"
#include "sched/support.hpp"

namespace coterie::test {
namespace {

TEST(FairSharePolicy, GivesTimeByShareOverTenThousandStepsOfUnequalLength) {
  auto made = std::make_unique<FairSharePolicy>();
  FairSharePolicy& policy = *made;
  const SchedClass one = policy.add_class("one", 100);
  const SchedClass two = policy.add_class("two", 200);
  const SchedClass four = policy.add_class("four", 400);
  run_under(std::move(made), [&policy, one, two, four]() -> Task<void> {
    testing::Random random(7);
    const auto up_to = [&random](std::uint64_t most) {
      return [&random, most] { return Duration(std::chrono::microseconds(1 + random.below(most))); };
    };
    Busy a(one, up_to(20'000));  // by far the longest
    Busy b(two, up_to(5'000));
    Busy c(four, up_to(1'000));
    while (a.steps() + b.steps() + c.steps() < 10'000) co_await sleep(10ms);
    const auto all = static_cast<double>((a.time() + b.time() + c.time()).count());
    EXPECT_NEAR(static_cast<double>(a.time().count()) / all, 1.0 / 7, 0.03 / 7);
    EXPECT_NEAR(static_cast<double>(b.time().count()) / all, 2.0 / 7, 0.06 / 7);
    EXPECT_NEAR(static_cast<double>(c.time().count()) / all, 4.0 / 7, 0.12 / 7);
    EXPECT_EQ(policy.runtime(one), a.time());
    EXPECT_EQ(policy.steps(one), static_cast<std::uint64_t>(a.steps()));
    co_await a.stop();
    co_await b.stop();
    co_await c.stop();
  });
}

TEST(FairSharePolicy, KeepsItsSharesHoweverLongItHasRun) {
  struct Step final : Runnable {
    void run() noexcept override {}
  };
  FairSharePolicy policy;
  const SchedClass vast = policy.add_class("vast", 999'900);  // beside the default class's 100
  std::array<Step, 2> steps;
  steps[1].set_sched_class(vast);
  const auto run_next = [&policy](Duration time) {
    policy.begin_tick();
    Runnable* const node = policy.pop();
    policy.charge(node->sched_class(), time);
    return node;
  };
  for (const Duration time : {Duration(std::chrono::hours(720)), Duration(100ns)}) {
    policy.push(steps[0]);
    (void)run_next(time);
  }
  for (Step& step : steps) policy.push(step);
  int others = 0;
  for (int i = 0; i < 100'000; ++i) {
    Runnable* const node = run_next(100ns);
    if (node == &steps[0]) ++others;
    policy.push(*node);
  }
  EXPECT_NEAR(others, 10, 1);
  for (Step& step : steps) policy.remove(step);
}

TEST(FairSharePolicy, AGroupsSharesAreThoseOfAllThatIsInIt) {
  auto made = std::make_unique<FairSharePolicy>();
  const auto tenants = made->add_group("tenants", 100);
  const SchedClass alice = made->add_class("alice", 300, tenants);
  const SchedClass bob = made->add_class("bob", 100, tenants);
  const SchedClass other = made->add_class("other", 100);
  run_under(std::move(made), [=]() -> Task<void> {
    Busy a(alice);
    Busy b(bob);
    Busy c(other);
    while (c.steps() < 400) co_await sleep(1ms);
    EXPECT_NEAR(a.steps(), 300, 3);
    EXPECT_NEAR(b.steps(), 100, 3);
    co_await a.stop();
    co_await b.stop();
    while (c.steps() < 500) co_await sleep(1ms);
    co_await c.stop();
  });
}

/// A part that was wanted and one that was had, of the same time.
void expect_part(double wanted, Duration had, Duration all, const char* whose) {
  const double part = static_cast<double>(had.count()) / static_cast<double>(all.count());
  EXPECT_NEAR(part, wanted, 0.03 * wanted) << whose;
}

TEST(FairSharePolicy, GroupsAreInGroupsAndTheirSharesChangeWhileItRuns) {
  auto made = std::make_unique<FairSharePolicy>();
  FairSharePolicy& policy = *made;
  const auto tenants = policy.add_group("tenants", 300);
  const auto acme = policy.add_group("acme", 200, tenants);
  const SchedClass web = policy.add_class("acme's web", 300, acme);
  const SchedClass batch = policy.add_class("acme's batch", 100, acme);
  const SchedClass solo = policy.add_class("solo", 100, tenants);
  const SchedClass other = policy.add_class("other", 100);
  run_under(std::move(made), [=, &policy]() -> Task<void> {
    testing::Random random(3);
    const auto up_to = [&random](std::uint64_t most) {
      return [&random, most] { return Duration(std::chrono::microseconds(1 + random.below(most))); };
    };
    Busy a(web, up_to(1'000));
    Busy b(batch, up_to(5'000));
    Busy c(solo, up_to(20'000));
    Busy d(other, up_to(2'000));
    const auto expect_parts = [&](double of_a, double of_b, double of_c, double of_d) -> Task<void> {
      const Duration before[] = {a.time(), b.time(), c.time(), d.time()};
      const int steps = a.steps() + b.steps() + c.steps() + d.steps();
      while (a.steps() + b.steps() + c.steps() + d.steps() < steps + 10'000) co_await sleep(10ms);
      const Duration had[] = {a.time() - before[0], b.time() - before[1], c.time() - before[2],
                              d.time() - before[3]};
      const Duration all = had[0] + had[1] + had[2] + had[3];
      expect_part(of_a, had[0], all, "web");
      expect_part(of_b, had[1], all, "batch");
      expect_part(of_c, had[2], all, "solo");
      expect_part(of_d, had[3], all, "other");
    };
    co_await expect_parts(3.0 / 8, 1.0 / 8, 1.0 / 4, 1.0 / 4);
    policy.set_group_shares(acme, 50);
    co_await expect_parts(3.0 / 16, 1.0 / 16, 1.0 / 2, 1.0 / 4);
    policy.set_group_shares(tenants, 100);
    co_await expect_parts(1.0 / 8, 1.0 / 24, 1.0 / 3, 1.0 / 2);
    co_await a.stop();
    co_await b.stop();
    co_await c.stop();
    co_await d.stop();
  });
}

TEST(FairSharePolicy, AClassThatWasAwaySavesNothingUp) {
  auto made = std::make_unique<FairSharePolicy>();
  const SchedClass one = made->add_class("one", 100);
  const SchedClass two = made->add_class("two", 100);
  run_under(std::move(made), [=]() -> Task<void> {
    Busy a(one);
    while (a.steps() < 1000) co_await sleep(1ms);
    Busy b(two);
    const int before = a.steps();
    while (b.steps() < 100) co_await sleep(1ms);
    EXPECT_NEAR(a.steps() - before, 100, 2);
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(FairSharePolicy, SharesChangeWhileItRuns) {
  auto made = std::make_unique<FairSharePolicy>();
  FairSharePolicy& policy = *made;
  const SchedClass one = policy.add_class("one", 100);
  const SchedClass two = policy.add_class("two", 100);
  run_under(std::move(made), [&policy, one, two]() -> Task<void> {
    Busy a(one);
    Busy b(two);
    while (a.steps() < 100) co_await sleep(1ms);
    policy.set_shares(two, 300);
    const int before = b.steps();
    while (a.steps() < 200) co_await sleep(1ms);
    EXPECT_NEAR(b.steps() - before, 300, 4);
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(FairSharePolicy, StepsTooShortForTheClockCountToo) {
  auto made = std::make_unique<FairSharePolicy>();
  const SchedClass one = made->add_class("one", 100);
  const SchedClass two = made->add_class("two", 100);
  run_under(std::move(made), [=]() -> Task<void> {
    Busy a(one, Duration::zero());
    Busy b(two, Duration::zero());
    while (a.steps() < 100) co_await yield();
    EXPECT_NEAR(b.steps(), 100, 1);
    co_await a.stop();
    co_await b.stop();
  });
}

TEST(FairSharePolicy, RefusesWhatIsNoGroupAndNoShare) {
  FairSharePolicy policy;
  EXPECT_THROW(policy.add_class("none", 0), std::invalid_argument);
  EXPECT_THROW(policy.add_class("much", 1'000'001), std::invalid_argument);
  EXPECT_THROW(policy.add_class("lost", 1, 7), std::invalid_argument);
  EXPECT_THROW(policy.set_shares(9, 1), std::invalid_argument);
  EXPECT_THROW(policy.set_group_shares(9, 1), std::invalid_argument);
  for (std::size_t i = 2; i < FairSharePolicy::max_entries; ++i) (void)policy.add_class("c", 1);
  EXPECT_THROW(policy.add_class("one too many", 1), std::length_error);
}

}  // namespace
}  // namespace coterie::test

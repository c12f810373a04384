// The text that Prometheus reads.
#include "coterie/metrics/snapshot.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

#include "coterie/metrics/registry.hpp"

namespace {

using namespace coterie::metrics;

constexpr Family jobs{"jobs_total", Type::counter, "Jobs"};
constexpr Family depth{"depth", Type::gauge, "Depth"};
constexpr Family took{"took_seconds", Type::histogram, "How long"};
constexpr std::array bounds{.005, .1, 2.5};

TEST(Snapshot, EachFamilyHasItsHelpAndTypeOnce) {
  Snapshot snapshot;
  snapshot.add(jobs, {{"queue", "b"}}, 2);
  snapshot.add(depth, {}, 0.5);
  snapshot.add(jobs, {{"queue", "a"}}, 1);
  EXPECT_EQ(snapshot.text(),
            "# HELP jobs_total Jobs\n# TYPE jobs_total counter\n"
            "jobs_total{queue=\"a\"} 1\njobs_total{queue=\"b\"} 2\n"
            "# HELP depth Depth\n# TYPE depth gauge\ndepth 0.5\n");
}

TEST(Snapshot, TheSameSeriesOfTwoSourcesAddsUp) {
  Histogram one(bounds);
  Histogram two(bounds);
  one.observe(.01);
  two.observe(.02);
  two.observe(99);
  Snapshot snapshot;
  snapshot.add(took, {{"q", "x"}}, one);
  snapshot.add(took, {{"q", "x"}}, two);
  snapshot.add(jobs, {}, 3);
  snapshot.add(jobs, {}, 4);
  EXPECT_EQ(snapshot.text(),
            "# HELP took_seconds How long\n# TYPE took_seconds histogram\n"
            "took_seconds_bucket{q=\"x\",le=\"0.005\"} 0\ntook_seconds_bucket{q=\"x\",le=\"0.1\"} 2\n"
            "took_seconds_bucket{q=\"x\",le=\"2.5\"} 2\ntook_seconds_bucket{q=\"x\",le=\"+Inf\"} 3\n"
            "took_seconds_sum{q=\"x\"} 99.03\ntook_seconds_count{q=\"x\"} 3\n"
            "# HELP jobs_total Jobs\n# TYPE jobs_total counter\njobs_total 7\n");
}

TEST(Snapshot, AValueAtABoundBelongsToItsBucket) {
  Histogram histogram(bounds);
  histogram.observe(.1);
  EXPECT_EQ(histogram.count(1), 1u);
  EXPECT_EQ(histogram.total(), 1u);
}

TEST(Snapshot, LabelsAndHelpAreEscapedEachInItsWay) {
  constexpr Family odd{"odd", Type::gauge, "a \"b\" \\ c\nd"};
  Snapshot snapshot;
  snapshot.add(odd, {{"l", "a \"b\" \\ c\nd"}}, 1);
  EXPECT_EQ(snapshot.text(),
            "# HELP odd a \"b\" \\\\ c\\nd\n# TYPE odd gauge\nodd{l=\"a \\\"b\\\" \\\\ c\\nd\"} 1\n");
}

TEST(Snapshot, NumbersCanBeReadBackAndWholeOnesHaveNoExponent) {
  const auto text = [](double value) {
    Snapshot snapshot;
    snapshot.add(depth, {}, value);
    const std::string all = snapshot.text();
    return all.substr(all.rfind(' ') + 1);
  };
  EXPECT_EQ(text(1e9), "1000000000\n");
  EXPECT_EQ(text(-3), "-3\n");
  EXPECT_EQ(text(0.1), "0.1\n");
  EXPECT_EQ(text(1700000000.123), "1700000000.123\n");
  EXPECT_EQ(text(std::nan("")), "NaN\n");
  EXPECT_EQ(text(HUGE_VAL), "+Inf\n");
  EXPECT_EQ(text(-HUGE_VAL), "-Inf\n");
  EXPECT_EQ(std::stod(text(1e300)), 1e300);
}

TEST(Snapshot, HistogramsOfOneFamilyHaveTheSameBounds) {
  constexpr std::array others{1.0};
  const Histogram one(bounds);
  const Histogram two(others);
  Snapshot snapshot;
  snapshot.add(took, {{"q", "x"}}, one);
  EXPECT_THROW(snapshot.add(took, {{"q", "y"}}, two), std::logic_error);
}

TEST(Registry, TheProcessIsPartOfEachScrape) {
  const std::string text = Registry().scrape();
  for (const char* name :
       {"coterie_build_info{version=\"", "coterie_tasks_spawned_total ", "process_open_fds ",
        "process_resident_memory_bytes ", "process_start_time_seconds ", "process_threads "})
    EXPECT_NE(text.find("\n" + std::string(name)), std::string::npos) << name << "\n" << text;
}

TEST(Registry, TheStartOfTheProcessIsInThePastAndNear) {
  const std::string text = Registry().scrape();
  const std::string name = "\nprocess_start_time_seconds ";
  const double start = std::stod(text.substr(text.find(name) + name.size()));
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(start, now + 1);
  EXPECT_GT(start, now - 3600);
}

TEST(Registry, WhatWasAddedIsKept) {
  class One final : public Source {
   public:
    void collect(Snapshot& into) const override { into.add(jobs, {}, 5); }
  };
  Registry registry;
  registry.add(std::make_shared<One>());
  EXPECT_NE(registry.scrape().find("\njobs_total 5\n"), std::string::npos);
}

}  // namespace

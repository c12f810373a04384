// What is taken next, and how jobs are listed.
#include <algorithm>
#include <set>

#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> names_of(const std::vector<Lease>& leases) {
  std::vector<std::string> names;
  for (const Lease& lease : leases) names.push_back(lease.name);
  return names;
}
using Names = std::vector<std::string>;

TEST_P(BrokerSuite, HigherPriorityFirstAndEqualsInOrder) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  const auto add = [this](const char* name, int priority) {
    JobSpec spec = job(name);
    spec.priority = priority;
    enqueue_one(spec);
  };
  add("b1", 0), add("c", -1000), add("a1", 5), add("b2", 0), add("a2", 5), add("top", 1000);
  TestWorker worker;
  EXPECT_EQ(names_of(take(worker, 4)), (Names{"top", "a1", "a2", "b1"}));
  EXPECT_EQ(names_of(take(worker, 4)), (Names{"b2", "c"}));
}

TEST_P(BrokerSuite, ABatchKeepsItsOrder) {
  std::vector<JobSpec> jobs;
  std::vector<JobId> ids;
  for (int i = 0; i < 100; ++i) {
    jobs.push_back(job());
    ids.push_back(jobs.back().id);
  }
  enqueue(jobs);
  TestWorker worker;
  EXPECT_EQ(ids_of(take(worker, 100)), ids);
}

TEST_P(BrokerSuite, WhatComesBackStandsBehindItsEquals) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  enqueue({job("first"), job("second"), job("third")});
  TestWorker worker;
  const std::vector<Lease> leases = take(worker, 2);
  ASSERT_EQ(leases.size(), 2U);
  fail(worker, leases[0].ref, FailKind::give_back);
  EXPECT_EQ(names_of(take(worker, 5)), (Names{"third", "first"}));
  pass(31s);
  EXPECT_EQ(take(worker, 5).size(), 3U);
}

TEST_P(BrokerSuite, DelayedJobsBecomeReadyInTheOrderOfTheirTimes) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  const auto add = [this](const char* name, Milliseconds delay) {
    JobSpec spec = job(name);
    spec.delay = delay;
    enqueue_one(spec);
  };
  add("late", 3s), add("early", 1s), add("middle", 2s), add("middle2", 2s);
  clock_.advance(5s);
  TestWorker worker;
  EXPECT_EQ(names_of(take(worker, 10)), (Names{"early", "middle", "middle2", "late"}));
}

// Within a reply; where each shard has an order of its own, no more than that.
TEST_P(BrokerSuite, QueuesAreServedInTheOrderOfTheRequest) {
  for (const char* queue : {"low", "high", "other"}) {
    JobSpec spec = job(queue);
    spec.queue = queue;
    spec.priority = std::string(queue) == "low" ? 100 : 0;
    enqueue_one(spec);
  }
  TestWorker worker;
  EXPECT_EQ(names_of(cycle(worker.next(10, {"high", "low", "nothing", "high"})).leases),
            (Names{"high", "low"}));
  EXPECT_TRUE(cycle(worker.next(10, {})).leases.empty());
}

TEST_P(BrokerSuite, WantZeroTakesNothing) {
  enqueue_one(job());
  TestWorker worker;
  EXPECT_TRUE(cycle(worker.next(0)).leases.empty());
  EXPECT_EQ(count(JobState::ready), 1U);
}

TEST_P(BrokerSuite, MaxBytesBoundsTheReplyButTheFirstJobAlwaysFits) {
  if (!global_order()) GTEST_SKIP() << "each shard has an order of its own";
  std::vector<JobSpec> jobs;
  for (const std::size_t size : {1000U, 400U, 400U, 400U, 10U}) {
    jobs.push_back(job(std::to_string(size)));
    jobs.back().payload = std::string(size, 'x');
  }
  enqueue(jobs);
  TestWorker worker;
  const auto take_bytes = [&](std::uint64_t bytes) {
    CycleRequest request = worker.next(10);
    request.max_bytes = bytes;
    return names_of(cycle(std::move(request)).leases);
  };
  EXPECT_EQ(take_bytes(0), Names{"1000"});
  EXPECT_EQ(take_bytes(800), (Names{"400", "400"}));
  EXPECT_EQ(take_bytes(405), Names{"400"}) << "the next one does not fit: nothing behind it overtakes";
  EXPECT_EQ(take_bytes(10), Names{"10"});
}

TEST_P(BrokerSuite, AJobWaitsUntilAllItDependsOnAreFinalHoweverTheyEnded) {
  const JobSpec a = job("a");
  const JobSpec b = job("b");
  const JobSpec c = job("c");
  JobSpec sum = job("sum");
  sum.after = {a.id, b.id, c.id, a.id};
  enqueue({a, b, c, sum});
  EXPECT_EQ(state(sum.id), JobState::blocked);
  EXPECT_EQ(info(sum.id)->waits_for, 3U) << "naming one twice counts once";
  TestWorker worker;
  const std::vector<Lease> leases = take(worker, 10);
  ASSERT_EQ(names_of(leases), (Names{"a", "b", "c"}));
  done(worker, leases[0].ref);
  EXPECT_EQ(info(sum.id)->waits_for, 2U);
  fail(worker, leases[1].ref, FailKind::dead);
  EXPECT_TRUE(take(worker, 10).empty());
  cancel({c.id});
  fail(worker, leases[2].ref, FailKind::cancelled);
  EXPECT_EQ(state(sum.id), JobState::ready);
  EXPECT_EQ(names_of(take(worker, 10)), Names{"sum"});
}

TEST_P(BrokerSuite, ChainsAndDiamondsRunInOrder) {
  JobSpec top = job("top");
  JobSpec left = job("left");
  JobSpec right = job("right");
  JobSpec bottom = job("bottom");
  left.after = {top.id};
  right.after = {top.id};
  bottom.after = {left.id, right.id};
  enqueue({top, left, right, bottom});
  TestWorker worker;
  std::vector<Names> waves;
  for (std::vector<Lease> leases = take(worker, 10); !leases.empty(); leases = take(worker, 10)) {
    waves.push_back(names_of(leases));
    for (const Lease& lease : leases) done(worker, lease.ref);
  }
  EXPECT_EQ(waves, (std::vector<Names>{{"top"}, {"left", "right"}, {"bottom"}}));
}

TEST_P(BrokerSuite, CancellingABlockedJobFreesWhatWaitsForIt) {
  const JobSpec first = job("first");
  JobSpec second = job("second");
  second.after = {first.id};
  JobSpec third = job("third");
  third.after = {second.id};
  enqueue({first, second, third});
  cancel({second.id});
  EXPECT_EQ(state(third.id), JobState::ready);
  TestWorker worker;
  for (const Lease& lease : take(worker, 10)) done(worker, lease.ref);
  EXPECT_EQ(state(second.id), JobState::cancelled) << "the end of what it waited for does not revive it";
}

TEST_P(BrokerSuite, ADependencyThatHasEndedHoldsNobodyUp) {
  const JobId first = enqueue_one(job());
  TestWorker worker;
  done(worker, take_one(worker).ref);
  JobSpec second = job();
  second.after = {first};
  enqueue_one(second);
  EXPECT_EQ(state(second.id), JobState::ready);
  JobFilter everything;
  purge(everything);
  JobSpec third = job();
  third.after = {first, second.id};
  cancel({second.id});
  enqueue_one(third);
  EXPECT_EQ(state(third.id), JobState::ready) << "a purged job's id is known to have ended";
}

TEST_P(BrokerSuite, ABlockedJobKeepsItsDelay) {
  const JobSpec first = job("first");
  JobSpec second = job("second");
  second.after = {first.id};
  second.delay = 10s;
  enqueue({first, second});
  TestWorker worker;
  done(worker, take_one(worker).ref);
  EXPECT_EQ(state(second.id), JobState::scheduled);
  clock_.advance(10s);
  EXPECT_EQ(ids_of(take(worker)), std::vector{second.id});
}

TEST_P(BrokerSuite, ListingPagesThroughEverythingOnceInOrderOfCreation) {
  std::vector<JobId> ids;
  for (int i = 0; i < 25; ++i) ids.push_back(enqueue_one(job("job" + std::to_string(i % 2))));
  JobFilter filter;
  filter.limit = 10;
  std::vector<JobId> seen;
  int pages = 0;
  for (JobPage page = list(filter);; page = list(filter)) {
    ++pages;
    for (const JobInfo& found : page.jobs) seen.push_back(found.id);
    if (page.next == 0) break;
    filter.after = page.next;
  }
  if (!global_order()) {
    std::sort(seen.begin(), seen.end());
    std::sort(ids.begin(), ids.end());
  }
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(pages, 3);
}

// Whoever pages from the newest on sees what was there when he began; what is added meanwhile he does not,
// or, where each shard has an order of its own, some of it.
TEST_P(BrokerSuite, ListingTheNewestFirstPagesThroughEverythingOnceBackwards) {
  std::vector<JobId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(enqueue_one(job("job" + std::to_string(i % 2))));
  for (const std::uint32_t limit : {1U, 10U, 75U, 1000U}) {
    JobFilter filter;
    filter.newest_first = true;
    filter.limit = limit;
    std::vector<JobId> seen;
    std::vector<JobId> expected(ids.rbegin(), ids.rend());
    const std::set<JobId> there(ids.begin(), ids.end());
    for (JobPage page = list(filter);; page = list(filter)) {
      EXPECT_LE(page.jobs.size(), limit);
      for (const JobInfo& found : page.jobs)
        if (global_order() || there.contains(found.id)) seen.push_back(found.id);
      if (page.next == 0) break;
      filter.after = page.next;
      if (seen.size() < 30) ids.push_back(enqueue_one(job()));
    }
    if (!global_order()) {
      std::sort(seen.begin(), seen.end());
      std::sort(expected.begin(), expected.end());
    }
    EXPECT_EQ(seen, expected) << "with pages of " << limit;
  }
}

TEST_P(BrokerSuite, TheNewestOfAStateAQueueAndANameComeFirst) {
  std::vector<JobId> wanted;
  for (int i = 0; i < 30; ++i) {
    JobSpec spec = job(i % 2 == 0 ? "even" : "odd");
    spec.queue = i % 3 == 0 ? "images" : "default";
    enqueue_one(spec);
    if (i % 2 != 0 || i % 3 != 0) continue;
    wanted.push_back(spec.id);
    cancel({spec.id});
  }
  std::reverse(wanted.begin(), wanted.end());
  JobFilter filter;
  filter.newest_first = true;
  filter.state = JobState::cancelled;
  filter.queue = "images";
  filter.name = "even";
  std::vector<JobId> seen;
  for (const JobInfo& found : list(filter).jobs) seen.push_back(found.id);
  if (!global_order()) {
    std::sort(seen.begin(), seen.end());
    std::sort(wanted.begin(), wanted.end());
  }
  EXPECT_EQ(seen, wanted);
}

// However few match, a page costs no more than it was told to; what it has not looked at comes behind its
// cursor.
TEST_P(BrokerSuite, AListThatMayLookAtSoManyJobsEndsThereAndGoesOn) {
  constexpr int jobs = 2'000;
  std::vector<JobId> wanted;
  std::vector<JobSpec> specs;
  for (int i = 0; i < jobs; ++i) {
    specs.push_back(job(i % 300 == 7 ? "rare" : "common"));
    if (i % 300 == 7) wanted.push_back(specs.back().id);
  }
  enqueue(specs);
  for (const bool newest_first : {false, true}) {
    JobFilter filter;
    filter.name = "rare";
    filter.newest_first = newest_first;
    filter.looks = 200;
    std::vector<JobId> seen;
    std::uint64_t looked = 0;
    int pages = 1;
    for (JobPage page = list(filter);; page = list(filter)) {
      for (const JobInfo& found : page.jobs) seen.push_back(found.id);
      EXPECT_LE(page.looked, 200U + 8 * 128)
          << "of each shard at most a piece of its list more, and there are 8 at most";
      looked += page.looked;
      if (page.next == 0) break;
      filter.after = page.next;
      ++pages;
    }
    EXPECT_GE(looked, static_cast<std::uint64_t>(jobs));
    EXPECT_GE(pages, 2);
    std::vector<JobId> expected = wanted;
    if (newest_first) std::reverse(expected.begin(), expected.end());
    if (!global_order()) {
      std::sort(seen.begin(), seen.end());
      std::sort(expected.begin(), expected.end());
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST_P(BrokerSuite, ListingFiltersByStateQueueAndName) {
  JobSpec other = job("resize");
  other.queue = "images";
  enqueue({job("noop"), other, job("resize")});
  TestWorker worker;
  done(worker, take_one(worker).ref, "42");
  const auto listed = [this](auto set) {
    JobFilter filter;
    set(filter);
    return list(filter).jobs;
  };
  EXPECT_EQ(listed([](JobFilter& f) { f.name = "resize"; }).size(), 2U);
  EXPECT_EQ(listed([](JobFilter& f) { f.queue = "images"; }).size(), 1U);
  EXPECT_EQ(listed([](JobFilter& f) { f.queue = "images", f.name = "noop"; }).size(), 0U);
  const std::vector<JobInfo> ended = listed([](JobFilter& f) { f.state = JobState::done, f.bodies = true; });
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].result, "42");
  EXPECT_EQ(ended[0].payload, "{}");
}

TEST_P(BrokerSuite, WhatEndedLastIsToldTheLatestEndFirst) {
  EXPECT_TRUE(recently_ended(10).empty());
  std::vector<JobId> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(enqueue_one(job()));
  std::reverse(ids.begin(), ids.end());  // what was created last ends first
  for (const JobId& id : ids) {
    clock_.advance(1s);
    cancel({id});
  }
  std::vector<JobId> expected(ids.rbegin(), ids.rbegin() + 5);
  std::vector<JobId> seen;
  for (const JobInfo& info : recently_ended(5)) {
    EXPECT_EQ(info.state, JobState::cancelled);
    seen.push_back(info.id);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(recently_ended(100).size(), 12U);
  retry(ids.back());
  EXPECT_EQ(recently_ended(100).size(), 11U) << "it has not ended any more";
  EXPECT_THROW(recently_ended(0), BadRequest);
}

TEST_P(BrokerSuite, QueuesAreCountedExactlyAndSayHowLongTheOldestWaits) {
  EXPECT_TRUE(queues().empty());
  enqueue({job(), job(), job()});
  JobSpec other = job();
  other.queue = "alpha";
  other.delay = 5s;
  enqueue_one(other);
  const UnixMillis then = clock_.wall();
  TestWorker worker;
  clock_.advance(2s);
  take(worker);
  const std::vector<QueueInfo> found = queues();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "alpha");
  EXPECT_EQ(found[0].oldest_ready_at, 0);
  EXPECT_EQ(found[1].oldest_ready_at, then);
  EXPECT_EQ(count(JobState::ready), 2U);
  EXPECT_EQ(count(JobState::leased), 1U);
  EXPECT_EQ(count(JobState::scheduled, "alpha"), 1U);
}

}  // namespace
}  // namespace broker_suite

// Waiting for a change, also across threads: nothing is slept through, and nobody is woken for nothing.
#include <set>
#include <thread>

#include "coterie/await_outcome.hpp"
#include "coterie/cancel.hpp"
#include "coterie/loop.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/event.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/thread_loop.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_P(BrokerSuite, ChangedReturnsAtOnceWhenTheVersionIsOld) {
  const std::uint64_t before = version();
  enqueue_one(job());
  ThreadLoop loop;
  EXPECT_NE(loop.run(broker().changed(before, for_ever)), before);
}

// An idle worker sleeps until the next job is due, as its last call told it.
TEST_P(BrokerSuite, AJobThatIsDueBeforeAllOthersIsAChange) {
  ThreadLoop loop;
  for (const Milliseconds delay : {Milliseconds(1h), Milliseconds(1min)}) {
    const std::uint64_t before = version();
    JobSpec spec = job();
    spec.delay = delay;
    enqueue_one(spec);
    EXPECT_NE(loop.run(broker().changed(before, for_ever)), before);
  }
}

TEST_P(BrokerSuite, ChangedReturnsAfterItsTimeWhenNothingHappens) {
  const std::uint64_t before = version();
  ThreadLoop loop;
  EXPECT_EQ(loop.run(broker().changed(before, 20ms)), before);
  EXPECT_EQ(loop.run(broker().changed(before, 0ms)), before);
}

TEST_P(BrokerSuite, WhatChangesNothingForAnybodyLeavesTheVersion) {
  const JobSpec spec = job();
  enqueue_one(spec);
  JobSpec later = job();
  later.delay = 1h;
  TestWorker worker;
  const Lease lease = take_one(worker);
  const std::uint64_t before = version();
  enqueue({spec});
  cycle(worker.next(5));
  alive(worker, lease.ref);
  info(spec.id);
  list(JobFilter{});
  done(worker, LeaseRef(new_uuid(), 1, 0));
  cancel({new_uuid()});
  EXPECT_EQ(version(), before);
}

TEST_P(BrokerSuite, AWaiterIsWokenByAnEnqueueAnEndAndACancel) {
  const auto woken_by = [this](auto change) {
    const std::uint64_t before = version();
    std::uint64_t after = before;
    std::thread waiter([&] {
      ThreadLoop loop;
      after = loop.run(broker().changed(before, for_ever));
    });
    change();
    waiter.join();
    EXPECT_NE(after, before);
  };
  const JobSpec spec = job();
  woken_by([&] { enqueue_one(spec); });
  TestWorker worker;
  const Lease lease = take_one(worker);
  woken_by([&] { cancel({spec.id}); });
  woken_by([&] { done(worker, lease.ref); });
}

Task<void> work(Broker& broker, std::atomic<std::size_t>& left, std::vector<JobId>& accepted) {
  TestWorker worker;
  CycleReply reply;
  while (left > 0) {
    CycleRequest request = worker.next(7);
    for (const Lease& lease : reply.leases) request.done.emplace_back(lease.ref, "null");
    const std::vector<Lease> leases = std::move(reply.leases);
    reply = co_await broker.cycle(std::move(request));
    for (std::size_t i = 0; i < leases.size(); ++i) {
      if (reply.done[i] != Verdict::accepted) continue;
      accepted.push_back(leases[i].ref.id);
      --left;
    }
    if (reply.leases.empty() && left > 0) co_await broker.changed(reply.version, for_ever);
  }
  // The others may have looked between the last commit and its count here, and would now sleep: one more
  // change lets them look again.
  std::vector<JobSpec> last(1, JobSpec("last"));
  last[0].id = new_uuid();
  last[0].queue = "nobody's";
  co_await broker.enqueue(std::move(last));
}

TEST_P(BrokerSuite, IdleWorkersOnManyThreadsSleepThroughNothing) {
  constexpr std::size_t workers = 4;
  constexpr std::size_t producers = 2;
  constexpr std::size_t batches = 40;
  constexpr std::size_t batch = 5;
  std::atomic<std::size_t> left = producers * batches * batch;
  std::vector<std::vector<JobId>> accepted(workers);
  std::vector<std::thread> threads;
  for (std::vector<JobId>& mine : accepted) {
    threads.emplace_back([this, &left, &mine] {
      ThreadLoop loop;
      loop.run(work(broker(), left, mine));
    });
  }
  for (std::size_t i = 0; i < producers; ++i) {
    threads.emplace_back([this] {
      ThreadLoop loop;
      for (std::size_t n = 0; n < batches; ++n) {
        std::vector<JobSpec> jobs(batch);
        for (JobSpec& spec : jobs) spec = job();
        loop.run(broker().enqueue(std::move(jobs)));
        if (n % 4 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<JobId> distinct;
  std::size_t total = 0;
  for (const std::vector<JobId>& mine : accepted) {
    distinct.insert(mine.begin(), mine.end());
    total += mine.size();
  }
  EXPECT_EQ(total, producers * batches * batch) << "one accepted completion for each job";
  EXPECT_EQ(distinct.size(), total);
  EXPECT_EQ(count(JobState::done), total);
}

/// Four workers that look for a job and sleep, of which the first two that are told of one come no more.
struct HangingWorkers {
  HangingWorkers() = default;
  std::size_t looked = 0;
  std::size_t hanging = 2;
  bool enqueued = false;
  coterie::Event all_looked;
  coterie::Event taken;
};

Task<void> look_or_hang(Broker* broker, HangingWorkers* shared) {
  TestWorker worker;
  for (bool first = true;; first = false) {
    CycleRequest request = worker.next(1);
    CycleReply reply = co_await broker->cycle(std::move(request));
    if (!reply.leases.empty()) shared->taken.set();
    if (first && ++shared->looked == 4) shared->all_looked.set();
    (void)co_await broker->changed_for(worker.ref().incarnation, reply.version, for_ever);
    if (!shared->enqueued || shared->hanging == 0) continue;
    --shared->hanging;
    co_return;
  }
}

Task<void> enqueue_to_hanging(Broker* broker) {
  HangingWorkers shared;
  std::vector<coterie::JoinHandle<void>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(coterie::spawn(look_or_hang, broker, &shared));
  co_await shared.all_looked.wait();
  shared.enqueued = true;
  std::vector<JobSpec> specs(1, JobSpec("noop"));
  specs[0].id = new_uuid();
  (void)co_await broker->enqueue(std::move(specs));
  co_await shared.taken.wait();  // or for ever
  for (coterie::JoinHandle<void>& worker : workers) {
    worker.cancel();
    (void)co_await coterie::outcome(worker);
  }
}

// A debugger, SIGSTOP, a handler that blocks its loop.
TEST_P(BrokerSuite, AJobIsTakenThoughTheFirstTwoThatAreToldDoNotCome) {
  ThreadLoop loop;
  loop.run(enqueue_to_hanging(&broker()));
  EXPECT_EQ(count(JobState::leased), 1U);
}

Task<std::uint64_t> wait_long(Broker* broker, std::uint64_t version) {
  co_return co_await broker->changed(version, for_ever);
}

Task<void> cancel_a_waiter(Broker* broker, std::uint64_t version, bool* cancelled) {
  coterie::JoinHandle<std::uint64_t> waiter = coterie::spawn(wait_long, broker, version);
  co_await coterie::sleep(1ms);
  waiter.cancel();
  try {
    co_await waiter;
  } catch (const coterie::Cancelled&) {
    *cancelled = true;
  }
}

TEST_P(BrokerSuite, ACancelledWaitEndsAtOnceAndLeavesNothingBehind) {
  const std::uint64_t before = version();
  bool cancelled = false;
  {
    ThreadLoop loop;
    loop.run(cancel_a_waiter(&broker(), before, &cancelled));
  }
  EXPECT_TRUE(cancelled);
  enqueue_one(job());  // wakes nobody: the loop that waited is gone
  EXPECT_NE(version(), before);
}

}  // namespace
}  // namespace broker_suite

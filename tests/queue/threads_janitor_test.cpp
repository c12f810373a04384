// Dead jobs are counted, told of, and at some number the oldest are forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "coterie/run.hpp"
#include "src/queue/janitor.hpp"
#include "tests/queue/world.hpp"

namespace queue_tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Counts how often the queues are counted; can be away.
class CountedBroker final : public coterie::tests::ForwardingBroker {
 public:
  using ForwardingBroker::ForwardingBroker;
  int counts = 0;
  bool away = false;
  Duration purge_takes{0};  // and forgets one job
  Task<std::vector<QueueInfo>> queues() override {
    ++counts;
    if (away) throw BrokerUnavailable("away");
    Task<std::vector<QueueInfo>> call = real().queues();
    co_return co_await std::move(call);
  }
  Task<std::uint64_t> purge(JobFilter filter) override {
    if (purge_takes > Duration::zero()) {
      co_await sleep(purge_takes);
      filter.limit = 1;
    }
    Task<std::uint64_t> call = real().purge(std::move(filter));
    co_return co_await std::move(call);
  }
};

class JanitorTest : public WorkerTest {
 protected:
  /// Jobs of that queue that are dead, the oldest first.
  std::vector<JobId> die(std::size_t count, const std::string& queue = "default") {
    std::vector<JobId> ids;
    for (std::size_t i = 0; i < count; ++i) {
      JobSpec spec("x");
      spec.id = new_uuid();
      spec.queue = queue;
      ids.push_back(spec.id);
      loop.run(counted->enqueue({spec}));
      CycleRequest request;
      request.worker = worker_;
      request.seq = ++seq_;
      request.queues = {queue};
      request.want = 1;
      const CycleReply taken = loop.run(counted->cycle(request));
      request.seq = ++seq_;
      request.want = 0;
      request.failed.emplace_back(taken.leases.at(0).ref, FailKind::dead, JobError("test", "no"));
      loop.run(counted->cycle(request));
      pulse->note_death();
    }
    return ids;
  }
  std::vector<JobId> dead() {
    JobFilter filter;
    filter.state = JobState::dead;
    std::vector<JobId> ids;
    for (const JobInfo& job : loop.run(counted->list(filter)).jobs) ids.push_back(job.id);
    return ids;
  }
  Janitor janitor(const WorkerOptions& options = WorkerOptions()) {
    return Janitor(counted, options, pulse, [this](const std::string& line) { said.push_back(line); });
  }
  void tidy_after(Janitor& janitor, Duration time) {
    loop.run([](Janitor* its, Duration wait) -> Task<void> {
      co_await sleep(wait);
      co_await its->tidy();
    }(&janitor, time));
  }

  std::shared_ptr<CountedBroker> counted = std::make_shared<CountedBroker>(broker);
  std::shared_ptr<Pulse> pulse = std::make_shared<Pulse>();
  std::vector<std::string> said;

 private:
  WorkerRef worker_ = [] {
    WorkerRef ref;
    ref.name = "w";
    ref.incarnation = new_uuid();
    return ref;
  }();
  std::uint64_t seq_ = 0;
};

TEST_F(JanitorTest, AWorkerOfWhichNoJobDiedCountsWhenItStartsAndNoMore) {
  Janitor janitor = this->janitor();
  for (int hours = 0; hours < 3; ++hours) tidy_after(janitor, 1h);
  EXPECT_EQ(counted->counts, 1);
}

// They died with the workers that ran them, or these ended at once: nobody is left who has seen it.
TEST_F(JanitorTest, AWorkerThatStartsFindsWhatDiedBefore) {
  const std::vector<JobId> ids = die(5);
  pulse = std::make_shared<Pulse>();
  Janitor janitor = this->janitor(WorkerOptions().dead_jobs(3));
  tidy_after(janitor, 1s);
  EXPECT_THAT(dead(), ElementsAre(ids[2], ids[3], ids[4]));
  EXPECT_THAT(said, ElementsAre(HasSubstr("the oldest 2 were forgotten")));
}

TEST_F(JanitorTest, ItWarnsOnceAnHourThatThereAreDeadJobs) {
  Janitor janitor = this->janitor();
  die(2);
  tidy_after(janitor, 1s);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0],
              HasSubstr("queue 'default' has 2 dead jobs: each is forgotten when its result_ttl is over"));
  EXPECT_THAT(said[0], HasSubstr("more than 100000"));
  die(1);
  tidy_after(janitor, 59s);
  EXPECT_EQ(counted->counts, 1) << "once a minute";
  tidy_after(janitor, 2s);
  EXPECT_EQ(counted->counts, 2);
  EXPECT_EQ(said.size(), 1U);
  tidy_after(janitor, 1h);
  EXPECT_EQ(counted->counts, 2) << "none has died since";
  die(1);
  tidy_after(janitor, 1s);
  EXPECT_EQ(said.size(), 2U);
}

TEST_F(JanitorTest, OfTooManyTheOldestAreForgottenWithAWarningAndTheirIdsAreKnown) {
  Janitor janitor = this->janitor(WorkerOptions().dead_jobs(3));
  const std::vector<JobId> ids = die(5);
  tidy_after(janitor, 1s);
  EXPECT_THAT(dead(), ElementsAre(ids[2], ids[3], ids[4]));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("queue 'default' had 5 dead jobs, more than 3"));
  EXPECT_THAT(said[0], HasSubstr("the oldest 2 were forgotten before their result_ttl was over"));
  JobSpec again("x");
  again.id = ids[0];
  EXPECT_THAT(loop.run(counted->enqueue({again})), ElementsAre(Enqueued::exists));
}

TEST_F(JanitorTest, ItLooksAfterTheQueuesOfItsWorkerOnly) {
  Janitor janitor = this->janitor(WorkerOptions().queues({"a", "b"}).dead_jobs(1));
  const std::vector<JobId> others = die(3, "other");
  const std::vector<JobId> ids = die(2, "b");
  tidy_after(janitor, 1s);
  EXPECT_THAT(dead(), ElementsAre(others[0], others[1], others[2], ids[1]));
  EXPECT_THAT(said, ElementsAre(HasSubstr("queue 'b' had 2 dead jobs")));
}

// Its worker announces itself in between, or it would be taken for one that is lost.
TEST_F(JanitorTest, WhatTakesLongIsDoneInParts) {
  Janitor janitor = this->janitor(WorkerOptions().dead_jobs(1));
  die(6);
  counted->purge_takes = 3s;
  for (const std::size_t left : {4U, 2U, 1U, 1U}) {
    tidy_after(janitor, 1s);
    EXPECT_EQ(dead().size(), left);
  }
  EXPECT_EQ(counted->counts, 3) << "then it is done";
  EXPECT_EQ(said.size(), 3U);
}

TEST_F(JanitorTest, WithoutALimitNothingIsCounted) {
  Janitor janitor = this->janitor(WorkerOptions().dead_jobs(0));
  die(3);
  tidy_after(janitor, 1h);
  EXPECT_EQ(counted->counts, 0);
}

TEST_F(JanitorTest, ABrokerThatIsAwayIsAskedAgain) {
  Janitor janitor = this->janitor(WorkerOptions().dead_jobs(1));
  die(2);
  counted->away = true;
  tidy_after(janitor, 1s);
  EXPECT_THAT(said, IsEmpty());
  counted->away = false;
  tidy_after(janitor, 61s);
  EXPECT_EQ(dead().size(), 1U);
}

/// Lines of any thread.
class Lines final : public WorkerObserver {
 public:
  void log(LogLevel level, std::string_view line) override {
    if (level == LogLevel::warning && line.find("dead job") != std::string_view::npos) told = true;
  }
  std::atomic<bool> told{false};
};

// It looks as soon as it is there, and then once a minute: the job is dead before.
TEST(ThreadsJanitor, AWorkersLogTellsOfTheDeadJobsOfItsQueues) {
  const std::shared_ptr<Broker> broker = open_broker("memory://");
  const auto lines = std::make_shared<Lines>();
  const auto dies = [](JobContext&, std::string) -> Task<std::string> {
    throw PermanentError("test", "no");
    co_return "1";
  };
  Worker first(broker, WorkerOptions().lease(100ms));
  first.handle_raw("dies", dies);
  Worker worker(broker, WorkerOptions().observer(lines).lease(100ms));
  worker.handle_raw("dies", dies);
  coterie::run(
      [](Worker* one, Worker* next, std::shared_ptr<Broker> at, std::shared_ptr<Lines> log) -> Task<void> {
        const auto serve = [](Worker* served) -> Task<void> { co_await served->serve(); };
        const JoinHandle<void> killing = spawn(serve, one);
        Client client(at);
        const JobId id = co_await client.enqueue(JobSpec("dies"));
        std::vector<JobId> ids{id};
        for (bool dead = false; !dead;) {
          std::vector<JobId> asked = ids;
          const std::vector<std::optional<JobInfo>> found = co_await at->get(std::move(asked), false);
          dead = found.at(0) && found[0]->state == JobState::dead;
          co_await yield();
        }
        one->drain();
        co_await killing;
        const JoinHandle<void> serving = spawn(serve, next);
        while (!log->told) co_await sleep(Duration::zero());
        next->drain();
        co_await serving;
      }(&first, &worker, broker, lines));
  EXPECT_TRUE(lines->told);
}

}  // namespace
}  // namespace queue_tests

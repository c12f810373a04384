// redis+sentinel:// through failovers of real servers.
#include <gmock/gmock.h>

#include <set>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/event.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_sentinels.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::Event;
using coterie::Outcome;
using coterie::outcome;
using coterie::sleep;
using coterie::spawn;
using testing::HasSubstr;

/// As the contract has it: who got no answer says the same again.
Task<void> enqueue_until_confirmed(std::shared_ptr<Broker> broker, std::vector<JobSpec> jobs) {
  for (;;) {
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    const Outcome<std::vector<Enqueued>> end = co_await outcome(std::move(call));
    try {
      (void)end.get();
      co_return;
    } catch (const BrokerUnavailable&) {
    }
  }
}

std::vector<JobSpec> some_jobs(std::size_t count) {
  std::vector<JobSpec> jobs;
  for (std::size_t i = 0; i < count; ++i) jobs.push_back(BrokerSuite::job("count"));
  return jobs;
}

Task<std::size_t> count_done(std::shared_ptr<Broker> broker, std::vector<JobSpec> jobs) {
  std::vector<JobId> ids;
  for (const JobSpec& job : jobs) ids.push_back(job.id);
  Task<std::vector<std::optional<JobInfo>>> call = broker->get(ids, false);
  const Outcome<std::vector<std::optional<JobInfo>>> end = co_await outcome(std::move(call));
  std::size_t done = 0;
  if (!end.has_value()) co_return done;
  for (const std::optional<JobInfo>& info : end.get()) done += info && info->state == JobState::done ? 1 : 0;
  co_return done;
}

TEST(RedisFailover, EnqueuesAndAWorkerGoOnByThemselvesAndNothingReplicatedIsLost) {
  SentinelGroup group;
  constexpr std::size_t before = 300;
  constexpr std::size_t after = 100;
  std::set<JobId> runs;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(group.url());
    const std::vector<JobSpec> early = some_jobs(before);
    (void)co_await broker->enqueue(early);
    EXPECT_GE(say(group.master().url(), "WAIT 1 0").integer(), 1);

    WorkerOptions options;
    options.concurrency(8);
    Worker worker(broker, options);
    Event killed;
    worker.handle_raw("count", [&](JobContext& job, std::string) -> Task<std::string> {
      runs.insert(job.id());
      if (runs.size() > before / 3) co_await killed.wait();  // the rest, after the failover
      co_return std::string("1");
    });
    auto serving = spawn(&Worker::serve, &worker);
    while (runs.size() <= before / 3) co_await sleep(1ms);
    group.master().kill();
    killed.set();
    const std::vector<JobSpec> late = some_jobs(after);
    co_await enqueue_until_confirmed(broker, late);
    EXPECT_TRUE(SentinelGroup::is_master(group.replica()));

    std::size_t done = 0;
    while (done < before + after) {
      done = co_await count_done(broker, early);
      done += co_await count_done(broker, late);
      co_await sleep(5ms);
    }
    worker.drain();
    co_await serving.wait();
    // Each is in the record once, and nothing else is.
    const std::vector<QueueInfo> queues = co_await broker->queues();
    EXPECT_EQ(queues.size(), 1U);
    std::uint64_t jobs = 0;
    for (const auto& [state, count] : queues.at(0).counts) jobs += count;
    EXPECT_EQ(jobs, before + after);
  };
  ASSERT_EQ(coterie::run(body()), 0);
  EXPECT_EQ(runs.size(), before + after);
}

/// A broker of the group, and calls of it that are waited for here.
class RedisLeftMaster : public testing::Test {
 protected:
  explicit RedisLeftMaster(const std::vector<std::string>& server_options = {},
                           const std::vector<std::string>& sentinel_lines = {})
      : group_(server_options, sentinel_lines) {}

  SentinelGroup group_;
};

TEST_F(RedisLeftMaster, OneThatHangsIsLeftAsSoonAsASentinelNamesAnother) {
  const auto body = [&]() -> Task<void> {
    // Only the sentinels can tell: no timeout would come within the test's time.
    const std::shared_ptr<Broker> broker =
        open_broker(group_.url("command_timeout_ms=3600000&connect_timeout_ms=3600000"));
    const std::vector<JobSpec> jobs = some_jobs(1);
    const std::uint64_t version = co_await broker->version();
    auto waiting = spawn([](std::shared_ptr<Broker> of, std::uint64_t seen) { return of->changed(seen, 1h); },
                         broker, version);
    co_await sleep(0s);
    group_.master().freeze();
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    const Outcome<std::vector<Enqueued>> end = co_await outcome(std::move(call));
    try {
      (void)end.get();
      ADD_FAILURE() << "a server that hangs has answered";
    } catch (const BrokerUnavailable& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr("the sentinels have made " + group_.replica_place() + " the master"));
      EXPECT_THAT(error.what(), HasSubstr("whether the command was applied is open"));
    }
    co_await enqueue_until_confirmed(broker, jobs);
    EXPECT_NE(co_await waiting, version);  // who listened hears of it from the new master
    EXPECT_TRUE(SentinelGroup::is_master(group_.replica()));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST_F(RedisLeftMaster, OneThatIsMadeAReplicaIsLeft) {
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(group_.url("connect_timeout_ms=60000"));
    (void)co_await broker->enqueue(some_jobs(1));
    EXPECT_EQ(group_.sentinel(0).say("SENTINEL FAILOVER jobs").string(), "OK");
    await_that([&] { return !SentinelGroup::is_master(group_.master()); });
    const std::vector<JobSpec> jobs = some_jobs(1);
    co_await enqueue_until_confirmed(broker, jobs);
    std::vector<JobId> ids(1, jobs[0].id);
    const std::vector<std::optional<JobInfo>> infos = co_await broker->get(std::move(ids), false);
    EXPECT_EQ(infos.at(0)->state, JobState::ready);
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

/// The sentinels and the replication have a user of their own, so that a master can be cut off from the
/// sentinels and from nobody else.
class RedisCutOffMaster : public RedisLeftMaster {
 protected:
  RedisCutOffMaster()
      : RedisLeftMaster({"--user", "watch on >pw ~* &* +@all"},
                        {"sentinel auth-user jobs watch", "sentinel auth-pass jobs pw"}) {}
};

TEST_F(RedisCutOffMaster, IsLeftThoughItStillTakesWrites) {
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(group_.url("connect_timeout_ms=60000"));
    (void)co_await broker->enqueue(some_jobs(1));
    (void)say(group_.master().url(), "ACL DELUSER watch");
    await_that([&] { return SentinelGroup::is_master(group_.replica()); });
    const auto has_our_clients = [](RedisServer& server) {
      return say(server.url(), "CLIENT LIST").take_string().find(" name=coterie ") != std::string::npos;
    };
    while (has_our_clients(group_.master())) co_await sleep(1ms);
    EXPECT_TRUE(SentinelGroup::is_master(group_.master()));
    const std::vector<JobSpec> jobs = some_jobs(1);
    co_await enqueue_until_confirmed(broker, jobs);
    EXPECT_TRUE(has_our_clients(group_.replica()));
    EXPECT_FALSE(has_our_clients(group_.master()));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

}  // namespace
}  // namespace broker_suite

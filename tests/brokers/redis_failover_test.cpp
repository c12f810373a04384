// redis+sentinel:// through failovers of real servers.
#include <gmock/gmock.h>

#include <set>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/sync/event.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_jobs.hpp"
#include "tests/brokers/redis_sentinels.hpp"
#include "tests/support/runtime.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::Event;
using coterie::Outcome;
using coterie::outcome;
using coterie::sleep;
using coterie::spawn;
using testing::HasSubstr;

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
    EXPECT_GE(SentinelGroup::tell(group.master(), "WAIT 1 0").integer(), 1);

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

/// As workers and clients do: an error that may pass is no news.
Task<std::uint64_t> version_after(std::shared_ptr<Broker> broker, std::uint64_t seen) {
  for (;;) {
    Task<std::uint64_t> call = broker->changed(seen, 1h);
    const Outcome<std::uint64_t> end = co_await outcome(std::move(call));
    try {
      if (end.get() != seen) co_return end.get();  // it may return early
    } catch (const BrokerUnavailable&) {
    }
  }
}

TEST(RedisFailover, AMasterThatHangsIsLeftAsSoonAsASentinelNamesAnother) {
  SentinelGroup group;
  const auto body = [&]() -> Task<void> {
    // Only the sentinels can tell: no timeout would come within the test's time.
    const std::shared_ptr<Broker> broker =
        open_broker(group.url("command_timeout_ms=3600000&connect_timeout_ms=3600000"));
    const std::vector<JobSpec> jobs = some_jobs(1);
    const std::uint64_t version = co_await broker->version();
    auto waiting = spawn(version_after, broker, version);
    while (SentinelGroup::tell(group.master(), "PUBSUB SHARDNUMSUB {coterie:0}v").at(1).integer() == 0)
      co_await sleep(1ms);
    group.master().freeze();
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    const Outcome<std::vector<Enqueued>> end = co_await outcome(std::move(call));
    try {
      (void)end.get();
      ADD_FAILURE() << "a server that hangs has answered";
    } catch (const BrokerUnavailable& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr("the sentinels have made " + group.replica_place() + " the master"));
      EXPECT_THAT(error.what(), HasSubstr("whether the command was applied is open"));
    }
    co_await enqueue_until_confirmed(broker, jobs);
    EXPECT_NE(co_await waiting, version);  // who listened hears of it from the new master
    EXPECT_TRUE(SentinelGroup::is_master(group.replica()));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisFailover, AMasterThatWasMadeAReplicaIsLeftAtItsFirstRefusal) {
  RedisServer old({"--port", std::to_string(free_port())});
  const std::uint16_t port = free_port();
  RedisServer other({"--port", std::to_string(port)});
  const std::string old_port = say(old.url(), "CONFIG GET port").at(1).string();
  const Sentinel sentinel(static_cast<std::uint16_t>(std::stoul(old_port)), 1);
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker("redis+sentinel://" + sentinel.place() + "/jobs");
    (void)co_await broker->enqueue(some_jobs(1));
    // Nobody publishes this one.
    EXPECT_EQ(sentinel.say("SENTINEL REMOVE jobs").string(), "OK");
    EXPECT_EQ(sentinel.say("SENTINEL MONITOR jobs 127.0.0.1 " + std::to_string(port) + " 1").string(), "OK");
    EXPECT_EQ(say(old.url(), "REPLICAOF 127.0.0.1 " + std::to_string(port)).string(), "OK");
    const std::vector<JobSpec> jobs = some_jobs(1);
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    const Outcome<std::vector<Enqueued>> end = co_await outcome(std::move(call));
    EXPECT_THAT(coterie::test::text(end), HasSubstr("it has become a replica: wait for the failover"));
    co_await enqueue_until_confirmed(broker, jobs);
    EXPECT_NE(say(other.url(), "DBSIZE").integer(), 0);
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

TEST(RedisFailover, AMasterThatIsCutOffFromTheSentinelsIsLeftThoughItTakesWrites) {
  SentinelGroup group;
  const auto body = [&]() -> Task<void> {
    const std::shared_ptr<Broker> broker = open_broker(group.url("connect_timeout_ms=60000"));
    (void)co_await broker->enqueue(some_jobs(1));
    (void)SentinelGroup::tell(group.master(), "ACL DELUSER watch");
    await_that([&] { return SentinelGroup::is_master(group.replica()); });
    const auto has_our_clients = [](const RedisServer& server) {
      return SentinelGroup::tell(server, "CLIENT LIST").string().find(" name=coterie ") != std::string::npos;
    };
    while (has_our_clients(group.master())) co_await sleep(1ms);
    EXPECT_TRUE(SentinelGroup::is_master(group.master()));
    const std::vector<JobSpec> jobs = some_jobs(1);
    co_await enqueue_until_confirmed(broker, jobs);
    EXPECT_TRUE(has_our_clients(group.replica()));
    EXPECT_FALSE(has_our_clients(group.master()));
  };
  ASSERT_EQ(coterie::run(body()), 0);
}

}  // namespace
}  // namespace broker_suite

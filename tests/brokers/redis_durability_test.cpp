// durable=…: what a call waits for on Redis, and what it says where that does not come.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "tests/brokers/redis_fixture.hpp"
#include "tests/brokers/redis_proxy.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::Reply;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// Patient where it is to come, short where it cannot.
constexpr const char* patient = "&durable_timeout_ms=9000";
constexpr const char* short_wait = "&durable_timeout_ms=30";

std::shared_ptr<Broker> open(const std::string& url) {
  return coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(url), {});
}

Reply administer(const RedisServer& server, const std::string& words) {
  return broker_suite::administer(server.url(), words);
}

/// How much the server has written since its start.
std::uint64_t changes(const RedisServer& server) {
  const Reply info = administer(server, "INFO persistence");
  return std::stoull(
      std::string(coterie::brokers::redis::info_line(info.string(), "rdb_changes_since_last_save")));
}

class RedisDurability : public RedisCalls {
 protected:
  std::string enqueue_refusal(const std::string& url, const JobSpec& spec) {
    const auto broker = open(url);
    return refusal<BrokerUnavailable>([&] { (void)enqueue(*broker, spec); });
  }
  std::string open_refusal(const std::string& url) {
    return refusal<BadBroker>([&] { (void)open(url); });
  }
  std::vector<Enqueued> enqueue(Broker& broker, const JobSpec& spec) {
    return await(broker.enqueue(std::vector<JobSpec>{spec}));
  }
  static CycleRequest acknowledgement(TestWorker& worker, const Lease& lease) {
    CycleRequest request = worker.next();
    request.done.emplace_back(lease.ref, "1");
    return request;
  }
};

/// A master and one replica that is in step with it.
class RedisReplicas : public RedisDurability {
 protected:
  RedisReplicas()
      : port_(std::to_string(free_port())),
        master_({"--port", port_, "--repl-diskless-sync-delay", "0"}),
        replica_({"--replicaof", "127.0.0.1", port_}) {
    EXPECT_EQ(enqueue(*open(master_.url("durable=replicas:1&namespace=first&command_timeout_ms=60000&"
                                        "durable_timeout_ms=50000")),
                      BrokerSuite::job()),
              std::vector{Enqueued::created});
  }
  [[nodiscard]] std::string url(const std::string& query) const { return master_.url(query); }

  std::string port_;
  RedisServer master_;
  RedisServer replica_;
};

TEST_F(RedisReplicas, AnEnqueueIsUnknownWhileNoReplicaHasItAndRepeatingItTells) {
  const JobSpec spec = BrokerSuite::job();
  const std::string impatient = url(std::string("durable=replicas:1") + short_wait);
  replica_.freeze();
  EXPECT_THAT(enqueue_refusal(impatient, spec),
              AllOf(HasSubstr("the call was applied, but whether it is durable (replicas:1) is unknown"),
                    HasSubstr("repeat it with the same ids, and nothing is done twice"),
                    HasSubstr("0 of 1 had it within 0.03 s")));
  EXPECT_THAT(enqueue_refusal(impatient, spec), HasSubstr("is unknown"))
      << "on a new connection, where nothing was left to write";
  replica_.thaw();
  EXPECT_EQ(enqueue(*open(url(std::string("durable=replicas:1") + patient)), spec),
            std::vector{Enqueued::exists});
}

TEST_F(RedisReplicas, AnAcknowledgementIsUnknownTooAndItsRepeatIsTheStoredReply) {
  const auto broker = open(url(std::string("durable=replicas:1") + patient));
  const JobSpec spec = BrokerSuite::job();
  enqueue(*broker, spec);
  TestWorker worker;
  const CycleRequest request = acknowledgement(worker, take_one(*broker, worker));
  replica_.freeze();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto impatient = open(url(std::string("durable=replicas:1") + short_wait));
    EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)await(impatient->cycle(request)); }),
                HasSubstr("whether it is durable (replicas:1) is unknown"));
  }
  replica_.thaw();
  const CycleReply reply = await(broker->cycle(request));
  EXPECT_TRUE(reply.repeated);
  EXPECT_THAT(reply.done, ElementsAre(Verdict::accepted));
}

TEST_F(RedisReplicas, AcknowledgementsMayAskForLessThanEnqueues) {
  const std::string query = std::string("durable=replicas:1&durable_acks=memory") + short_wait;
  const auto patient_one = open(url(std::string("durable=replicas:1") + patient));
  enqueue(*patient_one, BrokerSuite::job());
  replica_.freeze();
  const auto broker = open(url(query));
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  EXPECT_THAT(await(broker->cycle(acknowledgement(worker, lease))).done, ElementsAre(Verdict::accepted));
  EXPECT_THAT(enqueue_refusal(url(query), BrokerSuite::job()), HasSubstr("is unknown"));
}

TEST_F(RedisReplicas, TakingAndStayingAliveWaitForNobody) {
  const auto broker = open(url("durable_acks=replicas:1"));
  enqueue(*broker, BrokerSuite::job());
  replica_.freeze();
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  CycleRequest request = worker.next();
  request.alive.emplace_back(lease.ref);
  EXPECT_THAT(await(broker->cycle(request)).alive, ElementsAre(Verdict::accepted));
}

TEST_F(RedisReplicas, AtFullMemoryAcknowledgementsAreConfirmedAllTheSame) {
  const auto broker = open(url(std::string("durable=replicas:1") + patient));
  enqueue(*broker, BrokerSuite::job());
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  administer(master_, "CONFIG SET maxmemory 1");
  EXPECT_THAT(await(broker->cycle(acknowledgement(worker, lease))).done, ElementsAre(Verdict::accepted));
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)enqueue(*broker, BrokerSuite::job()); }),
              HasSubstr("its memory is full; nothing was written"))
      << "what the script says comes first";
}

TEST_F(RedisDurability, MoreReplicasThanThereAreIsUnknown) {
  const RedisServer server;
  EXPECT_THAT(enqueue_refusal(server.url(std::string("durable=replicas:2") + short_wait), BrokerSuite::job()),
              HasSubstr("0 of 2 had it within 0.03 s; INFO replication shows which are connected"));
}

TEST_F(RedisDurability, FsyncIsRefusedWhereTheServerDoesNotSync) {
  const RedisServer memory;
  EXPECT_THAT(open_refusal(memory.url("durable=fsync")), HasSubstr("set its appendonly to yes"));
  const RedisServer file({"--appendonly", "yes"});
  EXPECT_THAT(
      open_refusal(file.url("durable_acks=fsync")),
      HasSubstr("the server's appendfsync is everysec: set it to always (CONFIG SET appendfsync always)"));
  EXPECT_EQ(open_refusal(file.url("durable=memory")), "no error");
  administer(file, "CONFIG SET appendfsync always");
  EXPECT_EQ(open_refusal(file.url("durable=fsync")), "no error");
  administer(file, "CONFIG SET no-appendfsync-on-rewrite yes");
  EXPECT_THAT(open_refusal(file.url("durable=fsync")), HasSubstr("no-appendfsync-on-rewrite is yes"));
}

TEST_F(RedisDurability, RightsThatAreMissingAreNamedWhenTheConnectionIsMade) {
  const RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  administer(server, "ACL SETUSER ann on nopass ~* &* +@all -config -wait");
  EXPECT_THAT(open_refusal(server.url("user=ann&durable=fsync")), HasSubstr("+config|get"));
  EXPECT_THAT(open_refusal(server.url("user=ann&durable=replicas:1")), HasSubstr("+wait"));
  EXPECT_EQ(open_refusal(server.url("user=ann")), "no error");
}

TEST_F(RedisDurability, AServerThatNoLongerSyncsIsRefusedOnTheNextConnectionBeforeAnythingIsSent) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  RedisProxy proxy(server.socket(), [](const auto&) { return std::nullopt; });
  const auto broker = open(proxy.url("durable=fsync"));
  const JobSpec spec = BrokerSuite::job();
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::created});
  administer(server, "CONFIG SET appendfsync everysec");
  const JobSpec late = BrokerSuite::job();
  proxy.cut();
  // The first may still find the old connection, whose end nobody has seen yet.
  std::string refused;
  for (int attempt = 0; attempt < 100 && refused.find("everysec") == std::string::npos; ++attempt)
    refused = refusal<QueueError>([&] { (void)enqueue(*broker, late); });
  EXPECT_THAT(refused, HasSubstr("the server's appendfsync is everysec"));
  EXPECT_FALSE(await(open(server.url())->get({late.id}, false))[0]);
}

/// A server of 7.0 behind a proxy that knows WAITAOF.
class RedisWaitAof : public RedisDurability {
 protected:
  RedisWaitAof()
      : server_({"--appendonly", "yes"}),
        proxy_(server_.socket(), [this](const std::vector<std::string>& words) {
          std::optional<std::string> reply;
          if (words[0] != "WAITAOF") return reply;
          if (words[1] != "0") {
            std::unique_lock lock(mutex_);
            released_.wait(lock, [this] { return !holds_; });
          }
          if (words[1] == "0")
            reply = "*2\r\n:0\r\n:0\r\n";
          else
            reply = synced_ ? "*2\r\n:1\r\n:0\r\n" : "*2\r\n:0\r\n:3\r\n";
          if (broken_)
            reply = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled\r\n";
          return reply;
        }) {}

 public:
  /// No WAITAOF is answered until release().
  void hold() { holds_ = true; }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      holds_ = false;
    }
    released_.notify_all();
  }
  /// How many came since the last look.
  std::ptrdiff_t waits() {
    const std::vector<std::string> heard = proxy_.heard();
    return std::count(heard.begin(), heard.end(), "WAITAOF 1");
  }

 protected:
  std::atomic<bool> synced_ = true;
  std::atomic<bool> broken_ = false;
  std::atomic<bool> holds_ = false;
  std::mutex mutex_;
  std::condition_variable released_;
  RedisServer server_;
  RedisProxy proxy_;
};

TEST_F(RedisWaitAof, IsAskedBehindAWriteThatComesBehindTheScripts) {
  const auto broker = open(proxy_.url("durable=fsync"));
  enqueue(*broker, BrokerSuite::job());  // makes the connection that asks
  const JobSpec spec = BrokerSuite::job();
  (void)proxy_.heard();
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::created});
  const std::vector<std::string> first = proxy_.heard();
  EXPECT_THAT(first,
              ElementsAre(StartsWith("EVALSHA "), StartsWith("EVALSHA "), "WAITAOF 1", "INFO replication"));
  EXPECT_NE(first.at(0), first.at(1)) << "touch.lua";
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::exists});
  EXPECT_EQ(proxy_.heard(), first) << "also where there was nothing to write";
  TestWorker worker;
  const Lease lease = take_one(*broker, worker);
  EXPECT_THAT(proxy_.heard(), ElementsAre(StartsWith("EVALSHA "))) << "nothing was acknowledged";
  await(broker->cycle(acknowledgement(worker, lease)));
  EXPECT_THAT(proxy_.heard(), ElementsAre(StartsWith("EVALSHA "), StartsWith("EVALSHA "),
                                          StartsWith("EVALSHA "), "WAITAOF 1", "INFO replication"));
}

// On one connection WAIT and WAITAOF hold up all that stands behind them.
TEST_F(RedisWaitAof, NobodyElseWaitsForIt) {
  const auto broker = open(proxy_.url("durable=fsync&durable_acks=memory"));
  enqueue(*broker, BrokerSuite::job());
  hold();
  await([](RedisWaitAof& test, Broker& at) -> Task<void> {
    (void)test.waits();
    std::vector<JobSpec> specs(1, BrokerSuite::job());
    auto waiting = coterie::spawn(&Broker::enqueue, &at, std::move(specs));
    while (test.waits() == 0) co_await coterie::sleep(1ms);
    TestWorker worker;
    CycleRequest request = worker.next(2);
    const CycleReply taken = co_await at.cycle(std::move(request));
    EXPECT_EQ(taken.leases.size(), 2U) << "of its own job, too";
    std::vector<LeaseRef> leases;
    for (const Lease& lease : taken.leases) leases.push_back(lease.ref);
    const std::vector<Verdict> kept =
        co_await at.extend(worker.ref().incarnation, std::move(leases), worker.lease);
    EXPECT_THAT(kept, ElementsAre(Verdict::accepted, Verdict::accepted));
    EXPECT_FALSE(waiting.done());
    test.release();
    const std::vector<Enqueued> created = co_await waiting;
    EXPECT_THAT(created, ElementsAre(Enqueued::created));
  }(*this, *broker));
}

// Calls of more than one script, for small ones are gathered into as few as two, and the others do not begin
// before these are confirmed.
TEST_F(RedisWaitAof, ThoseWhoComeMeanwhileShareTheNextQuestion) {
  const auto broker = open(proxy_.url("durable=fsync"));
  enqueue(*broker, BrokerSuite::job());
  hold();
  await([](RedisWaitAof& test, Broker& at) -> Task<void> {
    (void)test.waits();
    std::vector<coterie::JoinHandle<std::vector<Enqueued>>> waiting;
    std::vector<JobId> ids;
    for (int i = 0; i < 5; ++i) {
      std::vector<JobSpec> specs;
      for (int k = 0; k < 65; ++k) specs.push_back(BrokerSuite::job());
      ids.push_back(specs.back().id);
      waiting.push_back(coterie::spawn(&Broker::enqueue, &at, std::move(specs)));
    }
    for (std::size_t there = 0; there < ids.size();) {
      const std::vector<std::optional<JobInfo>> infos = co_await at.get(ids, false);
      there = static_cast<std::size_t>(
          std::count_if(infos.begin(), infos.end(), [](const auto& info) { return info.has_value(); }));
    }
    // Those replies have come before this one.
    (void)co_await at.queues();
    test.release();
    for (auto& each : waiting) {
      const std::vector<Enqueued> created = co_await each;
      EXPECT_THAT(created, Each(Enqueued::created));
    }
    EXPECT_LE(test.waits(), 2);
  }(*this, *broker));
}

TEST_F(RedisWaitAof, AnAnswerOfAServerWithAnotherHistoryIsUnknown) {
  RedisServer other({"--appendonly", "yes"});
  std::atomic<bool> elsewhere = false;
  // As where a failover comes between a call and the question about it.
  RedisProxy both(server_.socket(), [&](const std::vector<std::string>& words) {
    std::optional<std::string> reply;
    if (words[0] == "WAITAOF") reply = words[1] == "0" ? "*2\r\n:0\r\n:0\r\n" : "*2\r\n:1\r\n:0\r\n";
    if (elsewhere && words[0] == "INFO" && words.size() > 1) {
      const std::string info = administer(other, "INFO replication").string();
      reply = "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
    }
    return reply;
  });
  const auto broker = open(both.url("durable=fsync"));
  const JobSpec spec = BrokerSuite::job();
  elsewhere = true;
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)enqueue(*broker, spec); }),
              HasSubstr("nothing is done twice (another server has taken over"));
  elsewhere = false;
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::exists});
}

TEST_F(RedisWaitAof, ThereIsAWriteBeforeItAlsoWhereTheCallHasNothingToWrite) {
  const auto broker = open(proxy_.url("durable=fsync"));
  const auto careless = open(proxy_.url("durable=memory"));
  const JobSpec spec = BrokerSuite::job();
  enqueue(*broker, spec);
  const std::uint64_t before = changes(server_);
  EXPECT_EQ(enqueue(*careless, spec), std::vector{Enqueued::exists});
  EXPECT_EQ(changes(server_), before);
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::exists});
  EXPECT_GT(changes(server_), before);
}

TEST_F(RedisWaitAof, AnAnswerWithoutTheLocalDiskOrAnErrorIsUnknown) {
  const auto broker = open(proxy_.url("durable=fsync"));
  const JobSpec spec = BrokerSuite::job();
  synced_ = false;
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)enqueue(*broker, spec); }),
              HasSubstr("whether it is durable (fsync) is unknown: repeat it with the same ids, and nothing "
                        "is done twice (its "
                        "disk had not synced it within 5 s)"));
  broken_ = true;
  EXPECT_THAT(refusal<BrokerUnavailable>([&] { (void)enqueue(*broker, spec); }),
              HasSubstr("(Redis: ERR WAITAOF cannot be used"));
  broken_ = false;
  synced_ = true;
  EXPECT_EQ(enqueue(*broker, spec), std::vector{Enqueued::exists});
}

TEST_F(RedisWaitAof, IsNotNeededWhereTheServerAlwaysSyncs) {
  administer(server_, "CONFIG SET appendfsync always");
  const auto broker = open(proxy_.url("durable=fsync"));
  (void)enqueue(*broker, BrokerSuite::job());  // the first one also writes down how many shards there are
  (void)proxy_.heard();
  EXPECT_EQ(enqueue(*broker, BrokerSuite::job()), std::vector{Enqueued::created});
  EXPECT_THAT(proxy_.heard(), ElementsAre(StartsWith("EVALSHA ")));
}

TEST_F(RedisWaitAof, AServerThatLostItsScriptsIsAskedAgainWithAllOfThem) {
  const auto broker = open(proxy_.url("durable=fsync"));
  administer(server_, "SCRIPT FLUSH");
  EXPECT_EQ(enqueue(*broker, BrokerSuite::job()), std::vector{Enqueued::created});
  EXPECT_THAT(proxy_.heard(), testing::Contains("WAITAOF 1"));
}

}  // namespace
}  // namespace broker_suite

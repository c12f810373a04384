// What coterie doctor says of a Redis server.
#include <regex>
#include <set>

#include "coterie/queue/doctor.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/doctor.hpp"
#include "src/brokers/redis/record.hpp"
#include "src/brokers/redis/scripts.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_administrator.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using broker_suite::finding;
using broker_suite::RedisServer;
using queue::BadBroker;
using queue::BrokerUnavailable;
using queue::diagnose;
using queue::Diagnosis;
using queue::Finding;
using queue::Health;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Reply administer(const RedisServer& server, Command command) {
  return broker_suite::administer(server.url(), std::move(command));
}

void configure(const RedisServer& server, const char* name, const char* value) {
  administer(server, Command("CONFIG").arg("SET").arg(name).arg(value));
}

/// `ann`, who may do all but what the rules take from her.
void make_ann(const RedisServer& server, const std::string& rules) {
  Command command("ACL");
  command.arg("SETUSER").arg("ann").arg("reset").arg("on").arg("nopass").arg("~*").arg("&*").arg("+@all");
  std::istringstream in(rules);
  for (std::string rule; in >> rule;) command.arg(rule);
  administer(server, std::move(command));
}

double number(const Finding& of, const std::string& name) {
  for (const auto& [key, value] : of.numbers)
    if (key == name) return value;
  throw std::runtime_error("no number " + name);
}

std::vector<std::string> kept_well() {
  return {"--appendonly", "yes", "--maxmemory", "100mb"};
}

TEST(RedisDoctor, AGoodServerHasNoProblemAndIsLeftAsItWas) {
  const RedisServer server(kept_well());
  const Diagnosis diagnosis = diagnose(server.url());
  EXPECT_EQ(diagnosis.url, server.url());
  for (const Finding& each : diagnosis.findings)
    EXPECT_NE(each.health, Health::problem) << each.check << ": " << each.found;
  for (const char* check : {"version", "role", "persistence", "durable=", "memory", "maxmemory", "eviction",
                            "connections", "layout", "rights"})
    EXPECT_EQ(finding(diagnosis, check).health, Health::ok) << finding(diagnosis, check).found;
  EXPECT_THAT(finding(diagnosis, "persistence").found, HasSubstr("appendfsync everysec"));
  EXPECT_EQ(finding(diagnosis, "role").found, "master with 0 replicas");
  EXPECT_THAT(finding(diagnosis, "layout").found, HasSubstr("namespace 'coterie' is empty"));
  EXPECT_GT(number(finding(diagnosis, "latency"), "p50_us"), 0);
  EXPECT_GE(number(finding(diagnosis, "latency"), "max_us"), number(finding(diagnosis, "latency"), "p99_us"));
  EXPECT_EQ(administer(server, Command("DBSIZE")).integer(), 0);
}

TEST(RedisDoctor, AQueueWhoseTimeStandsStillSaysUntilWhen) {
  const RedisServer server(kept_well());
  const std::int64_t now = std::stoll(administer(server, Command("TIME")).at(0).string());
  administer(
      server,
      Command("HSET").arg("{coterie:0}m").arg("v").arg(layout_version).arg("c").arg((now + 3600) * 1000));
  const Diagnosis diagnosis = diagnose(server.url());
  const Finding found = finding(diagnosis, "queue's clock");
  EXPECT_EQ(found.health, Health::problem);
  EXPECT_NEAR(number(found, "ahead_s"), 3600, 60);
  EXPECT_THAT(found.change, HasSubstr("wait for 3"));
}

TEST(RedisDoctor, WhatWouldLoseJobsIsAProblemWithItsCure) {
  const RedisServer server({"--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"});
  const Diagnosis diagnosis = diagnose(server.url());
  EXPECT_EQ(diagnosis.worst(), Health::problem);
  const Finding eviction = finding(diagnosis, "eviction");
  EXPECT_EQ(eviction.health, Health::problem);
  EXPECT_EQ(eviction.found, "allkeys-lru");
  EXPECT_THAT(eviction.change, StartsWith("CONFIG SET maxmemory-policy noeviction"));
  EXPECT_EQ(finding(diagnose(server.url("accept_loss=yes")), "eviction").health, Health::warning);
  const Finding persistence = finding(diagnosis, "persistence");
  EXPECT_EQ(persistence.health, Health::problem);
  EXPECT_EQ(persistence.found, "none: appendonly no, and save is empty");
  EXPECT_THAT(persistence.change, StartsWith("CONFIG SET appendonly yes"));
}

TEST(RedisDoctor, EachWayOfKeepingDataHasItsName) {
  const RedisServer server({"--save", "3600 1"});
  const auto persistence = [&] { return finding(diagnose(server.url()), "persistence"); };
  EXPECT_EQ(persistence().health, Health::warning);
  EXPECT_EQ(persistence().found, "snapshots only (save 3600 1)");
  configure(server, "appendonly", "yes");
  configure(server, "appendfsync", "no");
  EXPECT_EQ(persistence().health, Health::warning);
  configure(server, "appendfsync", "always");
  EXPECT_EQ(persistence().health, Health::ok);
  EXPECT_THAT(persistence().meaning, HasSubstr("nothing that was confirmed is lost by a power cut"));
  configure(server, "no-appendfsync-on-rewrite", "yes");
  EXPECT_EQ(persistence().health, Health::warning);
  EXPECT_EQ(persistence().change, "CONFIG SET no-appendfsync-on-rewrite no");
}

TEST(RedisDoctor, ALogThatIsCutWithoutAWordIsAWarning) {
  const RedisServer server(kept_well());
  const Finding cut = finding(diagnose(server.url()), "torn log");
  EXPECT_EQ(cut.health, Health::warning);
  EXPECT_THAT(cut.meaning, HasSubstr("a job can be lost"));
  EXPECT_THAT(cut.change, HasSubstr("aof-load-truncated no"));
  configure(server, "aof-load-truncated", "no");
  EXPECT_EQ(finding(diagnose(server.url()), "torn log").health, Health::ok);
}

TEST(RedisDoctor, AMoveThatHasNotEndedIsAProblemWithTheWayOnAndTheWayBack) {
  const RedisServer server(kept_well());
  for (const char* shards : {"shards=1", "namespace=many&shards=5"}) {
    const std::string url = server.url(shards);
    const auto broker = queue::open_broker(url);
    coterie::testing::VirtualLoop loop;
    const auto note = [](const std::string& owner) {
      return R"({"version":1,"to":"sqlite://x.db","queues":["a"],"paused":[],"owner":")" + owner +
             R"(","sent_at":0})";
    };
    ASSERT_TRUE(loop.run(broker->put_note("coterie.move", std::nullopt, note(""))));
    const Finding left = finding(diagnose(url), "move");
    EXPECT_EQ(left.health, Health::problem);
    EXPECT_THAT(left.change, HasSubstr("' --to 'sqlite://x.db' --queue 'a' goes on with it"));
    EXPECT_THAT(left.change, HasSubstr("coterie move --from 'sqlite://x.db' --to '"));
    ASSERT_TRUE(loop.run(broker->put_note("coterie.move", note(""), note(queue::this_process()))));
    EXPECT_EQ(finding(diagnose(url), "move").health, Health::warning) << "somebody is at it";
    const std::string sources = R"([{"id":"1","url":"sqlite:///y.db","host":""}])";
    ASSERT_TRUE(loop.run(broker->put_note("coterie.move.sources", std::nullopt, sources)));
    EXPECT_EQ(finding(diagnose(url), "move to here").found, "one from sqlite:///y.db has not ended");
  }
}

TEST(RedisDoctor, RightsThatAreMissingAreNamedHoweverTheyAreLookedAt) {
  const RedisServer server(kept_well());
  for (const char* rules : {"-hset -spublish -script|load", "-hset -spublish -script|load -acl"}) {
    make_ann(server, rules);
    const Finding rights = finding(diagnose(server.url("user=ann")), "rights");
    EXPECT_EQ(rights.health, Health::problem) << rules;
    EXPECT_EQ(rights.found, "missing: SCRIPT|LOAD, HSET, SPUBLISH") << rules;
    EXPECT_THAT(rights.change, HasSubstr("ACL SETUSER ann +@string"));
  }
  make_ann(server, "-acl");
  EXPECT_EQ(finding(diagnose(server.url("user=ann")), "rights").health, Health::ok);
  make_ann(server, "-acl -multi");
  const Finding blind = finding(diagnose(server.url("user=ann")), "rights");
  EXPECT_EQ(blind.health, Health::unknown);
  EXPECT_THAT(blind.found, HasSubstr("cannot tell: the user lacks +acl|dryrun"));
  EXPECT_EQ(administer(server, Command("DBSIZE")).integer(), 0) << "nothing of it was run";
}

TEST(RedisDoctor, KeysOfAnotherNamespaceAreARightToo) {
  const RedisServer server(kept_well());
  make_ann(server, "resetkeys ~{other:*}*");
  EXPECT_THAT(finding(diagnose(server.url("user=ann")), "rights").found, HasSubstr("EVALSHA"));
  EXPECT_EQ(finding(diagnose(server.url("user=ann&namespace=other")), "rights").health, Health::ok);
}

TEST(RedisDoctor, WithoutTheRightToLookItSaysSoAndGoesOn) {
  const RedisServer server(kept_well());
  make_ann(server, "-config -slowlog -time -ping -hget");
  const Diagnosis diagnosis = diagnose(server.url("user=ann"));
  EXPECT_THAT(finding(diagnosis, "persistence").found, HasSubstr("cannot tell: the user lacks +config|get"));
  EXPECT_EQ(finding(diagnosis, "slow log").found, "cannot tell: the user lacks +slowlog|get");
  EXPECT_EQ(finding(diagnosis, "clock").found, "cannot tell: the user lacks +time");
  EXPECT_EQ(finding(diagnosis, "latency").found, "cannot tell: the user lacks +ping");
  EXPECT_THAT(finding(diagnosis, "layout").found, HasSubstr("cannot tell: the user lacks +hget"));
  for (const char* check : {"persistence", "slow log", "clock", "latency", "layout"})
    EXPECT_EQ(finding(diagnosis, check).health, Health::unknown) << check;
  make_ann(server, "-info");
  const Finding server_itself = finding(diagnose(server.url("user=ann")), "server");
  EXPECT_EQ(server_itself.health, Health::problem);
  EXPECT_EQ(server_itself.found, "cannot tell: the user lacks +info");
}

TEST(RedisDoctor, TheUserThatIsAdvisedHasNoProblem) {
  const RedisServer server(kept_well());
  const std::string url = server.url("user=ann&password=pw");
  broker_suite::allow_as_advised(server.url(), url);
  const Diagnosis diagnosis = diagnose(url);
  EXPECT_NE(diagnosis.worst(), Health::problem);
  EXPECT_EQ(finding(diagnosis, "layout").health, Health::ok);
}

/// What ACL DRYRUN says of the user: "OK", or why not.
std::string would_be(const RedisServer& server, const std::string& words) {
  return broker_suite::administer(server.url(), "ACL DRYRUN ann " + words).string();
}

TEST(RedisDoctor, TheUserThatIsAdvisedMayDoWhatABrokerNeedsAndNothingToOthers) {
  const RedisServer server;
  broker_suite::allow_as_advised(server.url(),
                                 server.url("user=ann&password=pw&db=3&durable_acks=replicas:1"));
  for (const std::string_view pattern : commands_of_a_broker()) {
    std::string words;
    std::istringstream in{std::string(pattern)};
    for (std::string word; in >> word;) {
      if (word == "K") word = "{coterie:0}m";
      if (word == "C") word = "{coterie:0}v";
      words += word + " ";
    }
    EXPECT_EQ(would_be(server, words), "OK") << words;
  }
  for (const char* words : {"SELECT 3", "WAIT 1 1", "SUNSUBSCRIBE {coterie:0}v", "CLIENT SETNAME coterie"})
    EXPECT_EQ(would_be(server, words), "OK") << words;
  for (const char* words : {"FLUSHALL",         "FLUSHDB",
                            "SWAPDB 0 1",       "KEYS *",
                            "SCAN 0",           "RANDOMKEY",
                            "SCRIPT FLUSH",     "SCRIPT KILL",
                            "FUNCTION FLUSH",   "CLIENT KILL TYPE normal",
                            "CLIENT PAUSE 1",   "CLIENT LIST",
                            "CONFIG GET *",     "CONFIG SET save x",
                            "EVAL return 0",    "SORT {coterie:0}m",
                            "SHUTDOWN",         "SAVE",
                            "MONITOR",          "ACL LIST",
                            "REPLICAOF NO ONE", "DEBUG SLEEP 1",
                            "GET other",        "SPUBLISH other x",
                            "SSUBSCRIBE other"})
    EXPECT_THAT(would_be(server, words), HasSubstr("no permissions")) << words;
}

TEST(RedisDoctor, TheCommandsThatItLooksForAreThoseThatTheScriptsCall) {
  std::set<std::string> called;
  for (std::size_t i = 0; i < script_count; ++i) {
    const std::string source = source_of(static_cast<Script>(i));
    static const std::regex call(R"((?:call|write_all)\('([A-Z]+)')");
    for (std::sregex_iterator at(source.begin(), source.end(), call), end; at != end; ++at)
      called.insert((*at)[1].str());
  }
  std::set<std::string> looked_for;
  for (const std::string_view pattern : commands_of_a_broker())
    looked_for.emplace(pattern.substr(0, pattern.find(' ')));
  for (const char* own : {"INFO", "PING", "SCRIPT", "EVALSHA", "SSUBSCRIBE"})
    EXPECT_EQ(looked_for.erase(own), 1U) << own;
  called.erase("INFO");  // settle.lua asks, too
  EXPECT_EQ(looked_for, called);
}

TEST(RedisDoctor, ANewerLayoutIsAProblem) {
  const RedisServer server(kept_well());
  administer(server, Command("HSET").arg("{coterie:0}m").arg("v").arg(layout_version + 1));
  const Finding layout = finding(diagnose(server.url()), "layout");
  EXPECT_EQ(layout.health, Health::problem);
  EXPECT_THAT(layout.change, HasSubstr("use the version that made it"));
}

TEST(RedisDoctor, AReplicaIsAProblemThatNamesItsMaster) {
  const std::string port = std::to_string(broker_suite::free_port());
  const RedisServer replica({"--replicaof", "127.0.0.1", port});
  const Finding role = finding(diagnose(replica.url()), "role");
  EXPECT_EQ(role.health, Health::problem);
  EXPECT_EQ(role.change, "name the master in the URL: 127.0.0.1:" + port);
}

TEST(RedisDoctor, DurabilityThatTheUrlAsksForAndTheServerCannotGiveIsAProblem) {
  const RedisServer server(kept_well());
  const auto durable = [&](const char* query) { return finding(diagnose(server.url(query)), "durable="); };
  EXPECT_EQ(durable("durable=fsync").health, Health::problem);
  EXPECT_THAT(durable("durable=fsync").change, HasSubstr("appendfsync is everysec: set it to always"));
  EXPECT_EQ(durable("durable_acks=replicas:1").health, Health::problem);
  EXPECT_THAT(durable("durable_acks=replicas:1").found,
              HasSubstr("acknowledgements replicas:1, and 0 replicas are connected"));
  configure(server, "appendfsync", "always");
  EXPECT_EQ(durable("durable=fsync").health, Health::ok);
}

TEST(RedisDoctor, MemoryIsCountedByJob) {
  const RedisServer server(kept_well());
  {
    testing::VirtualLoop loop;
    const auto broker = queue::open_broker(server.url());
    std::vector<queue::JobSpec> jobs(300);
    for (queue::JobSpec& job : jobs) job = broker_suite::BrokerSuite::job();
    loop.run(broker->enqueue(std::move(jobs)));
  }
  const Diagnosis diagnosis = diagnose(server.url());
  EXPECT_EQ(number(finding(diagnosis, "memory"), "jobs"), 300);
  EXPECT_GT(number(finding(diagnosis, "memory"), "bytes_per_job"), 100);
  EXPECT_THAT(finding(diagnosis, "memory").found, HasSubstr("; 300 jobs, at most "));
  EXPECT_EQ(finding(diagnosis, "layout").found, "namespace 'coterie' has layout 3, 1 shard, 300 jobs");
}

TEST(RedisDoctor, JobsAreCountedInAllShards) {
  const RedisServer server(kept_well());
  {
    testing::VirtualLoop loop;
    const auto broker = queue::open_broker(server.url("shards=8"));
    std::vector<queue::JobSpec> jobs(200);
    for (queue::JobSpec& job : jobs) job = broker_suite::BrokerSuite::job();
    loop.run(broker->enqueue(std::move(jobs)));
  }
  const Diagnosis diagnosis = diagnose(server.url());
  EXPECT_EQ(finding(diagnosis, "layout").found, "namespace 'coterie' has layout 3, 8 shards, 200 jobs");
  EXPECT_EQ(number(finding(diagnosis, "memory"), "jobs"), 200);
  administer(server, Command("HSET").arg("{coterie:5}m").arg("v").arg("3"));
  EXPECT_THAT(finding(diagnose(server.url()), "layout").found, HasSubstr("has layout 3"));
}

TEST(RedisDoctor, ANodeOfAClusterNamesTheUrlThatIsMeant) {
  const std::string port = std::to_string(broker_suite::free_port());
  const RedisServer node({"--port", port, "--cluster-enabled", "yes", "--cluster-port",
                          std::to_string(broker_suite::free_port())});
  const Finding role = finding(diagnose("redis://127.0.0.1:" + port), "role");
  EXPECT_EQ(role.health, Health::problem);
  EXPECT_EQ(role.change, "write redis+cluster://127.0.0.1:" + port);
}

TEST(RedisDoctor, FullMemoryIsAProblemAndNoLimitAWarning) {
  const RedisServer server(kept_well());
  configure(server, "maxmemory", "1");
  EXPECT_EQ(finding(diagnose(server.url()), "maxmemory").health, Health::problem);
  configure(server, "maxmemory", "0");
  EXPECT_EQ(finding(diagnose(server.url()), "maxmemory").health, Health::warning);
}

TEST(RedisDoctor, SlowCommandsOfAnybodyAreShownByName) {
  const RedisServer server(kept_well());
  configure(server, "slowlog-log-slower-than", "60000000");
  EXPECT_EQ(finding(diagnose(server.url()), "slow log").found, "nothing above 60 s");
  configure(server, "slowlog-log-slower-than", "1000");
  administer(server, Command("EVAL").arg("for i = 1, 5000000 do end return 1").arg(0));
  const Finding slow = finding(diagnose(server.url()), "slow log");
  EXPECT_EQ(slow.health, Health::warning);
  EXPECT_THAT(slow.found, HasSubstr("(EVAL)"));
  EXPECT_GT(number(slow, "slowest_us"), 1000);
  administer(server, Command("SLOWLOG").arg("RESET"));
  configure(server, "slowlog-log-slower-than", "-1");
  EXPECT_EQ(finding(diagnose(server.url()), "slow log").health, Health::unknown);
}

TEST(RedisDoctor, FewConnectionsAreAWarning) {
  const RedisServer server(kept_well());
  configure(server, "maxclients", "1");
  const Finding connections = finding(diagnose(server.url()), "connections");
  EXPECT_EQ(connections.health, Health::warning);
  EXPECT_THAT(connections.found, StartsWith("1 of 1"));
}

TEST(RedisDoctor, WhereNobodyOrAStrangerAnswersItThrows) {
  const RedisServer server({"--requirepass", "secret"});
  EXPECT_THROW((void)diagnose(server.url()), BadBroker);
  EXPECT_THROW((void)diagnose(server.url("password=wrong")), BadBroker);
  EXPECT_THROW((void)diagnose("redis://127.0.0.1:" + std::to_string(broker_suite::free_port())),
               BrokerUnavailable);
}

}  // namespace
}  // namespace coterie::brokers::redis

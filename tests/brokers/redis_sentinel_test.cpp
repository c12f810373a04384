// What sentinels are asked, and what users are told about those that do not help.
#include "src/brokers/redis/sentinel.hpp"

#include "src/brokers/redis/sentinel_locator.hpp"
#include "tests/brokers/redis_scripted_server.hpp"
#include "tests/brokers/redis_sentinels.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using broker_suite::free_port;
using broker_suite::RedisServer;
using broker_suite::ScriptedServer;
using broker_suite::Sentinel;
using broker_suite::SentinelGroup;
using queue::BadBroker;
using queue::BrokerUnavailable;
using ::testing::HasSubstr;
using ::testing::Not;

/// A server at a TCP port.
struct Master {
  explicit Master(std::vector<std::string> options = {}) : port(free_port()) {
    options.insert(options.begin(), {"--port", std::to_string(port)});
    server.emplace(std::move(options));
  }
  std::uint16_t port;
  std::optional<RedisServer> server;
};

std::string nobody() {
  return "127.0.0.1:" + std::to_string(free_port());
}
std::string url_of(const std::string& hosts, const std::string& rest = "jobs") {
  return "redis+sentinel://" + hosts + "/" + rest;
}

TEST(RedisSentinel, TellsWhereTheMasterIs) {
  const Master master;
  const Sentinel sentinel(master.port, 1);
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(url_of(sentinel.place(), "jobs/3")));
    Reply reply = co_await connection.call(Command("CLIENT").arg("INFO"));
    const std::string info = reply.take_string();
    EXPECT_THAT(info, HasSubstr("laddr=127.0.0.1:" + std::to_string(master.port)));
    EXPECT_THAT(info, HasSubstr(" db=3 "));
    co_await connection.close();
  });
}

TEST(RedisSentinel, TheNextIsAskedWhereOneIsAwayHangsOrKnowsNothing) {
  const Master master;
  const Sentinel good(master.port, 1);
  Sentinel hanging(master.port, 1);
  hanging.process().freeze();
  const RedisServer no_sentinel({"--port", std::to_string(free_port())});
  const ScriptedServer http({"HTTP/1.1 400 Bad Request\r\n\r\n"});
  const std::string http_place = http.url().substr(std::string("redis://").size());
  const std::string port = broker_suite::say(no_sentinel.url(), "CONFIG GET port").at(1).string();
  on_loop([&]() -> Task<void> {
    const auto locator = std::make_shared<SentinelLocator>(settings_at(url_of(
        nobody() + "," + hanging.place() + ",127.0.0.1:" + port + "," + http_place + "," + good.place())));
    const Settings found = co_await locator->find(Address());
    EXPECT_EQ(found.address(), Address("127.0.0.1", master.port));
    // The one that knew comes first from now on.
    EXPECT_EQ(locator->sentinels().at(0).text(), good.place());
    EXPECT_EQ(locator->sentinels().size(), 5U);
    co_await locator->close();
  });
}

TEST(RedisSentinel, TheOthersAreLearnedOf) {
  SentinelGroup group;
  on_loop([&]() -> Task<void> {
    const auto locator = std::make_shared<SentinelLocator>(settings_at(url_of(group.sentinel(0).place())));
    (void)co_await locator->find(Address());
    EXPECT_EQ(locator->sentinels().size(), 3U);
    group.sentinel(0).process().kill();
    const Settings found = co_await locator->find(Address());
    EXPECT_FALSE(found.host.empty());
    EXPECT_NE(locator->sentinels().at(0).text(), group.sentinel(0).place());
    co_await locator->close();
  });
}

TEST(RedisSentinel, AllAreAway) {
  const std::string first = nobody();
  EXPECT_THAT(refusal<BrokerUnavailable>(url_of(first)),
              AllOf(HasSubstr("its sentinel does not tell the master: the sentinel " + first + ": "),
                    HasSubstr("Connection refused"), HasSubstr("is a sentinel running there?")));
  EXPECT_THAT(refusal<BrokerUnavailable>(url_of(first + "," + nobody())),
              HasSubstr("none of its 2 sentinels tells the master; the sentinel " + first));
}

TEST(RedisSentinel, ANameThatNobodyKnows) {
  const Master master;
  const Sentinel sentinel(master.port, 1);
  EXPECT_THAT(refusal<BadBroker>(url_of(sentinel.place(), "job")),
              HasSubstr("the sentinel " + sentinel.place() +
                        ": it watches no master 'job', but 'jobs': correct the name"));
  // One that is away may know it. But nobody ever did, so it is told at once.
  EXPECT_THAT(refusal<BadBroker>(url_of(nobody() + "," + sentinel.place(), "job")),
              HasSubstr("it watches no master 'job'"));
  EXPECT_EQ(sentinel.say("SENTINEL REMOVE jobs").string(), "OK");
  EXPECT_THAT(refusal<BadBroker>(url_of(sentinel.place())),
              HasSubstr("it watches no master 'jobs': correct the name"));
}

TEST(RedisSentinel, ANameThatIsForgottenLaterIsWaitedFor) {
  const Master master;
  const Sentinel sentinel(master.port, 1);
  on_loop([&]() -> Task<void> {
    const auto locator = std::make_shared<SentinelLocator>(settings_at(url_of(sentinel.place())));
    (void)co_await locator->find(Address());
    EXPECT_EQ(sentinel.say("SENTINEL REMOVE jobs").string(), "OK");
    Task<Settings> asking = locator->find(Address());
    const Outcome<Settings> end = co_await outcome(std::move(asking));
    EXPECT_THROW((void)end.get(), BrokerUnavailable);
    EXPECT_THAT(text(end), HasSubstr("it watches no master 'jobs'"));
    co_await locator->close();
  });
}

TEST(RedisSentinel, WhatIsNoSentinel) {
  const Master master;
  const std::string place = "127.0.0.1:" + std::to_string(master.port);
  EXPECT_THAT(
      refusal<BadBroker>(url_of(place)),
      AllOf(HasSubstr("what answers there is no sentinel but a Redis server: sentinels listen at 26379"),
            HasSubstr("write redis://" + place)));
  const auto says = [](const std::string& words) {
    const ScriptedServer server({"", "+OK\r\n", words}, ScriptedServer::Then::stays);
    return refusal<BadBroker>(url_of(server.url().substr(std::string("redis://").size())));
  };
  for (const std::string words :
       {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\na\r\n$1\r\n0\r\n", "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
        "*2\r\n$1\r\n\n\r\n$1\r\n1\r\n", "*1\r\n$1\r\na\r\n", "*2\r\n:1\r\n:2\r\n", ":1\r\n",
        "*2\r\n$1\r\na\r\n$5\r\n65536\r\n"})
    EXPECT_THAT(says(words + "+x\r\n+x\r\n"),
                AllOf(HasSubstr("what it gave is no address of a master"), HasSubstr("is it a sentinel")))
        << words;
}

TEST(RedisSentinel, OnlyTheAddressIsNeeded) {
  const Master master;
  const std::string port = std::to_string(master.port);
  const std::string where =
      "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
  for (const std::string more : {"-NOPERM no\r\n-NOPERM no\r\n", "*1\r\n:1\r\n*1\r\n:1\r\n",
                                 "*2\r\n$12\r\nconfig-epoch\r\n$1\r\nx\r\n*1\r\n*0\r\n"}) {
    const ScriptedServer sentinel({"", "+OK\r\n", where + more}, ScriptedServer::Then::stays);
    EXPECT_EQ(refusal<queue::QueueError>(url_of(sentinel.url().substr(std::string("redis://").size()))),
              "(connected)");
  }
}

TEST(RedisSentinel, PasswordsOfTheirOwn) {
  const Master master({"--requirepass", "secret"});
  const Sentinel sentinel(master.port, 1, {"requirepass pw", "sentinel auth-pass jobs secret"});
  const std::string host = sentinel.place();
  EXPECT_EQ(refusal<BadBroker>(url_of(":secret@" + host, "jobs?sentinel_password=pw")), "(connected)");
  EXPECT_THAT(refusal<BadBroker>(url_of(":secret@" + host)),
              HasSubstr("the sentinel " + host + ": it wants a password of its own: ?sentinel_password=…"));
  EXPECT_THAT(refusal<BadBroker>(url_of(":secret@" + host, "jobs?sentinel_password=no")),
              HasSubstr("the sentinel " + host +
                        ": wrong password for the default user, or no such user: correct sentinel_password"));
  EXPECT_THAT(refusal<BadBroker>(url_of(":wr0ng@" + host, "jobs?sentinel_password=pw")),
              AllOf(HasSubstr("(master 127.0.0.1:" + std::to_string(master.port) +
                              "): wrong password for the default user"),
                    Not(HasSubstr("wr0ng"))));
  const Sentinel open(master.port, 1, {"sentinel auth-pass jobs secret"});
  EXPECT_THAT(refusal<BadBroker>(url_of(":secret@" + open.place(), "jobs?sentinel_password=pw")),
              HasSubstr("the URL has a sentinel_password, the sentinel has none: leave it out"));
}

TEST(RedisSentinel, TheAdvisedUserIsEnough) {
  const Master master;
  const Sentinel sentinel(master.port, 1);
  const std::string url = url_of(sentinel.place(), "jobs?sentinel_user=ann&sentinel_password=pw");
  EXPECT_EQ(sentinel.say("ACL SETUSER ann on >pw").string(), "OK");
  const std::string said = refusal<BadBroker>(url);
  EXPECT_THAT(said, HasSubstr("its user 'ann' may not ask for the master: allow it, at each sentinel"));
  std::string advice = said.substr(said.find("ACL SETUSER"));
  EXPECT_EQ(sentinel.say(advice.replace(advice.find(">…"), std::string(">…").size(), ">pw")).string(), "OK");
  EXPECT_EQ(refusal<BadBroker>(url), "(connected)");
  on_loop([&]() -> Task<void> {
    Event heard;
    Subscription subscription(settings_of_sentinel(settings_at(url), Address("127.0.0.1", sentinel.port())),
                              std::string(switch_channel), nullptr, [&] { heard.set(); });
    co_await heard.wait();
    co_await subscription.close();
  });
}

TEST(RedisSentinel, AReplicaInTheMastersPlaceIsAFailoverUnderWay) {
  const Master replica({"--replicaof", "127.0.0.1", "1"});
  const std::string port = std::to_string(replica.port);
  const ScriptedServer sentinel(
      {"", "+OK\r\n",
       "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n+x\r\n+x\r\n"},
      ScriptedServer::Then::stays);
  EXPECT_THAT(
      refusal<BrokerUnavailable>(url_of(sentinel.url().substr(std::string("redis://").size()))),
      HasSubstr("(master 127.0.0.1:" + port +
                "): a sentinel names it as the master, but it is a replica of 127.0.0.1:1: a failover"));
}

TEST(RedisSentinel, NamedAsTheServerItIsNoServer) {
  const Master master;
  const Sentinel sentinel(master.port, 1);
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at("redis://" + sentinel.place()));
    EXPECT_THAT(co_await end_of(connection.connect()),
                HasSubstr("it is a sentinel, which keeps no jobs: to use the master that it watches write "
                          "redis+sentinel://" +
                          sentinel.place() + "/mymaster"));
  });
}

}  // namespace
}  // namespace coterie::brokers::redis

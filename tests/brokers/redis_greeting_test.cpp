// What a server is asked when a connection is made, and what users are told about one that will not do.
#include <ifaddrs.h>

#include <sstream>

#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/slots.hpp"
#include "tests/brokers/redis_cluster.hpp"
#include "tests/brokers/redis_scripted_server.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using broker_suite::RedisServer;
using broker_suite::ScriptedServer;
using queue::BadBroker;
using queue::BrokerUnavailable;
using ::testing::HasSubstr;
using ::testing::Not;

ServerInfo info_of(const std::string& url) {
  ServerInfo info;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(url));
    info = co_await connection.connect();
  });
  return info;
}

std::string administer(const RedisServer& server, Command command) {
  std::string said;
  on_loop([&]() -> Task<void> {
    Connection admin(settings_at(server.url()));
    Reply reply = co_await admin.call(std::move(command));
    reply.require_no_error("the test's administrator");
    said = reply.take_string();
  });
  return said;
}

TEST(RedisGreeting, TellsWhatTheServerIs) {
  const RedisServer plain;
  const ServerInfo usual = info_of(plain.url());
  EXPECT_GE(usual.major, 7U);
  EXPECT_TRUE(usual.version.starts_with(std::to_string(usual.major) + "." + std::to_string(usual.minor)));
  EXPECT_EQ(usual.mode, "standalone");
  EXPECT_EQ(usual.run_id.size(), 40U);
  EXPECT_EQ(usual.maxmemory, 0U);
  EXPECT_EQ(usual.maxmemory_policy, "noeviction");
  EXPECT_FALSE(usual.aof_enabled);
  const RedisServer cache(
      {"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes"});
  const ServerInfo other = info_of(cache.url());
  EXPECT_EQ(other.maxmemory, std::uint64_t{50} << 20);
  EXPECT_EQ(other.maxmemory_policy, "allkeys-lru");
  EXPECT_TRUE(other.aof_enabled);
}

TEST(RedisGreeting, NamesTheConnectionAndSelectsTheDatabase) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url("db=3")));
    Reply reply = co_await connection.call(Command("CLIENT").arg("INFO"));
    const std::string info = reply.take_string();
    EXPECT_THAT(info, HasSubstr(" name=coterie "));
    EXPECT_THAT(info, HasSubstr(" db=3 "));
  });
}

TEST(RedisGreeting, Passwords) {
  const RedisServer server({"--requirepass", "secret"});
  EXPECT_EQ(refusal<BadBroker>(server.url("password=secret")), "(connected)");
  EXPECT_THAT(refusal<BadBroker>(server.url()),
              HasSubstr("the server wants a password: redis://:password@host"));
  EXPECT_THAT(refusal<BadBroker>(server.url("password=wr0ng")),
              AllOf(HasSubstr("wrong password for the default user"), Not(HasSubstr("wr0ng"))));
  EXPECT_THAT(refusal<BadBroker>(server.url("password=wr0ng&user=ann")),
              AllOf(HasSubstr("wrong password for user 'ann', or no such user"), Not(HasSubstr("wr0ng"))));
  const RedisServer open;
  EXPECT_THAT(refusal<BadBroker>(open.url("password=secret")),
              HasSubstr("the URL has a password, the server has none"));
}

TEST(RedisGreeting, UsersByNameAlsoWithoutPassword) {
  const RedisServer server;
  administer(server, Command("ACL")
                         .arg("SETUSER")
                         .arg("ann")
                         .arg("on")
                         .arg(">p@ss:/?%")
                         .arg("allkeys")
                         .arg("allchannels")
                         .arg("+@all"));
  administer(server, Command("ACL")
                         .arg("SETUSER")
                         .arg("bob")
                         .arg("on")
                         .arg("nopass")
                         .arg("allkeys")
                         .arg("allchannels")
                         .arg("+@all"));
  EXPECT_EQ(refusal<BadBroker>(server.url("user=ann&password=p%40ss:/%3F%25")), "(connected)");
  EXPECT_EQ(refusal<BadBroker>(server.url("user=bob")), "(connected)");
  EXPECT_THAT(refusal<BadBroker>(server.url("user=ann")), HasSubstr("wrong password for user 'ann'"));
}

TEST(RedisGreeting, CommandsThatTheUserMayNotRun) {
  const RedisServer server;
  const auto without = [&](const char* user, const char* command) {
    administer(
        server,
        Command("ACL").arg("SETUSER").arg(user).arg("on").arg(">pw").arg("~*").arg("&*").arg("+@all").arg(
            command));
    return refusal<BadBroker>(server.url(std::string("password=pw&user=") + user));
  };
  EXPECT_THAT(without("a", "-evalsha"),
              HasSubstr("user 'a' may not run EVALSHA: allow it, as by ACL SETUSER a +@string "));
  EXPECT_THAT(without("b", "-script"), HasSubstr("user 'b' may not run SCRIPT: allow it"));
  EXPECT_THAT(without("c", "-info"), HasSubstr("user 'c' may not run INFO: allow it"));
  EXPECT_EQ(without("d", "-client"), "(connected)");
  // What would fail later: in the middle of a script, or where somebody listens.
  EXPECT_THAT(without("e", "-time"), HasSubstr("user 'e' may not run TIME: allow it"));
  EXPECT_THAT(without("f", "-spublish"), HasSubstr("user 'f' may not run SPUBLISH: allow it"));
  EXPECT_THAT(without("g", "-ssubscribe"), HasSubstr("user 'g' may not run SSUBSCRIBE: allow it"));
  EXPECT_THAT(without("h", "resetkeys"),
              HasSubstr("user 'h' may not run EVALSHA on {coterie:0}probe: allow it"));
  EXPECT_THAT(without("i", "resetchannels"),
              HasSubstr("user 'i' may not run SPUBLISH on {coterie:0}probe: allow it"));
}

TEST(RedisGreeting, WhatIsAdvisedCuresAndTakesNothingAway) {
  const RedisServer server;
  const auto say = [&](const std::string& words) {  // apart by spaces
    std::istringstream in(words);
    std::string word;
    in >> word;
    Command command(word);
    while (in >> word) command.arg(word);
    return administer(server, std::move(command));
  };
  say("ACL SETUSER e on >pw ~mine:* -info +keys");
  const std::string said = refusal<BadBroker>(server.url("user=e&password=pw&db=1"));
  const std::size_t first = said.find("ACL SETUSER");
  const std::size_t second = said.find("ACL SETUSER", first + 1);
  say(said.substr(first, said.find(" (in redis-cli") - first));
  say(said.substr(second, said.find(')', second) - second));
  EXPECT_EQ(refusal<BadBroker>(server.url("user=e&password=pw&db=1")), "(connected)");
  for (const char* may : {"KEYS", "GET"})
    EXPECT_EQ(say("ACL DRYRUN e " + std::string(may) + " mine:1"), "OK") << "what it had it has still";
}

TEST(RedisGreeting, ADatabaseThatIsNotThere) {
  const RedisServer server({"--databases", "4"});
  EXPECT_EQ(refusal<BadBroker>(server.url("db=3")), "(connected)");
  EXPECT_THAT(refusal<BadBroker>(server.url("db=4")),
              HasSubstr("the server has no database 4: take a smaller"));
}

TEST(RedisGreeting, AReplicaNamesItsMaster) {
  const RedisServer server({"--replicaof", "127.0.0.1", "1"});
  EXPECT_THAT(
      refusal<BadBroker>(server.url()),
      HasSubstr("the server is a replica, which only its master may write to: name the master, 127.0.0.1:1"));
}

TEST(RedisGreeting, TooManyClientsIsNoLastingRefusal) {
  const RedisServer server({"--maxclients", "1"});
  on_loop([&]() -> Task<void> {
    Connection first(settings_at(server.url()));
    (void)co_await first.connect();
    Connection second(settings_at(server.url("connect_timeout_ms=60000")));
    Task<ServerInfo> connecting = second.connect();
    const Outcome<ServerInfo> end = co_await outcome(std::move(connecting));
    EXPECT_THAT(text(end), HasSubstr("the server has too many clients"));
    EXPECT_THROW((void)end.get(), BrokerUnavailable);
    co_await first.close();
    const Reply pong = co_await second.call(Command("PING"));
    EXPECT_EQ(pong.string(), "PONG");
  });
}

TEST(RedisGreeting, NobodyThere) {
  const std::string port = std::to_string(broker_suite::free_port());
  EXPECT_THAT(
      refusal<BrokerUnavailable>("redis://127.0.0.1:" + port),
      "redis://127.0.0.1:" + port + ": cannot connect: Connection refused: is a Redis server running there?");
  EXPECT_THAT(refusal<BrokerUnavailable>("redis+unix:///no/such.sock"),
              "redis+unix:///no/such.sock: cannot connect: No such file or directory: is a Redis server "
              "running there?");
}

TEST(RedisGreeting, ANameThatNobodyKnowsIsNoServerThatIsAway) {
  EXPECT_THAT(refusal<BrokerUnavailable>("redis://no-such-host.invalid?connect_timeout_ms=60000"),
              AllOf(HasSubstr("redis://no-such-host.invalid:6379: cannot find its address: "),
                    HasSubstr("is the name spelled right"), Not(HasSubstr("running there"))));
}

/// A server's words with that INFO.
std::vector<std::string> greeting(const std::string& info) {
  return {"", "+OK\r\n",
          "+OK\r\n$" + std::to_string(info.size()) + "\r\n" + info + "\r\n*1\r\n:0\r\n-NOSCRIPT No\r\n" +
              std::string("*0\r\n:0\r\n*0\r\n*0\r\n")};
}

TEST(RedisGreeting, OldServersAndStrangeOnes) {
  const auto says = [](const std::string& info) {
    const ScriptedServer server(greeting(info), ScriptedServer::Then::stays);
    return refusal<BadBroker>(server.url());
  };
  EXPECT_EQ(says("redis_version:7.0.0\r\nrole:master\r\n"), "(connected)");
  EXPECT_EQ(says("redis_version:10.2\r\n"), "(connected)");
  EXPECT_THAT(says("# Server\r\nredis_version:6.2.14\r\n"),
              HasSubstr("Redis 6.2.14 is too old: 7.0 or newer"));
  EXPECT_THAT(says("hello"), HasSubstr("the server does not say its version"));
  EXPECT_THAT(says("redis_version:x\r\n"), HasSubstr("Redis x is too old"));
}

TEST(RedisGreeting, ServersThatTakeNobodyNow) {
  const auto says = [](std::vector<std::string> words) {
    const ScriptedServer server(std::move(words));
    return refusal<BrokerUnavailable>(server.url());
  };
  EXPECT_THAT(
      says({"", "+OK\r\n",
            "+OK\r\n-LOADING Redis is loading the dataset in memory\r\n+\r\n+\r\n+\r\n+\r\n+\r\n+\r\n"}),
      HasSubstr("the server is not ready (LOADING Redis is loading the dataset in memory): try again"));
  EXPECT_THAT(says(greeting("redis_version:7.0.0\r\nloading:1\r\n")), HasSubstr("still loads its data"));
  EXPECT_THAT(says({"-ERR max number of clients reached\r\n"}), HasSubstr("too many clients"));
}

TEST(RedisGreeting, ProtectedModeIsExplainedThoughTheServerHangsUp) {
  const ScriptedServer server({"-DENIED Redis is running in protected mode because…\r\n"});
  EXPECT_THAT(refusal<BadBroker>(server.url()), HasSubstr("the server is in protected mode"));
}

/// An address of this machine that is not the loopback's; empty where it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    const auto* const at = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    const std::string address = ::inet_ntop(AF_INET, &at->sin_addr, text, sizeof text);
    if (!address.starts_with("127.")) found = address;
  }
  ::freeifaddrs(all);
  return found;
}

TEST(RedisGreeting, ProtectedModeOfARealServer) {
  const std::string host = own_address();
  if (host.empty()) GTEST_SKIP() << "this machine has no address but the loopback's";
  const std::string port = std::to_string(broker_suite::free_port());
  const RedisServer server({"--port", port, "--bind", host, "--protected-mode", "yes"});
  EXPECT_THAT(
      refusal<BadBroker>("redis://" + host + ":" + port),
      HasSubstr("the server is in protected mode and takes no connections from other machines: give it "
                "a password (requirepass)"));
}

TEST(RedisGreeting, CommandsThatWereRenamed) {
  const RedisServer scripts({"--rename-command", "EVALSHA", ""});
  EXPECT_THAT(refusal<BadBroker>(scripts.url()), HasSubstr("is EVALSHA renamed there?"));
  const RedisServer info({"--rename-command", "INFO", ""});
  EXPECT_THAT(refusal<BadBroker>(info.url()), HasSubstr("is it renamed there?"));
}

/// It answers ASK to a script, for a key that it has not.
TEST(RedisGreeting, ANodeWhoseSlotIsBeingMovedIsNoneThatRunsNoScripts) {
  const broker_suite::RedisCluster cluster(2);
  const std::uint16_t slot = slot_of("{coterie:0}m");
  const std::size_t from = cluster.owner(slot);
  cluster.begin_move(slot, from, 1 - from);
  EXPECT_EQ(info_of("redis://" + cluster.place(from)).mode, "cluster");
}

TEST(RedisGreeting, WhatIsNoRedis) {
  const auto says = [](const std::string& words) {
    const ScriptedServer server({words});
    return refusal<BrokerUnavailable>(server.url());
  };
  EXPECT_THAT(says("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
              HasSubstr("it began with 'HTTP/1.1 400 Bad Request'): is another service at this address?"));
  EXPECT_THAT(says("SSH-2.0-OpenSSH_9.2\r\n"), HasSubstr("it began with 'SSH-2.0-OpenSSH_9.2')"));
  EXPECT_THAT(says(""), AnyOf(HasSubstr("closed the connection without a word"), HasSubstr("was lost")));
  const ScriptedServer yes({"", "+OK\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n"},
                           ScriptedServer::Then::stays);
  EXPECT_THAT(refusal<BadBroker>(yes.url()), HasSubstr("the server does not say its version (INFO)"));
}

}  // namespace
}  // namespace coterie::brokers::redis

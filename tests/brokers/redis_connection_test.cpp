// A connection to servers of the test's own.
#include "src/brokers/redis/connection.hpp"

#include <set>

#include "src/brokers/redis/backoff.hpp"
#include "tests/brokers/redis_scripted_server.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using broker_suite::RedisServer;
using ::testing::HasSubstr;

Task<std::int64_t> increment(Connection& to, std::string key, int times) {
  std::int64_t last = 0;
  for (int i = 0; i < times; ++i) {
    const Reply reply = co_await to.call(Command("INCR").arg(key));
    EXPECT_EQ(reply.integer(), last + 1);
    last = reply.integer();
  }
  co_return last;
}

TEST(RedisConnection, ManyTasksShareOneAndEachGetsItsOwnReplies) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    std::vector<JoinHandle<std::int64_t>> tasks;
    for (int i = 0; i < 64; ++i)
      tasks.push_back(spawn(increment, std::ref(connection), "key" + std::to_string(i), 50));
    for (const auto& task : tasks) EXPECT_EQ(co_await task, 50);
    EXPECT_EQ(connection.connections(), 1U);
    co_await connection.close();
  });
}

TEST(RedisConnection, ErrorsAreReplies) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    std::vector<Command> commands;
    commands.push_back(Command("SET").arg("text").arg("x"));
    commands.push_back(Command("INCR").arg("text"));
    commands.push_back(Command("NOSUCH"));
    commands.push_back(Command("GET").arg("text"));
    const std::vector<Reply> replies = co_await connection.call_all(commands);
    COTERIE_ASSERT(EXPECT_EQ(replies.size(), 4U));
    EXPECT_EQ(replies[0], Reply::of_status("OK"));
    EXPECT_TRUE(replies[1].is_error("ERR"));
    EXPECT_TRUE(replies[2].is_error("ERR"));
    EXPECT_EQ(replies[3], Reply::of_string("x"));
  });
}

TEST(RedisConnection, AnyBytesComeBackAlsoManyOfThem) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    std::string big(std::size_t{9} << 20, 'x');
    for (std::size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>(i / 1000);
    const Reply set = co_await connection.call(Command("SET", big.size()).arg("big").arg(big));
    EXPECT_EQ(set.string(), "OK");
    const Reply got = co_await connection.call(Command("GET").arg("big"));
    EXPECT_TRUE(got.string() == big);
  });
}

TEST(RedisConnection, AStringOverTheLimitEndsTheConnection) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Settings settings = settings_at(server.url());
    settings.limits.bulk_bytes = 100'000;
    Connection connection(settings);
    const std::string big(200'000, 'x');
    (void)co_await connection.call(Command("SET").arg("big").arg(big));
    const std::string end = co_await end_of(connection.call(Command("GET").arg("big")));
    EXPECT_THAT(end, HasSubstr("a string longer than the limit of 100000 bytes"));
    const Reply length = co_await connection.call(Command("STRLEN").arg("big"));
    EXPECT_EQ(length.integer(), 200'000);
    EXPECT_EQ(connection.connections(), 2U);
  });
}

TEST(RedisConnection, TheFirstCallAfterALossConnectsAnew) {
  RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    const ServerInfo first = co_await connection.connect();
    auto blocked = spawn(
        [](Connection& of) -> Task<void> { (void)co_await of.call(Command("BLPOP").arg("none").arg(0)); },
        std::ref(connection));
    co_await ticks(3);
    server.restart();
    co_await blocked.wait();
    EXPECT_THAT(text(blocked.exception()), HasSubstr("whether the command was applied is open"));
    EXPECT_THROW(std::rethrow_exception(blocked.exception()), queue::BrokerUnavailable);
    EXPECT_FALSE(connection.connected());
    const Reply pong = co_await connection.call(Command("PING"));
    EXPECT_EQ(pong.string(), "PONG");
    EXPECT_EQ(connection.connections(), 2U);
    EXPECT_NE(connection.server().run_id, first.run_id);
  });
}

TEST(RedisConnection, CallsWaitForAServerThatComesBack) {
  RedisServer server({}, RedisServer::Start::later);
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url("connect_timeout_ms=60000")));
    const std::string refused = co_await end_of(connection.connect());
    EXPECT_THAT(refused, HasSubstr("is a Redis server running there?"));
    std::vector<JoinHandle<Reply>> calls;
    for (int i = 0; i < 5; ++i)
      calls.push_back(spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(connection)));
    co_await ticks(3);
    server.start();
    for (auto& call : calls) EXPECT_EQ((co_await call).string(), "PONG");
    EXPECT_EQ(connection.connections(), 1U);
  });
}

TEST(RedisConnection, CallsGiveUpAfterConnectTimeoutAndSayWhy) {
  const RedisServer server({}, RedisServer::Start::later);
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url("connect_timeout_ms=120")));
    const std::string end = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(end, HasSubstr("No such file or directory"));
    EXPECT_THAT(end, HasSubstr(server.url()));
  });
}

TEST(RedisConnection, AServerThatHangsIsGivenUpAfterCommandTimeout) {
  RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url("command_timeout_ms=150")));
    (void)co_await connection.connect();
    server.freeze();
    auto other = spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(connection));
    const std::string end = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(end, HasSubstr("no reply within 0.15 s"));
    co_await other.wait();
    EXPECT_THAT(text(other.exception()), HasSubstr("no reply within 0.15 s"));
    server.thaw();
    const Reply pong = co_await connection.call(Command("PING"));
    EXPECT_EQ(pong.string(), "PONG");
    EXPECT_EQ(connection.connections(), 2U);
  });
}

TEST(RedisConnection, AServerThatTakesTheConnectionAndHangsIsNamed) {
  RedisServer server;
  server.freeze();
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url("connect_timeout_ms=100")));
    const std::string end = co_await end_of(connection.connect());
    EXPECT_THAT(end, HasSubstr("connected, but there was no answer within 0.1 s"));
  });
}

TEST(RedisConnection, OnConnectedRunsOnEachConnectionBeforeAnyCall) {
  RedisServer server;
  on_loop([&]() -> Task<void> {
    int runs = 0;
    const auto set_up = [&](Link& link, const ServerInfo& info) -> Task<void> {
      EXPECT_EQ(info.major, 7U);
      ++runs;
      const Reply set = co_await link.call(Command("SET").arg("run").arg(runs));
      set.require_no_error("set up");
    };
    Connection connection(settings_at(server.url()), set_up);
    for (int i = 1; i <= 3; ++i) {
      const Reply run = co_await connection.call(Command("GET").arg("run"));
      EXPECT_EQ(run.string(), std::to_string(i));
      server.restart();
      while (connection.connected()) co_await yield();  // until the loss is seen
    }
    EXPECT_EQ(runs, 3);
  });
}

TEST(RedisConnection, WhatOnConnectedThrowsEndsTheAttempt) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    const auto refuse = [](Link&, const ServerInfo&) -> Task<void> {
      throw queue::BadBroker("not this one");
      co_return;
    };
    Connection connection(settings_at(server.url()), refuse);
    const std::string end = co_await end_of(connection.call(Command("PING")));
    EXPECT_EQ(end, "not this one");
    EXPECT_FALSE(connection.connected());
  });
}

TEST(RedisConnection, ARefusalIsAskedAgainAfterThePause) {
  const RedisServer server({"--requirepass", "secret"});
  on_loop([&]() -> Task<void> {
    Connection admin(settings_at(server.url("password=secret")));
    Connection connection(settings_at(server.url("password=wrong&connect_timeout_ms=60000")));
    const std::string end = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(end, HasSubstr("wrong password for the default user"));
    (void)co_await admin.call(Command("CONFIG").arg("SET").arg("requirepass").arg("wrong"));
    // At once it is the remembered one; after the pause the server is asked.
    for (std::string again = end; again == end;) {
      again = co_await end_of(connection.call(Command("PING")));
      co_await yield();
    }
    EXPECT_TRUE(connection.connected());
  });
}

TEST(RedisConnection, CloseEndsWhatWaitsAndWhatComesLater) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    auto blocked = spawn([](Connection& of) { return of.call(Command("BLPOP").arg("none").arg(0)); },
                         std::ref(connection));
    (void)co_await connection.connect();
    co_await ticks(3);
    co_await connection.close();
    co_await blocked.wait();
    EXPECT_THAT(text(blocked.exception()), HasSubstr("closed by its owner"));
    const std::string later = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(later, HasSubstr("closed by its owner"));
  });
}

TEST(RedisConnection, AServerThatGreetsAndHangsUpIsNotAskedAgainAtOnce) {
  const broker_suite::ScriptedServer server(
      {"", "+OK\r\n", "+OK\r\n$19\r\nredis_version:7.0.0\r\n:0\r\n-NOSCRIPT\r\n*0\r\n:0\r\n*0\r\n*0\r\n",
       ""});
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    (void)co_await connection.connect();
    const std::string lost = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(lost, HasSubstr("whether the command was applied is open"));
    const TimePoint before = EventLoop::current().now();
    (void)co_await connection.connect();
    EXPECT_GE(EventLoop::current().now() - before, Backoff::least / 2);
    EXPECT_EQ(connection.connections(), 2U);
  });
}

TEST(RedisBackoff, DoublesToAMostAndLeavesUpToHalfOut) {
  test::run([]() -> Task<void> {
    Backoff backoff;
    EXPECT_LE(backoff.next(), EventLoop::current().now());
    std::set<Duration> pauses;
    Duration longest = Backoff::least;
    for (int i = 0; i < 20; ++i) {
      backoff.failed();
      const Duration pause = backoff.next() - EventLoop::current().now();
      EXPECT_GE(pause, longest / 2);
      EXPECT_LE(pause, longest);
      longest = std::min(longest * 2, Backoff::most);
      pauses.insert(pause);
    }
    EXPECT_GT(pauses.size(), 10U);  // at random
    backoff.succeeded();
    EXPECT_LE(backoff.next(), EventLoop::current().now());
    backoff.failed();
    EXPECT_LE(backoff.next() - EventLoop::current().now(), Backoff::least);
    co_return;
  });
}

TEST(RedisConnection, CloseInTheMiddleOfAnAttemptLeavesNothing) {
  RedisServer server;
  server.freeze();
  on_loop([&]() -> Task<void> {
    const std::size_t tasks = EventLoop::current().task_count();
    Connection connection(settings_at(server.url("connect_timeout_ms=3600000&command_timeout_ms=3600000")));
    auto waiting = spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(connection));
    while (EventLoop::current().task_count() < tasks + 4)
      co_await yield();  // caller, connector, reader, writer
    co_await connection.close();
    co_await waiting.wait();
    EXPECT_THAT(text(waiting.exception()), HasSubstr("closed by its owner"));
    EXPECT_EQ(EventLoop::current().task_count(), tasks);
  });
}

TEST(RedisConnection, DroppedItIsGreetedAnew) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    const Reply demoted = co_await connection.call(Command("REPLICAOF").arg("127.0.0.1").arg("1"));
    demoted.require_no_error("the test");
    auto waiting = spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(connection));
    co_await yield();  // it has begun, and no reply can have come
    connection.drop("it became a replica");
    co_await waiting.wait();
    EXPECT_THAT(text(waiting.exception()),
                HasSubstr("it became a replica; whether the command was applied is"));
    const std::string end = co_await end_of(connection.call(Command("PING")));
    EXPECT_THAT(end, HasSubstr("the server is a replica"));
  });
}

TEST(RedisConnection, MayOutliveItsLoop) {
  const RedisServer server;
  Connection connection(settings_at(server.url()));
  on_loop([&]() -> Task<void> {
    (void)co_await connection.connect();
    (void)spawn([](Connection& of) { return of.call(Command("BLPOP").arg("none").arg(0)); },
                std::ref(connection));
    co_await ticks(3);
  });
  EXPECT_FALSE(connection.connected());
}

TEST(RedisConnection, DestroyedWhileCallsWait) {
  const RedisServer server({}, RedisServer::Start::later);
  on_loop([&]() -> Task<void> {
    auto connection = std::make_unique<Connection>(settings_at(server.url()));
    auto waiting = spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(*connection));
    co_await ticks(3);
    connection.reset();
    co_await waiting.wait();
    EXPECT_THAT(text(waiting.exception()), HasSubstr("closed by its owner"));
  });
}

TEST(RedisConnection, ACancelledCallComesOutAtOnceAndTheNextGetsItsOwnReply) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    Connection other(settings_at(server.url()));
    (void)co_await connection.connect();
    auto blocked = spawn([](Connection& of) { return of.call(Command("BLPOP").arg("list").arg(0)); },
                         std::ref(connection));
    auto behind = spawn([](Connection& of) { return of.call(Command("PING")); }, std::ref(connection));
    co_await ticks(3);
    blocked.cancel();
    co_await blocked.wait();
    EXPECT_TRUE(blocked.cancelled());
    EXPECT_FALSE(behind.done());
    (void)co_await other.call(Command("RPUSH").arg("list").arg("item"));
    EXPECT_EQ((co_await behind).string(), "PONG");
    EXPECT_EQ(connection.connections(), 1U);
  });
}

}  // namespace
}  // namespace coterie::brokers::redis

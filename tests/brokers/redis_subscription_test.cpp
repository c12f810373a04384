#include "src/brokers/redis/subscription.hpp"

#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/locator.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using namespace coterie::test;
using broker_suite::RedisServer;
using ::testing::HasSubstr;

/// A subscription, and what it was told, to be waited for.
struct Listener {
  explicit Listener(const Settings& settings, Duration ping_every = 10s)
      : subscription(
            std::in_place, settings, "news",
            [this](std::string_view payload) { heard.put_nowait(std::string(payload)); },
            [this] { heard.put_nowait("(connected)"); }, ping_every) {}
  Queue<std::string> heard;
  std::optional<Subscription> subscription;
};

Task<void> publish(Connection& by, std::string text) {
  const Reply listeners = co_await by.call(Command("PUBLISH").arg("news").arg(text));
  EXPECT_EQ(listeners.integer(), 1);
}

TEST(RedisSubscription, HearsItsChannelInOrder) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    Listener listener(settings_at(server.url()));
    EXPECT_EQ(co_await listener.heard.get(), "(connected)");
    EXPECT_TRUE(listener.subscription->listening());
    const Reply nobody = co_await connection.call(Command("PUBLISH").arg("other").arg("x"));
    EXPECT_EQ(nobody.integer(), 0);
    co_await publish(connection, "one");
    co_await publish(connection, std::string("two\0\r\n", 6));
    EXPECT_EQ(co_await listener.heard.get(), "one");
    EXPECT_EQ(co_await listener.heard.get(), std::string("two\0\r\n", 6));
    co_await listener.subscription->close();
    EXPECT_FALSE(listener.subscription->listening());
  });
}

TEST(RedisSubscription, ListensAgainAfterTheServerWasKilled) {
  RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    Listener listener(settings_at(server.url()));
    for (const std::string text : {"first", "second", "third"}) {
      EXPECT_EQ(co_await listener.heard.get(), "(connected)");
      co_await publish(connection, text);
      EXPECT_EQ(co_await listener.heard.get(), text);
      server.restart();
      while (connection.connected()) co_await yield();  // until the loss is seen
    }
  });
}

TEST(RedisSubscription, BeginsBeforeThereIsAServer) {
  RedisServer server({}, RedisServer::Start::later);
  on_loop([&]() -> Task<void> {
    Listener listener(settings_at(server.url()));
    while (listener.subscription->last_error().empty()) co_await yield();
    EXPECT_THAT(listener.subscription->last_error(), HasSubstr("is a Redis server running there?"));
    server.start();
    EXPECT_EQ(co_await listener.heard.get(), "(connected)");
    EXPECT_EQ(listener.subscription->last_error(), "");
  });
}

TEST(RedisSubscription, NoticesAServerThatHangs) {
  RedisServer server;
  on_loop([&]() -> Task<void> {
    Listener listener(settings_at(server.url("connect_timeout_ms=50")), 50ms);
    EXPECT_EQ(co_await listener.heard.get(), "(connected)");
    server.freeze();
    while (listener.subscription->listening()) co_await yield();
    EXPECT_THAT(listener.subscription->last_error(), HasSubstr("no sign of life within 0.05 s"));
    server.thaw();
    EXPECT_EQ(co_await listener.heard.get(), "(connected)");
  });
}

TEST(RedisSubscription, APingKeepsAQuietOneAlive) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    Listener listener(settings_at(server.url()), 200ms);
    EXPECT_EQ(co_await listener.heard.get(), "(connected)");
    for (std::string pings; pings.find("cmdstat_ping:calls=3") == std::string::npos;) {
      Reply info = co_await connection.call(Command("INFO").arg("commandstats"));
      pings = info.take_string();
    }
    EXPECT_TRUE(listener.heard.empty());
    EXPECT_TRUE(listener.subscription->listening());
  });
}

TEST(RedisSubscription, SaysWhatTheServerRefuses) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection admin(settings_at(server.url()));
    (void)co_await admin.call(
        Command("ACL").arg("SETUSER").arg("deaf").arg("on").arg(">pw").arg("+@all").arg("resetchannels"));
    Listener listener(settings_at(server.url("user=deaf&password=pw")));
    while (listener.subscription->last_error().empty()) co_await yield();
    EXPECT_THAT(listener.subscription->last_error(),
                HasSubstr("user 'deaf' may not subscribe to 'news': allow it, as by ACL SETUSER … &news"));
    Listener wrong(settings_at(server.url("user=deaf&password=no")));
    while (wrong.subscription->last_error().empty()) co_await yield();
    EXPECT_THAT(wrong.subscription->last_error(), HasSubstr("wrong password for user 'deaf'"));
  });
}

TEST(RedisSubscription, OfAListenerHearsWhatIsPublishedToItsShard) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(server.url()));
    redis::Listener listener(make_locator(settings_at(server.url())));
    Queue<std::string> heard;
    const auto hear = [&heard](std::string_view payload) { heard.put_nowait(std::string(payload)); };
    const auto connected = [&heard] { heard.put_nowait("(connected)"); };
    std::unique_ptr<Subscription> subscription = listener.listen("news", hear, connected);
    EXPECT_EQ(co_await heard.get(), "(connected)");
    EXPECT_TRUE(listener.hears_all());
    const Reply nobody = co_await connection.call(Command("PUBLISH").arg("news").arg("x"));
    EXPECT_EQ(nobody.integer(), 0);
    const Reply one = co_await connection.call(Command("SPUBLISH").arg("news").arg("y"));
    EXPECT_EQ(one.integer(), 1);
    EXPECT_EQ(co_await heard.get(), "y");
    subscription.reset();
    for (Reply left; left.is_nil() || left.integer() != 0;)
      left = co_await connection.call(Command("SPUBLISH").arg("news").arg("z"));
    EXPECT_TRUE(heard.empty());
    co_await listener.close();
  });
}

TEST(RedisSubscription, OfAListenerSaysWhatTheServerRefuses) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Connection admin(settings_at(server.url()));
    (void)co_await admin.call(
        Command("ACL").arg("SETUSER").arg("deaf").arg("on").arg(">pw").arg("+@all").arg("&news").arg(
            "-ssubscribe"));
    redis::Listener listener(make_locator(settings_at(server.url("user=deaf&password=pw"))));
    const std::unique_ptr<Subscription> subscription = listener.listen("news", nullptr, nullptr);
    while (subscription->last_error().empty()) co_await yield();
    EXPECT_THAT(subscription->last_error(), HasSubstr("user 'deaf' may not subscribe to 'news'"));
    EXPECT_THAT(subscription->last_error(), HasSubstr("ACL SETUSER … &news +ssubscribe"));
    co_await listener.close();
  });
}

TEST(RedisSubscription, MayBeDestroyedByItsOwnCallback) {
  const RedisServer server;
  on_loop([&]() -> Task<void> {
    Event gone;
    std::optional<Subscription> subscription;
    subscription.emplace(settings_at(server.url()), "news", nullptr, [&] {
      subscription.reset();
      gone.set();
    });
    co_await gone.wait();
    EXPECT_FALSE(subscription.has_value());
  });
}

}  // namespace
}  // namespace coterie::brokers::redis

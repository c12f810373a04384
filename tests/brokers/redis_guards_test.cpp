// Those that were told of a job may be stopped: who looks then, and how they are called off.
#include "tests/brokers/redis_sleepers.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

class RedisGuardsTest : public RedisWakesTest {
 public:
  /// So many workers asleep, in that order.
  static Task<void> fall_asleep(Broker& at, std::vector<Sleeper>& all, std::size_t count) {
    all = std::vector<Sleeper>(count);
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
  }
  /// While this thread's loop runs.
  std::int64_t eval(const std::string& lua) {
    std::int64_t number = 0;
    std::thread([&] {
      coterie::brokers::redis::Command command("EVAL");
      command.arg(lua).arg(0);
      number = broker_suite::administer(server_.url(), std::move(command)).integer();
    }).join();
    return number;
  }
  /// Workers that are still to look at something.
  std::int64_t guards() {
    return eval(
        "local n = 0 for _, key in ipairs(redis.call('KEYS', '{coterie:0}w*')) do "
        "n = n + redis.call('HEXISTS', key, 'g') end return n");
  }
  /// Whatever is guarded stays so, however slow this machine is: the server's own clock would end it
  /// after 1.2 s.
  void stop_the_clock_of_guards() {
    eval(
        "for _, key in ipairs(redis.call('KEYS', '{coterie:0}G*')) do redis.call('PERSIST', key) end return "
        "0");
  }
  /// Streams at which somebody is to look.
  std::int64_t guarded() { return eval("return #redis.call('KEYS', '{coterie:0}G*')"); }
};

// As if they were stopped: they hear it, and never ask.
TEST_F(RedisGuardsTest, WhereThoseThatAreToldDoNotComeEachOfTheOthersLooks) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  await([](RedisGuardsTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    co_await fall_asleep(at, all, 6);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    EXPECT_EQ(test.guards(), 4) << "all that were not told";
    for (Sleeper& sleeper : all) {
      const bool told = co_await sleeper.told();
      EXPECT_TRUE(told);
    }
    CycleReply got = co_await at.cycle(all[5].ask());
    EXPECT_EQ(got.leases.size(), 1U);
  }(*this, *broker, sleepers));
}

TEST_F(RedisGuardsTest, TheFirstThatFindsNothingCallsOffTheOthers) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  await([](RedisGuardsTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    co_await fall_asleep(at, all, 6);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    test.stop_the_clock_of_guards();
    CycleReply got = co_await at.cycle(all[0].ask());
    EXPECT_EQ(got.leases.size(), 1U);
    EXPECT_EQ(test.guards(), 4) << "who was told does not look after them";
    const CycleReply looked = co_await at.cycle(all[3].ask());
    EXPECT_TRUE(looked.leases.empty());
    EXPECT_EQ(test.guards(), 0);
    EXPECT_EQ(test.guarded(), 0);
    for (std::size_t i = 1; i < all.size(); ++i) all[i].stop();
  }(*this, *broker, sleepers));
}

// A worker that has looked may be asked again; one that is stopped would only stand in the way.
TEST_F(RedisGuardsTest, WhoWasAskedAndHasNotLookedIsNotAskedForTheSameAgain) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  await([](RedisGuardsTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    co_await fall_asleep(at, all, 6);
    std::vector<JobSpec> first{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(first));
    test.stop_the_clock_of_guards();
    EXPECT_EQ(test.guards(), 4);
    // As when its time is over.
    EXPECT_EQ(test.eval("return redis.call('DEL', unpack(redis.call('KEYS', '{coterie:0}G*')))"), 1);
    Sleeper fresh;
    CycleReply got = co_await at.cycle(fresh.ask());
    EXPECT_EQ(got.leases.size(), 1U);
    co_await fresh.fall_asleep(at);
    std::vector<JobSpec> second{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(second));
    test.stop_the_clock_of_guards();
    EXPECT_EQ(test.guards(), 5) << "the four, of whom two were told now, and the new one";
    EXPECT_EQ(test.eval("return redis.call('STRLEN', redis.call('KEYS', '{coterie:0}G*')[1])"), 16);
    for (Sleeper& sleeper : all) sleeper.stop();
    fresh.stop();
  }(*this, *broker, sleepers));
}

TEST_F(RedisGuardsTest, WhereThoseThatAreToldOfAnEarlierTimeDoNotComeOthersLookThen) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  await([](RedisGuardsTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    co_await fall_asleep(at, all, 5);
    std::vector<JobSpec> late{BrokerSuite::job()};
    late[0].delay = 1h;
    (void)co_await at.enqueue(std::move(late));
    test.stop_the_clock_of_guards();
    EXPECT_EQ(test.guards(), 3);
    const UnixMillis due = test.wall() + Milliseconds(1h).count();
    for (const std::size_t i : {2U, 3U}) {
      const bool told = co_await all[i].told();
      EXPECT_TRUE(told);
      co_await all[i].fall_asleep(at);
      EXPECT_EQ(all[i].next_due(), due);
    }
    EXPECT_EQ(test.guards(), 0) << "two look then, so the last need not";
    for (Sleeper& sleeper : all) sleeper.stop();
  }(*this, *broker, sleepers));
}

}  // namespace
}  // namespace broker_suite

// What processes that have little to do send to Redis.
#include <thread>

#include "tests/brokers/redis_fixture.hpp"
#include "tests/brokers/thread_loop.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

class RedisIdleTest : public RedisBrokerTest {
 protected:
  void SetUp() override {
    if (this_process().empty()) GTEST_SKIP() << "no /proc here";
  }
  /// How often clients sent a command that no script calls.
  std::int64_t sent(const std::string& command) {
    const std::string stats = administer("INFO commandstats").string();
    const std::string mark = "cmdstat_" + command + ":calls=";
    const std::size_t at = stats.find(mark);
    // Each look's own connection begins with a script.
    const std::int64_t own = command == "evalsha" ? ++looks_ : 0;
    return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size())) - own;
  }
  void beat(Broker& broker, TestWorker& worker) {
    clock_.advance(10s);
    EXPECT_TRUE(await(broker.cycle(worker.next(1))).leases.empty());
  }
  std::int64_t looks_ = 0;
};

TEST_F(RedisIdleTest, AProcessWithNothingToDoSendsOneScriptABeat) {
  const auto broker = open();
  TestWorker worker("idle", this_process());
  beat(*broker, worker);
  const std::int64_t looked = sent("hgetall");
  EXPECT_EQ(looked, 1) << "it has looked for the gone when it began";
  looks_ = 0;
  const std::int64_t scripts = sent("evalsha");
  for (int i = 0; i < 12; ++i) beat(*broker, worker);
  EXPECT_EQ(sent("evalsha"), scripts + 12);
  EXPECT_EQ(sent("hgetall"), looked);
  EXPECT_EQ(sent("ping"), 0);
}

TEST_F(RedisIdleTest, WhileSomebodyHoldsALeaseItLooksForTheGone) {
  const auto broker = open();
  enqueue(*broker, {BrokerSuite::job()});
  TestWorker holder("holder");
  holder.lease = 1h;
  (void)take_one(*broker, holder);
  TestWorker worker("idle", this_process());
  beat(*broker, worker);
  const std::int64_t looked = sent("hgetall");
  for (int i = 0; i < 3; ++i) beat(*broker, worker);
  EXPECT_EQ(sent("hgetall"), looked + 3);
}

TEST_F(RedisIdleTest, TheMoreNeighboursTheMoreSeldomEachLooksForTheGone) {
  const auto broker = open();
  for (int i = 0; i < 300; ++i) {
    TestWorker neighbour("neighbour", this_process());
    (void)await(broker->cycle(neighbour.next()));
  }
  enqueue(*broker, {BrokerSuite::job()});
  TestWorker worker("busy", this_process());
  const Lease lease = take_one(*broker, worker);
  clock_.advance(10s);
  const std::int64_t looked = sent("hgetall");
  for (int second = 0; second < 12; ++second) {
    CycleRequest request = worker.next();
    request.alive.emplace_back(lease.ref);
    (void)await(broker->cycle(std::move(request)));
    clock_.advance(1s);
  }
  EXPECT_EQ(sent("hgetall"), looked + 3) << "three seconds and a little for 301, and the first at once";
}

TEST_F(RedisIdleTest, AWorkerThatListensLooksOnceForQuestionsAndNotAgainBecauseItsTimeIsOver) {
  const auto broker = open();
  WorkerReport report;
  report.worker = TestWorker("idle").ref();
  const Uuid who = report.worker.incarnation;
  await(broker->announce(report));
  std::thread answers([&] {  // from then on it is connected to where it hears of them
    ThreadLoop loop;
    const std::vector<Question> asked = loop.run(broker->questions(who, 1min));
    ASSERT_EQ(asked.size(), 1U);
    loop.run(broker->answer(who, asked[0].id, WorkerAnswer(Asked::answered, "pong")));
  });
  ThreadLoop loop;
  EXPECT_EQ(loop.run(open()->ask(who, "ping", longest_wait)).text, "pong");
  answers.join();
  const std::int64_t looked = sent("hgetall");
  EXPECT_TRUE(loop.run(broker->questions(who, 1ms)).empty());
  EXPECT_EQ(sent("hgetall"), looked + 1);
}

// Who works for longer than the list is kept would not be looked for when it is killed.
TEST_F(RedisIdleTest, ALookKeepsTheListOfProcessesForAnotherWeek) {
  const auto broker = open();
  enqueue(*broker, {BrokerSuite::job()});
  TestWorker worker("busy", this_process());
  const Lease lease = take_one(*broker, worker);
  const std::string list = administer("KEYS {coterie:0}W*").at(0).string();
  EXPECT_EQ(administer("PEXPIRE " + list + " 60000").integer(), 1);
  clock_.advance(10s);
  CycleRequest request = worker.next();
  request.alive.emplace_back(lease.ref);
  (void)await(broker->cycle(std::move(request)));
  EXPECT_GT(administer("PTTL " + list).integer(), Milliseconds(6 * 24h).count());
}

}  // namespace
}  // namespace broker_suite

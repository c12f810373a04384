// Who is told of what, by a broker on Redis: as many sleeping workers as there is work for, and one more.
#include "src/brokers/redis/wakes.hpp"

#include "tests/brokers/redis_sleepers.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

TEST_F(RedisWakesTest, AJobTellsTwoOfManyWorkers) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers(10);
  await([](RedisWakesTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    EXPECT_EQ(test.asleep(), 10);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    // Those that have slept longest.
    const bool first = co_await all[0].told();
    const bool second = co_await all[1].told();
    EXPECT_TRUE(first && second);
    EXPECT_EQ(test.asleep(), 8);
    CycleReply got = co_await at.cycle(all[0].ask());
    EXPECT_EQ(got.leases.size(), 1U);
    co_await all[1].fall_asleep(at);  // one too many were told, and this one is written down again
    EXPECT_EQ(test.asleep(), 9);
    for (std::size_t i = 1; i < all.size(); ++i) {
      EXPECT_FALSE(all[i].done());
      all[i].stop();
    }
  }(*this, *broker, sleepers));
}

TEST_F(RedisWakesTest, AJobTellsOnlyWhoHasAHandlerForIt) {
  const auto broker = open_listening();
  Sleeper paints({"paint"});
  Sleeper sings({"sing"});
  Sleeper anything;
  await([](RedisWakesTest& test, Broker& at, Sleeper& one, Sleeper& other, Sleeper& any) -> Task<void> {
    co_await one.fall_asleep(at);
    co_await other.fall_asleep(at);
    co_await any.fall_asleep(at);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    specs[0].name = "sing";
    (void)co_await at.enqueue(std::move(specs));
    const bool second = co_await other.told();
    const bool third = co_await any.told();
    EXPECT_TRUE(second && third);
    EXPECT_EQ(test.asleep(), 1);
    EXPECT_FALSE(one.done());
    one.stop();
  }(*this, *broker, paints, sings, anything));
}

TEST_F(RedisWakesTest, WorkersWhoseProcessIsGoneArePassedOver) {
  Sleeper gone[2];
  {
    const auto lost = open_listening();
    await([](Broker& at, Sleeper* both) -> Task<void> {
      for (Sleeper* each : {both, both + 1}) {
        co_await each->fall_asleep(at);
        each->stop();
      }
    }(*lost, gone));
  }
  const auto broker = open_listening();
  Sleeper here;
  await([](Broker& at, Sleeper& sleeper) -> Task<void> {
    co_await sleeper.fall_asleep(at);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    const bool told = co_await sleeper.told();
    EXPECT_TRUE(told);
  }(*broker, here));
}

TEST_F(RedisWakesTest, WorkersThatWereToldAreNotToldAgainInPlaceOfOthers) {
  const auto broker = open_listening();
  Sleeper silent[2] = {Sleeper({"a", "b"}), Sleeper({"a", "b"})};
  Sleeper awake({"b"});
  await([](Broker& at, Sleeper* both, Sleeper& third) -> Task<void> {
    for (Sleeper* each : {both, both + 1}) co_await each->fall_asleep(at);
    co_await third.fall_asleep(at);
    std::vector<JobSpec> first{BrokerSuite::job()};
    first[0].name = "a";
    (void)co_await at.enqueue(std::move(first));
    for (Sleeper* each : {both, both + 1}) {
      const bool told = co_await each->told();
      EXPECT_TRUE(told);  // and now they hang
    }
    std::vector<JobSpec> second{BrokerSuite::job()};
    second[0].name = "b";
    (void)co_await at.enqueue(std::move(second));
    const bool told = co_await third.told();
    EXPECT_TRUE(told);
  }(*broker, silent, awake));
}

TEST_F(RedisWakesTest, WhatAWorkerIsToldThatHasEndedIsPassedOn) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers(3);
  await([](Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    for (const std::size_t i : {0U, 1U}) co_await all[i].end();
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    const bool told = co_await all[2].told();
    EXPECT_TRUE(told);
  }(*broker, sleepers));
}

// As a worker that drains, or runs empty for a suspect, when the message comes.
TEST_F(RedisWakesTest, WhatAWorkerIsToldThatWantsNothingAnyMoreTellsAnother) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers(3);
  await([](Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    for (const std::size_t i : {0U, 1U}) {
      const bool told = co_await all[i].told();
      EXPECT_TRUE(told);
      (void)co_await at.cycle(all[i].ask(0));
    }
    const bool told = co_await all[2].told();
    EXPECT_TRUE(told);
  }(*broker, sleepers));
}

TEST_F(RedisWakesTest, DeadWorkersAreForgottenAfterALease) {
  const auto broker = open_listening();
  Sleeper here;
  await([](RedisWakesTest& test, Broker& at, Sleeper& sleeper) -> Task<void> {
    for (int i = 0; i < 1000; ++i) {
      Sleeper dead;
      CycleRequest request = dead.ask();
      (void)co_await at.cycle(std::move(request));
    }
    EXPECT_EQ(test.asleep(), 1000);
    test.pass_a_lease();
    co_await sleeper.fall_asleep(at);
    EXPECT_EQ(test.asleep(), 1);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    const bool told = co_await sleeper.told();
    EXPECT_TRUE(told);
  }(*this, *broker, here));
}

TEST_F(RedisWakesTest, WhatATakeLeavesBehindTellsAnother) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers;
  for (int i = 0; i < 3; ++i) sleepers.emplace_back(std::vector<std::string>{"noop"});
  await([](RedisWakesTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    std::vector<JobSpec> specs{BrokerSuite::job()};
    (void)co_await at.enqueue(std::move(specs));
    for (const std::size_t i : {0U, 1U}) {
      const bool told = co_await all[i].told();
      EXPECT_TRUE(told);
    }
    std::vector<JobSpec> more{BrokerSuite::job("elsewhere"), BrokerSuite::job(), BrokerSuite::job()};
    more[0].priority = 9;  // in front of the queue, and for nobody here
    test.ask("EVAL redis.call('RENAME','{coterie:0}A','{coterie:0}B')return(1) 0");  // as if this enqueue had
                                                                                     // found nobody
    (void)co_await at.enqueue(std::move(more));
    test.ask("EVAL redis.call('RENAME','{coterie:0}B','{coterie:0}A')return(1) 0");
    CycleReply got = co_await at.cycle(all[0].ask());
    EXPECT_EQ(got.leases.size(), 1U);
    const bool told = co_await all[2].told();
    EXPECT_TRUE(told);
  }(*this, *broker, sleepers));
}

// The two that would have looked may be those in whose place it has come.
TEST_F(RedisWakesTest, OneThatIsNewLooksItselfWhenTheNextJobIsDue) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers(3);
  await([](RedisWakesTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    std::vector<JobSpec> late{BrokerSuite::job()};
    late[0].delay = 1h;
    (void)co_await at.enqueue(std::move(late));
    for (Sleeper& sleeper : all) {
      const CycleReply reply = co_await at.cycle(sleeper.ask());
      EXPECT_EQ(reply.next_due, test.wall() + Milliseconds(1h).count());
    }
    const CycleReply third = co_await at.cycle(all[2].ask());
    EXPECT_EQ(third.next_due, test.wall() + Milliseconds(1h + 1s).count())
        << "two look, now that it has been here before, and it stands in for them a second later";
  }(*this, *broker, sleepers));
}

TEST_F(RedisWakesTest, TwoLookWhenTheNextJobIsDueSixASecondLaterAndTheOthersSleepOn) {
  const auto broker = open_listening();
  std::vector<Sleeper> sleepers(10);
  await([](RedisWakesTest& test, Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) (void)co_await at.cycle(sleeper.ask());  // not their first time
    std::vector<JobSpec> late{BrokerSuite::job()};
    late[0].delay = 1h;
    (void)co_await at.enqueue(std::move(late));
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
    const UnixMillis due = test.wall() + Milliseconds(1h).count();
    EXPECT_EQ(all[0].next_due(), due);
    EXPECT_EQ(all[1].next_due(), due);
    for (std::size_t i = 2; i < 8; ++i) EXPECT_EQ(all[i].next_due(), due + 1000) << i;
    EXPECT_EQ(all[8].next_due(), 0);
    EXPECT_EQ(all[9].next_due(), 0);
    // One that is due before that is told of.
    std::vector<JobSpec> early{BrokerSuite::job()};
    early[0].delay = 1min;
    (void)co_await at.enqueue(std::move(early));
    for (const std::size_t i : {0U, 1U}) {
      const bool told = co_await all[i].told();
      EXPECT_TRUE(told);
      co_await all[i].fall_asleep(at);
      EXPECT_EQ(all[i].next_due(), test.wall() + Milliseconds(1min).count());
    }
    // Who was to look is busy now: others are told to look instead.
    for (const std::size_t i : {0U, 1U}) {
      std::vector<JobSpec> work{BrokerSuite::job()};
      (void)co_await at.enqueue(std::move(work));
      CycleReply got = co_await at.cycle(all[i].ask());
      EXPECT_EQ(got.leases.size(), 1U);
    }
    for (const std::size_t i : {2U, 3U}) {
      const bool told = co_await all[i].told();
      EXPECT_TRUE(told);
    }
    for (Sleeper& sleeper : all) sleeper.stop();
  }(*this, *broker, sleepers));
}

// As where the program unwinds, and its tasks have still to be cancelled.
TEST_F(RedisWakesTest, ABrokerMayGoWhileSomebodyStillWaitsForACallOfIt) {
  std::vector<Sleeper> sleepers(3);
  auto broker = open_listening();
  await([](Broker& at, std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.fall_asleep(at);
  }(*broker, sleepers));
  broker.reset();
  await([](std::vector<Sleeper>& all) -> Task<void> {
    for (Sleeper& sleeper : all) co_await sleeper.end();
  }(sleepers));
}

// The user that is advised may publish on the namespace's channels and no others.
TEST_F(RedisWakesTest, ACancelOfAJobWhoseWorkerListensNowhereIsNoError) {
  std::string advice = coterie::brokers::redis::acl_of_own_user(
      coterie::brokers::redis::settings_of(coterie::brokers::parse_broker_url(server_.url("user=ann"))));
  administer(advice.replace(advice.find(">…"), std::string(">…").size(), ">pw"));
  const auto broker = open("user=ann&password=pw");
  const JobSpec spec = BrokerSuite::job();
  enqueue(*broker, {spec});
  TestWorker worker;
  (void)take_one(*broker, worker);
  EXPECT_EQ(await(broker->cancel({spec.id}))[0], CancelResult::requested);
}

TEST_F(RedisWakesTest, ACancelTellsTheWorkerThatRunsTheJob) {
  const auto broker = open_listening();
  Sleeper runs;
  await([](Broker& at, Sleeper& worker) -> Task<void> {
    std::vector<JobSpec> specs{BrokerSuite::job()};
    const JobId id = specs[0].id;
    (void)co_await at.enqueue(std::move(specs));
    CycleReply got = co_await at.cycle(worker.ask());
    EXPECT_EQ(got.leases.size(), 1U);
    co_await worker.fall_asleep(at);
    std::vector<JobId> ids{id};
    (void)co_await at.cancel(std::move(ids));
    const bool told = co_await worker.told();
    EXPECT_TRUE(told);
  }(*broker, runs));
}

}  // namespace
}  // namespace broker_suite

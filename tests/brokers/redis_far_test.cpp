// Jobs that wait for jobs in other shards, and whoever carries the news between shards is lost at any step.
#include <functional>
#include <memory>
#include <utility>

#include "coterie/run.hpp"
#include "src/brokers/redis/servers.hpp"
#include "src/brokers/redis/shards.hpp"
#include "tests/brokers/redis_shards.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using coterie::brokers::redis::bytes_of;
using coterie::brokers::redis::FarJob;
using coterie::brokers::redis::Letter;
using coterie::brokers::redis::Shards;

/// The steps between two shards, each by itself, so that whoever does them can be lost after any.
class RedisFarTest : public RedisShardsTest {
 protected:
  using Body = std::function<Task<void>(Shards& all)>;
  void with_shards(const Body& body) {
    namespace redis = coterie::brokers::redis;
    const redis::Settings settings =
        redis::settings_of(coterie::brokers::parse_broker_url(server_.url("shards=4")));
    const auto work = [](const redis::Settings& at, ClockSource clock, const Body& what) -> Task<void> {
      const std::unique_ptr<redis::Servers> servers = redis::make_servers(at);
      co_await servers->open();
      Shards all(*servers, Limits{}, std::move(clock));
      co_await all.open();
      co_await what(all);
      co_await servers->close();
      co_await all.close();
    };
    EXPECT_EQ(coterie::run(work(settings, clock_.source(), body)), 0);
  }
  /// The first `steps` of what is to be carried from a shard.
  static Task<void> carry(Shards& all, std::uint32_t from, int steps) {
    if (steps < 1) co_return;
    const std::vector<Letter> letters = co_await all.at(from).outbox(1s);
    EXPECT_EQ(letters.size(), 1U);
    for (const Letter& letter : letters) {
      if (steps < 2) co_return;
      const std::vector<Letter> one(1, letter);
      const std::string answer = co_await all.at(letter.to).deliver(from, one);
      if (steps < 3) co_return;
      co_await all.at(from).delivered(one, answer);
    }
  }
  /// Some seconds later a worker comes by that knows nothing of it.
  void somebody_works_later(Broker& broker) {
    clock_.advance(6s);
    TestWorker other;
    CycleRequest request = other.next(1);
    request.queues = {"nothing"};
    (void)await(broker.cycle(std::move(request)));
  }
  void expect_nothing_left_to_carry() {
    for (std::uint32_t shard = 0; shard < shards; ++shard)
      EXPECT_EQ(administer("EXISTS {coterie:" + std::to_string(shard) + "}X").integer(), 0)
          << "shard " << shard;
  }
};

TEST_F(RedisFarTest, AJobWaitsForJobsInOtherShards) {
  const auto broker = open("shards=4");
  const JobSpec here = job_in(0, "dependency");
  const JobSpec there = job_in(1, "dependency");
  const JobSpec far = job_in(2, "dependency");
  JobSpec last = job_in(1, "last");
  last.after = {here.id, there.id, far.id};
  enqueue(*broker, {far, here, there, last});
  EXPECT_EQ(await(broker->get({last.id}, false)).at(0)->waits_for, 3U);
  TestWorker worker;
  std::vector<Lease> leases = take(*broker, worker, 10);
  ASSERT_EQ(leases.size(), 3U);
  for (std::uint32_t left = 3; left > 0; --left) {
    EXPECT_EQ(state(*broker, last.id), JobState::blocked);
    EXPECT_EQ(await(broker->get({last.id}, false)).at(0)->waits_for, left);
    done(*broker, worker, leases[left - 1].ref, "1");
  }
  EXPECT_EQ(state(*broker, last.id), JobState::ready);
  expect_nothing_left_to_carry();
}

TEST_F(RedisFarTest, AnUnknownJobInAnotherShardIsRefusedBeforeAnythingIsWritten) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(1);
  JobSpec second = job_in(2);
  second.after = {job_in(3).id};
  EXPECT_THROW(enqueue(*broker, {first, second}), BadRequest);
  EXPECT_FALSE(await(broker->get({first.id}, false)).at(0));
}

/// Who enqueues may die in between, and nobody would ever let it go.
TEST_F(RedisFarTest, AJobIsNotThereBeforeThoseOfTheSameCallThatItWaitsFor) {
  damages_keys_ = true;
  const auto broker = open("shards=4");
  enqueue(*broker, {job_in(1)});
  const std::string ready = administer("KEYS {coterie:1}r*").at(0).string();
  const JobSpec first = job_in(1);
  JobSpec second = job_in(2);
  second.after = {first.id};
  JobSpec third = job_in(3);
  third.after = {second.id};
  administer("DEL " + ready);
  administer("SET " + ready + " damaged");
  EXPECT_ANY_THROW(enqueue(*broker, {first, second, third}));
  EXPECT_FALSE(await(broker->get({second.id}, false)).at(0));
  EXPECT_FALSE(await(broker->get({third.id}, false)).at(0));
  administer("DEL " + ready);
  enqueue(*broker, {first, second, third});
  EXPECT_EQ(state(*broker, first.id), JobState::ready);
  EXPECT_EQ(state(*broker, third.id), JobState::blocked);
}

TEST_F(RedisFarTest, WhoRegistersADependencyMayBeLostAfterAnyStep) {
  for (const int steps : {0, 1, 2, 3}) {
    for (const bool ended_meanwhile : {false, true}) {
      SCOPED_TRACE("lost after step " + std::to_string(steps) + (ended_meanwhile ? ", it ended then" : ""));
      administer("FLUSHALL");
      const auto broker = open("shards=4");
      const JobSpec first = job_in(0, "first");
      const JobSpec second = job_in(1, "second");
      enqueue(*broker, {first});
      TestWorker worker;
      const Lease lease = take_one(*broker, worker);
      with_shards([&](Shards& all) -> Task<void> {
        std::vector<JobSpec> jobs(1, second);
        std::vector<std::vector<FarJob>> far(1);
        far[0].emplace_back(0, first.id);
        (void)co_await all.at(1).enqueue_far(jobs, far);
        co_await carry(all, 1, steps);
      });
      EXPECT_EQ(state(*broker, second.id), JobState::blocked);
      if (ended_meanwhile) {
        EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
      }
      somebody_works_later(*broker);
      if (!ended_meanwhile) {
        EXPECT_EQ(state(*broker, second.id), JobState::blocked);
        EXPECT_EQ(done(*broker, worker, lease.ref, "1"), Verdict::accepted);
      }
      EXPECT_EQ(state(*broker, second.id), JobState::ready);
      expect_nothing_left_to_carry();
    }
  }
}

TEST_F(RedisFarTest, WhoTellsThatADependencyHasEndedMayBeLostAfterAnyStep) {
  for (const int steps : {0, 1, 2, 3}) {
    SCOPED_TRACE("lost after step " + std::to_string(steps));
    administer("FLUSHALL");
    const auto broker = open("shards=4");
    const JobSpec first = job_in(0, "first");
    JobSpec second = job_in(1, "second");
    second.after = {first.id};
    enqueue(*broker, {first, second});
    TestWorker worker;
    const Lease lease = take_one(*broker, worker);
    CycleRequest end = worker.next();
    end.done.emplace_back(lease.ref, "1");
    with_shards([&](Shards& all) -> Task<void> {
      coterie::brokers::redis::Turn turn;
      const CycleReply reply = co_await all.at(0).cycle(end, turn);
      EXPECT_EQ(reply.done.at(0), Verdict::accepted);
      co_await carry(all, 0, steps);
    });
    EXPECT_EQ(state(*broker, second.id), steps < 2 ? JobState::blocked : JobState::ready);
    somebody_works_later(*broker);
    EXPECT_EQ(state(*broker, second.id), JobState::ready);
    expect_nothing_left_to_carry();
  }
}

// What is carried twice, or comes late, frees nobody who still waits for another one.
TEST_F(RedisFarTest, ALetterThatComesAgainChangesNothing) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(0, "first");
  const JobSpec other = job_in(2, "other");
  JobSpec last = job_in(1, "last");
  last.after = {first.id, other.id};
  enqueue(*broker, {first, other, last});
  EXPECT_EQ(await(broker->cancel({first.id})).at(0), CancelResult::cancelled);
  const std::string ended =
      "E" + std::string(bytes_of(last.id)) + std::string("\1\0", 2) + std::string(bytes_of(first.id));
  with_shards([&](Shards& all) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const std::vector<Letter> letters(1, Letter(1, ended));
      const std::string answer = co_await all.at(1).deliver(0, letters);
      EXPECT_EQ(answer, "o");
    }
  });
  EXPECT_EQ(state(*broker, last.id), JobState::blocked);
  EXPECT_EQ(await(broker->cancel({other.id})).at(0), CancelResult::cancelled);
  EXPECT_EQ(state(*broker, last.id), JobState::ready);
}

// A batch goes to its shards at once, so the other's part may be written later, or never.
TEST_F(RedisFarTest, AJobWaitsForOneThatIsNotWrittenYet) {
  const auto broker = open("shards=4");
  const JobSpec first = job_in(0, "first");
  const JobSpec second = job_in(1, "second");
  with_shards([&](Shards& all) -> Task<void> {
    std::vector<JobSpec> jobs(1, second);
    std::vector<std::vector<FarJob>> far(1);
    far[0].emplace_back(0, first.id);
    (void)co_await all.at(1).enqueue_far(jobs, far);
    co_await carry(all, 1, 3);
  });
  EXPECT_EQ(state(*broker, second.id), JobState::blocked);
  enqueue(*broker, {first});
  somebody_works_later(*broker);
  somebody_works_later(*broker);
  EXPECT_EQ(state(*broker, second.id), JobState::blocked);
  EXPECT_EQ(await(broker->cancel({first.id})).at(0), CancelResult::cancelled);
  EXPECT_EQ(state(*broker, second.id), JobState::ready);
}

}  // namespace
}  // namespace broker_suite

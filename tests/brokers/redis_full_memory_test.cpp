// A server at its maxmemory: jobs go on to end, and what that stores is bounded.
#include <cstdint>

#include "coterie/queue/client.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::size_t kib = 1024;

class RedisFullMemory : public RedisBrokerTest {
 protected:
  std::int64_t used() {
    const std::string memory = administer("INFO memory").string();
    return std::stoll(memory.substr(memory.find("\nused_memory:") + 13));
  }
  void leave_room(std::int64_t bytes) {
    limit_ = used() + bytes;
    administer("CONFIG SET maxmemory " + std::to_string(limit_));
  }
  /// Connections come and go, and are memory too.
  void leave_none() { leave_room(-std::int64_t{256 * kib}); }
  std::vector<Lease> enqueue_and_take(Broker& broker, std::size_t count, Milliseconds result_ttl = 24h) {
    std::vector<JobSpec> specs(count);
    for (JobSpec& spec : specs) {
      spec = BrokerSuite::job();
      spec.result_ttl = result_ttl;
      spec.max_attempts = 2;
    }
    await(broker.enqueue(specs));
    return await(broker.cycle(worker_.next(static_cast<std::uint32_t>(count)))).leases;
  }
  static std::string result_of(std::size_t bytes) { return '"' + std::string(bytes - 2, 'r') + '"'; }
  JobInfo info(Broker& broker, const JobId& id) { return await(broker.get({id}, true)).at(0).value(); }

  TestWorker worker_;
  std::int64_t limit_ = 0;
};

TEST_F(RedisFullMemory, ResultsThatFindNoRoomAreDroppedAndSaidToBe) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 60);
  ASSERT_EQ(leases.size(), 60U);
  leave_room(2048 * std::int64_t{kib});
  const std::string large = result_of(64 * kib);
  for (std::size_t from = 0; from < leases.size(); from += 10) {
    CycleRequest request = worker_.next();
    for (std::size_t i = from; i < from + 10; ++i) request.done.emplace_back(leases[i].ref, large);
    EXPECT_EQ(await(broker->cycle(std::move(request))).done, std::vector<Verdict>(10, Verdict::accepted));
  }
  EXPECT_LE(used(), limit_);
  std::size_t dropped = 0;
  for (const Lease& lease : leases) {
    const JobInfo ended = info(*broker, lease.ref.id);
    EXPECT_EQ(ended.state, JobState::done);
    if (!ended.result.empty()) continue;
    ++dropped;
    EXPECT_EQ(ended.error.value().type, "result dropped");
    EXPECT_THAT(ended.error->message, HasSubstr("the broker's memory was full: raise its maxmemory"));
  }
  EXPECT_GT(dropped, 25U) << "two MiB are room for 32";
  EXPECT_LT(dropped, 60U) << "there was room for some";
}

TEST_F(RedisFullMemory, TheClientSaysThatAResultWasDropped) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 1);
  leave_none();
  EXPECT_EQ(done(*broker, worker_, leases.at(0).ref, result_of(kib)), Verdict::accepted);
  Client client(broker);
  EXPECT_THAT(refusal<ResultDropped>([&] { await(client.result_text(leases[0].ref.id)); }),
              HasSubstr(leases[0].ref.id.str() + ": the job is done, but its result was not stored"));
}

TEST_F(RedisFullMemory, AModestResultIsStoredAllTheSame) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 2);
  leave_none();
  CycleRequest request = worker_.next();
  request.done.emplace_back(leases.at(0).ref, result_of(100));
  request.done.emplace_back(leases.at(1).ref, result_of(5 * kib));
  EXPECT_EQ(await(broker->cycle(std::move(request))).done, std::vector<Verdict>(2, Verdict::accepted));
  EXPECT_EQ(info(*broker, leases[0].ref.id).result, result_of(100));
  EXPECT_EQ(info(*broker, leases[1].ref.id).result, "");
}

TEST_F(RedisFullMemory, WhatIsDueIsForgottenBeforeAResultIsDropped) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 11, 1s);
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_EQ(done(*broker, worker_, leases.at(i).ref, result_of(100 * kib)), Verdict::accepted);
  clock_.advance(2s);
  leave_room(0);
  EXPECT_EQ(done(*broker, worker_, leases[10].ref, result_of(100 * kib)), Verdict::accepted);
  EXPECT_EQ(info(*broker, leases[10].ref.id).result, result_of(100 * kib));
  EXPECT_LE(used(), limit_);
}

TEST_F(RedisFullMemory, ALongErrorIsCutBetweenCharacters) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 1);
  leave_none();
  std::string message(254, 'e');
  for (int i = 0; i < 5'000; ++i) message += "\u20ac";
  CycleRequest request = worker_.next();
  request.failed.emplace_back(leases.at(0).ref, FailKind::retry, JobError("exception", message));
  EXPECT_EQ(await(broker->cycle(std::move(request))).failed, std::vector{Verdict::accepted});
  const std::string cut = std::string(254, 'e') + " (cut: the memory is full)";
  EXPECT_EQ(info(*broker, leases[0].ref.id).error.value().message, cut);
  EXPECT_EQ(info(*broker, leases[0].ref.id).attempts.at(0).error.message, cut);
}

TEST_F(RedisFullMemory, OfTheAttemptsThatFailedTheNewestTakesThePlaceOfTheOneBefore) {
  const auto broker = open();
  Lease lease = enqueue_and_take(*broker, 1).at(0);
  const auto fail = [&](const char* message) {
    CycleRequest request = worker_.next();
    request.failed.emplace_back(lease.ref, FailKind::retry, JobError("exception", message));
    request.failed.back().delay = 0ms;
    EXPECT_EQ(await(broker->cycle(std::move(request))).failed, std::vector{Verdict::accepted});
  };
  fail("first");
  lease = take_one(*broker, worker_);
  leave_none();
  fail("second");
  const std::vector<Attempt> kept = info(*broker, lease.ref.id).attempts;
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].error.message, "second");
}

TEST_F(RedisFullMemory, WhereThereIsNoLimitNothingIsDropped) {
  const auto broker = open();
  const std::vector<Lease> leases = enqueue_and_take(*broker, 1);
  EXPECT_EQ(done(*broker, worker_, leases.at(0).ref, result_of(512 * kib)), Verdict::accepted);
  EXPECT_EQ(info(*broker, leases[0].ref.id).result.size(), 512 * kib);
}

}  // namespace
}  // namespace broker_suite

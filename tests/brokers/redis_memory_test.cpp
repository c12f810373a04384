// What a broker leaves on a Redis server: docs/memory.md says it for each key.
#include <set>

#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using namespace std::chrono_literals;

/// A slow log would be memory too, and grow on a busy machine.
class RedisMemory : public RedisBrokerTest {
 protected:
  RedisMemory() : RedisBrokerTest({"--slowlog-max-len", "0"}) {}

  /// The families of the keys that are there: what stands behind the hash tag, to the first letter.
  std::set<char> families() {
    std::set<char> found;
    const coterie::brokers::redis::Reply keys = administer("KEYS *");
    for (const auto& key : keys.array()) {
      const std::string& text = key.string();
      found.insert(text.at(text.find('}') + 1));
    }
    return found;
  }
  std::uint64_t used_memory() {
    const std::string info = administer("INFO memory").string();
    return std::stoull(info.substr(info.find("used_memory:") + 12));
  }
  std::vector<JobSpec> mixed_jobs(std::size_t count) {
    std::vector<JobSpec> jobs;
    for (std::size_t i = 0; i < count; ++i) {
      JobSpec spec = BrokerSuite::job("job " + std::to_string(i % 3));
      spec.payload = i % 50 == 0 ? std::string(6000, '1') : std::string(200, '1');
      spec.result_ttl = 10s;
      spec.max_attempts = 1;
      if (i % 10 == 1) spec.delay = 1s;
      if (i % 10 == 2) spec.expires_at = clock_.wall() + 3'600'000;
      if (i % 10 == 3) spec.backoff.base = 5s;
      if (i % 4 == 3) spec.after = {jobs[i - 1].id, jobs[i - 2].id};
      jobs.push_back(std::move(spec));
    }
    return jobs;
  }
  /// Works until nothing is left to do at this time.
  void work(Broker& broker, TestWorker& worker) {
    CycleRequest request = worker.next(100);
    for (std::size_t taken = 1; taken > 0;) {
      const CycleReply reply = await(broker.cycle(request));
      taken = reply.leases.size();
      request = worker.next(100);
      for (std::size_t i = 0; i < taken; ++i) {
        const LeaseRef& lease = reply.leases[i].ref;
        if (i % 7 == 0)
          request.failed.emplace_back(lease, FailKind::dead, JobError("exception", std::string(300, 'e')));
        else
          request.done.emplace_back(lease, i % 11 == 0 ? std::string(5000, '2') : std::string(100, '2'));
      }
    }
  }
  /// Time passes, and a worker comes by as long as that forgets anything.
  void pass(Broker& broker, TestWorker& worker, Milliseconds time) {
    clock_.advance(time);
    std::int64_t before = -1;
    for (std::int64_t now = keys_and_ids(); now != before; now = keys_and_ids()) {
      before = now;
      work(broker, worker);
    }
  }
  std::int64_t keys_and_ids() {
    return administer("DBSIZE").integer() + administer("ZCARD {coterie:0}T").integer();
  }
};

TEST_F(RedisMemory, AfterThousandsOfJobsItIsAsItWasBefore) {
  constexpr std::size_t count = 3000;
  const auto broker = open();
  TestWorker worker;
  enqueue(*broker, mixed_jobs(200));
  pass(*broker, worker, 2s);
  pass(*broker, worker, 11s);
  pass(*broker, worker, 24h);
  const std::set<char> at_rest = families();
  const std::uint64_t before = used_memory();
  EXPECT_EQ(at_rest, (std::set<char>{'m', 'w'})) << "only the counters, and the worker's last call";

  enqueue(*broker, mixed_jobs(count));
  EXPECT_GE(families().size(), 14U) << "the jobs are of too few kinds to show much";
  EXPECT_GT(used_memory(), before + count * 400);
  pass(*broker, worker, 2s);
  EXPECT_TRUE(families().contains('h'));
  pass(*broker, worker, 11s);
  EXPECT_EQ(families(), (std::set<char>{'T', 'm', 'w'})) << "the ids are known for a day";
  EXPECT_EQ(administer("ZCARD {coterie:0}T").integer(), static_cast<std::int64_t>(count));
  pass(*broker, worker, 24h);
  EXPECT_EQ(families(), at_rest);
  EXPECT_LE(used_memory(), before + before / 20);
}

}  // namespace
}  // namespace broker_suite

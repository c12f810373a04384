#pragma once
// What the tests of a queue over several shards have in common.
#include <string>
#include <vector>

#include "tests/brokers/redis_fixture.hpp"
#include "tests/brokers/redis_jobs.hpp"

namespace broker_suite {

inline constexpr std::uint32_t shards = 4;

class RedisShardsTest : public RedisBrokerTest {
 public:
  using RedisBrokerTest::administer;
  using RedisBrokerTest::clock_;

 protected:
  /// A job whose id belongs to that shard.
  static JobSpec job_in(std::uint32_t shard, const char* name = "noop") {
    return job_in_shard(shard, shards, name);
  }
  JobState state(Broker& broker, const JobId& id) {
    return await(broker.get({id}, false)).at(0).value().state;
  }
  std::vector<Lease> take(Broker& broker, TestWorker& worker, std::uint32_t want) {
    return await(broker.cycle(worker.next(want))).leases;
  }
};

}  // namespace broker_suite

#pragma once
// Jobs of tests with servers that come and go, and how they get there.
#include <memory>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "src/brokers/redis/routing.hpp"
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {

inline std::vector<JobSpec> some_jobs(std::size_t count) {
  std::vector<JobSpec> jobs;
  jobs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) jobs.push_back(BrokerSuite::job("count"));
  return jobs;
}

/// One whose id belongs to that one of `shards`.
inline JobSpec job_in_shard(std::uint32_t shard, std::uint32_t shards, const char* name = "noop") {
  JobSpec spec = BrokerSuite::job(name);
  while (coterie::brokers::redis::shard_of(spec.id, shards) != shard) spec.id = new_uuid();
  return spec;
}

/// As the contract has it: who got no answer says the same again.
inline Task<void> enqueue_until_confirmed(std::shared_ptr<Broker> broker, std::vector<JobSpec> jobs) {
  for (;;) {
    Task<std::vector<Enqueued>> call = broker->enqueue(jobs);
    const coterie::Outcome<std::vector<Enqueued>> end = co_await coterie::outcome(std::move(call));
    try {
      (void)end.get();
      co_return;
    } catch (const BrokerUnavailable&) {
    }
  }
}

}  // namespace broker_suite

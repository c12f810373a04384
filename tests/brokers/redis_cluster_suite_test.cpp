// The Redis broker on a cluster of three masters in the conformance suite.
#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_cluster.hpp"

namespace broker_suite {
namespace {

/// A namespace of its own on a cluster that the tests of this process share: each is somewhere else.
class RedisClusterFixture final : public BrokerFixture {
 public:
  RedisClusterFixture() = default;
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    static const RedisCluster cluster;
    BrokerOptions options;
    options.limits = limits;
    return coterie::brokers::open_redis_broker(
        coterie::brokers::parse_broker_url(cluster.url("namespace=" + namespace_)), options, clock.source());
  }

 private:
  static std::string next_namespace() {
    static int made = 0;
    return "t" + std::to_string(++made);
  }
  std::string namespace_ = next_namespace();
};

std::unique_ptr<BrokerFixture> make_redis_cluster() {
  return std::make_unique<RedisClusterFixture>();
}

INSTANTIATE_TEST_SUITE_P(RedisCluster, BrokerSuite,
                         testing::Values(BrokerKind("redis_cluster", make_redis_cluster)), kind_name);

}  // namespace
}  // namespace broker_suite

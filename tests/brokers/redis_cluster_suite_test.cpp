// The Redis broker on a cluster of three masters in the conformance suite: with one shard, and with as many
// as a queue in a cluster has where nobody says.
#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_cluster.hpp"
#include "tests/brokers/redis_soundness.hpp"

namespace broker_suite {
namespace {

/// A namespace of its own on a cluster that the tests of this process share: each is somewhere else. What a
/// test leaves there must be sound.
class RedisClusterFixture final : public BrokerFixture {
 public:
  /// `query`: of the URL.
  explicit RedisClusterFixture(std::string query) : query_(std::move(query)) {}
  ~RedisClusterFixture() override {
    try {
      std::vector<std::string> masters;
      for (std::size_t i = 0; i < cluster().size(); ++i) masters.push_back(cluster().node(i).socket());
      expect_sound_keys(masters, namespace_);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    BrokerOptions options;
    options.limits = limits;
    return coterie::brokers::open_redis_broker(
        coterie::brokers::parse_broker_url(cluster().url("namespace=" + namespace_ + query_)), options,
        clock.source());
  }

 private:
  static RedisCluster& cluster() {
    static RedisCluster shared;
    return shared;
  }
  static std::string next_namespace() {
    static int made = 0;
    return "t" + std::to_string(++made);
  }
  const std::string query_;
  std::string namespace_ = next_namespace();
};

BrokerKind redis_cluster_of(const std::string& name, const std::string& query, bool global_order) {
  BrokerKind kind(name, [query] { return std::make_unique<RedisClusterFixture>(query); });
  kind.global_order = global_order;
  return kind;
}

INSTANTIATE_TEST_SUITE_P(RedisCluster, BrokerSuite,
                         testing::Values(redis_cluster_of("redis_cluster_1_shard", "&shards=1", true),
                                         redis_cluster_of("redis_cluster", "", false)),
                         kind_name);

}  // namespace
}  // namespace broker_suite

// The Redis broker in the conformance suite.
#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {
namespace {

/// A namespace of its own on a server that the tests of this process share.
class RedisFixture final : public BrokerFixture {
 public:
  RedisFixture() = default;
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    static RedisServer server;
    BrokerOptions options;
    options.limits = limits;
    return coterie::brokers::open_redis_broker(
        coterie::brokers::parse_broker_url(server.url("namespace=" + namespace_)), options, clock.source());
  }

 private:
  static std::string next_namespace() {
    static int made = 0;
    return "t" + std::to_string(++made);
  }
  std::string namespace_ = next_namespace();
};

std::unique_ptr<BrokerFixture> make_redis() {
  return std::make_unique<RedisFixture>();
}

INSTANTIATE_TEST_SUITE_P(Redis, BrokerSuite, testing::Values(BrokerKind("redis", make_redis)), kind_name);

}  // namespace
}  // namespace broker_suite

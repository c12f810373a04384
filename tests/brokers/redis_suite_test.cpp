// The Redis broker in the conformance suite, on one shard and on several.
#include <utility>

#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_administrator.hpp"
#include "tests/brokers/redis_server.hpp"
#include "tests/brokers/redis_soundness.hpp"

namespace broker_suite {
namespace {

/// A namespace of its own on a server that the tests of this process share, and a user of its own that has
/// the rights which are advised and no others. What a test leaves there must be sound.
class RedisFixture final : public BrokerFixture {
 public:
  explicit RedisFixture(int shards) : shards_(shards) {}
  ~RedisFixture() override {
    try {
      expect_sound_keys({server().socket()}, namespace_);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    BrokerOptions options;
    options.limits = limits;
    const std::string url = server().url("namespace=" + namespace_ + "&shards=" + std::to_string(shards_) +
                                         "&user=" + namespace_ + "&password=pw");
    if (!std::exchange(allowed_, true)) allow_as_advised(server().url(), url);
    return coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(url), options,
                                               clock.source());
  }

 private:
  static RedisServer& server() {
    static RedisServer shared;
    return shared;
  }
  static std::string next_namespace() {
    static int made = 0;
    return "t" + std::to_string(++made);
  }
  const int shards_;
  std::string namespace_ = next_namespace();
  bool allowed_ = false;
};

BrokerKind redis_of(const std::string& name, int shards) {
  BrokerKind kind(name, [shards] { return std::make_unique<RedisFixture>(shards); });
  kind.global_order = shards == 1;
  return kind;
}

INSTANTIATE_TEST_SUITE_P(Redis, BrokerSuite,
                         testing::Values(redis_of("redis", 1), redis_of("redis_4_shards", 4)), kind_name);

}  // namespace
}  // namespace broker_suite

// The memory broker in the conformance suite.
#include "src/brokers/memory/memory_broker.hpp"
#include "tests/brokers/broker_suite.hpp"

namespace broker_suite {
namespace {

class MemoryFixture final : public BrokerFixture {
 public:
  std::shared_ptr<Broker> open(const TestClock& clock, const Limits& limits) override {
    if (!store_) store_ = std::make_shared<coterie::brokers::memory::Store>(clock.source());
    return std::make_shared<coterie::brokers::MemoryBroker>(store_, "memory://suite", limits);
  }

 private:
  std::shared_ptr<coterie::brokers::memory::Store> store_;
};

std::unique_ptr<BrokerFixture> make_memory() {
  return std::make_unique<MemoryFixture>();
}

INSTANTIATE_TEST_SUITE_P(Memory, BrokerSuite, testing::Values(BrokerKind("memory", make_memory)), kind_name);

}  // namespace
}  // namespace broker_suite

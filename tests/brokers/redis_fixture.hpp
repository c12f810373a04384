#pragma once
// What the tests of the broker on Redis have in common.
#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_administrator.hpp"
#include "tests/brokers/redis_server.hpp"
#include "tests/brokers/redis_soundness.hpp"

namespace broker_suite {

/// A broker's calls, each run to its end.
class RedisCalls : public testing::Test {
 protected:
  template <class T>
  T await(Task<T> call) {
    return loop_.run(std::move(call));
  }
  template <class Error, class Call>
  static std::string refusal(Call call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  Lease take_one(Broker& broker, TestWorker& worker) {
    CycleReply reply = await(broker.cycle(worker.next(1)));
    if (reply.leases.size() != 1) throw std::runtime_error("no job was given out");
    return reply.leases[0];
  }

  coterie::testing::VirtualLoop loop_;
};

/// A server and a broker on it, whose time is the test's. What a test leaves there must be sound.
class RedisBrokerTest : public RedisCalls {
 protected:
  explicit RedisBrokerTest(std::vector<std::string> options = {}) : server_(std::move(options)) {}
  void TearDown() override {
    if (!damages_keys_) expect_sound_keys({server_.socket()});
  }

  std::shared_ptr<Broker> open(const std::string& query = "") {
    return coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(server_.url(query)), {},
                                               clock_.source());
  }
  coterie::brokers::redis::Reply administer(const std::string& words) {
    return broker_suite::administer(server_.url(), words);
  }
  std::vector<Enqueued> enqueue(Broker& broker, std::vector<JobSpec> specs) {
    return await(broker.enqueue(std::move(specs)));
  }
  Verdict done(Broker& broker, TestWorker& worker, const LeaseRef& lease, std::string result) {
    CycleRequest request = worker.next();
    request.done.emplace_back(lease, std::move(result));
    return await(broker.cycle(std::move(request))).done.at(0);
  }

  RedisServer server_;
  TestClock clock_;
  bool damages_keys_ = false;  // the test itself
};

}  // namespace broker_suite

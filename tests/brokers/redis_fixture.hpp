#pragma once
// What the tests of the broker on Redis have in common.
#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coterie/run.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {

/// A server and a broker on it, whose time is the test's.
class RedisBrokerTest : public testing::Test {
 protected:
  explicit RedisBrokerTest(std::vector<std::string> options = {}) : server_(std::move(options)) {}

  std::shared_ptr<Broker> open(const std::string& query = "") {
    return coterie::brokers::open_redis_broker(coterie::brokers::parse_broker_url(server_.url(query)), {},
                                               clock_.source());
  }
  template <class T>
  T await(Task<T> call) {
    return loop_.run(std::move(call));
  }
  /// One command in an administrator's hand.
  coterie::brokers::redis::Reply administer(const std::string& words) {
    coterie::brokers::redis::Reply reply;
    const int code = coterie::run([&]() -> Task<void> {
      std::istringstream in(words);
      std::string word;
      in >> word;
      coterie::brokers::redis::Command command(word);
      while (in >> word) command.arg(word);
      coterie::brokers::redis::Connection connection(
          coterie::brokers::redis::settings_of(coterie::brokers::parse_broker_url(server_.url())));
      reply = co_await connection.call(std::move(command));
      co_await connection.close();
    }());
    EXPECT_EQ(code, 0);
    EXPECT_FALSE(reply.is_error()) << words << ": " << reply.describe();
    return reply;
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
  std::vector<Enqueued> enqueue(Broker& broker, std::vector<JobSpec> specs) {
    return await(broker.enqueue(std::move(specs)));
  }
  Lease take_one(Broker& broker, TestWorker& worker) {
    CycleReply reply = await(broker.cycle(worker.next(1)));
    if (reply.leases.size() != 1) throw std::runtime_error("no job was given out");
    return reply.leases[0];
  }
  Verdict done(Broker& broker, TestWorker& worker, const LeaseRef& lease, std::string result) {
    CycleRequest request = worker.next();
    request.done.emplace_back(lease, std::move(result));
    return await(broker.cycle(std::move(request))).done.at(0);
  }

  RedisServer server_;
  TestClock clock_;
  coterie::testing::VirtualLoop loop_;
};

}  // namespace broker_suite

#pragma once
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>

#include "coterie/run.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/settings.hpp"

namespace broker_suite {

/// A command in an administrator's hand, over a connection of its own; an error fails the test.
inline coterie::brokers::redis::Reply administer(const std::string& url,
                                                 coterie::brokers::redis::Command command) {
  namespace redis = coterie::brokers::redis;
  redis::Reply reply;
  const int code = coterie::run([&]() -> coterie::Task<void> {
    redis::Connection connection(redis::settings_of(coterie::brokers::parse_broker_url(url)));
    reply = co_await connection.call(std::move(command));
    co_await connection.close();
  }());
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(reply.is_error()) << "the test's administrator: " << reply.describe();
  return reply;
}

/// Words apart by spaces.
inline coterie::brokers::redis::Reply administer(const std::string& url, const std::string& words) {
  std::istringstream in(words);
  std::string word;
  in >> word;
  coterie::brokers::redis::Command command(word);
  while (in >> word) command.arg(word);
  return administer(url, std::move(command));
}

/// Makes the user of `url` as acl_of_own_user() advises, by the server's administrator at `admin`.
inline void allow_as_advised(const std::string& admin, const std::string& url) {
  namespace redis = coterie::brokers::redis;
  const redis::Settings settings = redis::settings_of(coterie::brokers::parse_broker_url(url));
  std::string advice = redis::acl_of_own_user(settings);
  const std::string secret = ">…";
  advice.replace(advice.find(secret), secret.size(), ">" + settings.password);
  administer(admin, advice);
}

}  // namespace broker_suite

#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/run.hpp"
#include "coterie/testing/gtest.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/settings.hpp"
#include "support/runtime.hpp"
#include "tests/brokers/redis_server.hpp"

namespace coterie::brokers::redis {

inline Settings settings_at(const std::string& url) {
  return settings_of(parse_broker_url(url));
}

/// Runs `body()` on a loop that does I/O; what `body` captures outlives it.
template <class Body>
void on_loop(Body body) {
  EXPECT_EQ(coterie::run(body()), 0);
}

/// What connecting ends with, which must be an Error and one line; "(connected)".
template <class Error>
std::string refusal(const std::string& url) {
  std::string said = "(connected)";
  on_loop([&]() -> Task<void> {
    Connection connection(settings_at(url));
    Task<ServerInfo> connecting = connection.connect();
    const Outcome<ServerInfo> end = co_await outcome(std::move(connecting));
    try {
      (void)end.get();
    } catch (const Error& error) {
      said = error.what();
      EXPECT_THAT(said, ::testing::Not(::testing::HasSubstr("\n")));
    }
    co_await connection.close();
  });
  return said;
}

}  // namespace coterie::brokers::redis

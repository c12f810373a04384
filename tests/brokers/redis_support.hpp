#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "coterie/run.hpp"
#include "coterie/testing/gtest.hpp"
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

}  // namespace coterie::brokers::redis

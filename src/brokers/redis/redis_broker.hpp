#pragma once
#include <memory>
#include <optional>

#include "src/brokers/builtin.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers {

/// `redis://…` on a clock of the caller's instead of the server's, for tests.
[[nodiscard]] std::shared_ptr<queue::Broker> open_redis_broker(const BrokerUrl& url,
                                                               const queue::BrokerOptions& options,
                                                               std::optional<queue::ClockSource> clock);

}  // namespace coterie::brokers

#pragma once
#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// A script's refusal on a cluster's node that is just handing its keys over to another one: nothing was
/// written.
[[nodiscard]] bool is_moving(const Reply& reply);

/// A node of a cluster has not run a command that it would have run: the key's slot is elsewhere, on its way,
/// or nowhere now.
[[nodiscard]] bool is_elsewhere(const Reply& reply);

/// Throws what the contract has for an error of the server: BrokerUnavailable where it may pass (full memory,
/// a failover, still loading), BadBroker where it will not (no right to do it, another layout). One line: the
/// URL, what is wrong, the cure.
void throw_if_error(const Reply& reply, const Settings& settings);

}  // namespace coterie::brokers::redis

#pragma once
#include "coterie/io/stream.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// Bytes to and from the server, by TCP, TLS or a Unix socket, as the settings say; no word is spoken yet.
/// BrokerUnavailable where nobody answers; BadBroker where nobody can ever.
[[nodiscard]] Task<io::Stream> dial(const Settings& settings);

}  // namespace coterie::brokers::redis

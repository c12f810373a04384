#pragma once
#include <memory>

#include "coterie/queue/broker.hpp"
#include "src/brokers/broker_url.hpp"
#include "src/queue/clock.hpp"

namespace coterie::brokers {

namespace sqlite {
class SyncCounter;
}

/// What `open_sqlite_broker` of builtin.hpp does, on a clock and a VFS of the test's own. The URL's options:
/// `synchronous` (full, normal or off: what a power cut may undo; default full, nothing) and
/// `busy_timeout_ms` (how long to wait for another process's transaction; default 5000). Throws BadBroker or
/// BrokerUnavailable.
[[nodiscard]] std::shared_ptr<queue::Broker> open_sqlite_broker(const BrokerUrl& url,
                                                                const queue::BrokerOptions& options,
                                                                queue::ClockSource clock,
                                                                std::shared_ptr<sqlite::SyncCounter> vfs);

}  // namespace coterie::brokers

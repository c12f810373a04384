#pragma once
#include <memory>

#include "src/brokers/broker_url.hpp"

/// How each broker that comes with the library is opened. `open_broker` picks by scheme; each is defined in
/// its broker's own folder. A plain table of names, not registration by static objects, which a linker may
/// drop.
namespace coterie::brokers {

/// `memory://[name]`: the same name is the same store for as long as the process lives; without a name it is
/// a new one. No options but limits.
[[nodiscard]] std::shared_ptr<queue::Broker> open_memory_broker(const BrokerUrl& url,
                                                                const queue::BrokerOptions& options);

/// `sqlite://path`, see src/brokers/sqlite.
[[nodiscard]] std::shared_ptr<queue::Broker> open_sqlite_broker(const BrokerUrl& url,
                                                                const queue::BrokerOptions& options);

/// `redis://host`, `redis+unix:///path`, see src/brokers/redis.
[[nodiscard]] std::shared_ptr<queue::Broker> open_redis_broker(const BrokerUrl& url,
                                                               const queue::BrokerOptions& options);

/// BadBroker: it is none of those, which are named.
[[noreturn]] void refuse_scheme(const BrokerUrl& url);

/// What `open_redis_broker` and `diagnose_redis` are for.
[[nodiscard]] bool is_redis(const BrokerUrl& url);

}  // namespace coterie::brokers

#include <string>

#include "coterie/queue/broker.hpp"
#include "src/brokers/builtin.hpp"

namespace coterie::brokers {

void refuse_scheme(const BrokerUrl& url) {
  throw queue::BadBroker("unknown broker scheme '" + url.scheme + "' in '" + url.text +
                         "': use redis, rediss, redis+unix, redis+sentinel, rediss+sentinel, redis+cluster, "
                         "rediss+cluster, sqlite or memory, as in redis://host, sqlite://path");
}

}  // namespace coterie::brokers

// Declared by the queue's floor, which knows no broker; defined here, where all of them are known.
namespace coterie::queue {

std::shared_ptr<Broker> open_broker(std::string_view text, const BrokerOptions& options) {
  brokers::BrokerUrl url = brokers::parse_broker_url(text);
  BrokerOptions merged = options;
  brokers::take_limits(url, merged);
  if (url.scheme == "memory") return brokers::open_memory_broker(url, merged);
  if (url.scheme == "sqlite") return brokers::open_sqlite_broker(url, merged);
  if (brokers::is_redis(url)) return brokers::open_redis_broker(url, merged);
  brokers::refuse_scheme(url);
}

}  // namespace coterie::queue

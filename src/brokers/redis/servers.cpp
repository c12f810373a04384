#include "src/brokers/redis/servers.hpp"

#include <utility>

#include "src/brokers/redis/cluster_servers.hpp"
#include "src/brokers/redis/locator.hpp"

namespace coterie::brokers::redis {

OneServer::OneServer(const Settings& settings)
    : locator_(make_locator(settings)), node_(locator_), listener_(locator_, workers_ping_every) {}

Task<void> OneServer::open() {
  const ServerInfo server = co_await node_.connect();
  if (server.mode == "cluster")
    throw queue::BadBroker(settings().url() + ": it is a node of a cluster: write " +
                           std::string(settings().tls ? "rediss" : "redis") + "+cluster://" +
                           settings().address().text());
}

Task<void> OneServer::close() {
  co_await listener_.close();
  co_await node_.close();
  co_await locator_->close();
}

Task<std::vector<Reply>> OneServer::send(std::uint32_t /*shard*/, std::vector<Command> commands) {
  co_return co_await node_.send(commands);
}

Task<std::vector<Reply>> OneServer::send_durably(std::uint32_t /*shard*/, std::vector<Command> commands,
                                                 Durable durable, Command touch) {
  co_return co_await node_.send_durably(std::move(commands), durable, touch);
}

std::unique_ptr<Subscription> OneServer::listen(std::uint32_t /*shard*/, std::string channel,
                                                Subscription::OnMessage on_message,
                                                Subscription::OnConnected on_connected) {
  return listener_.listen(std::move(channel), std::move(on_message), std::move(on_connected));
}

std::unique_ptr<Servers> make_servers(const Settings& settings) {
  if (settings.by_cluster()) return std::make_unique<ClusterServers>(settings);
  return std::make_unique<OneServer>(settings);
}

}  // namespace coterie::brokers::redis

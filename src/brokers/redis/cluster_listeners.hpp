#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/scope.hpp"
#include "src/brokers/redis/cluster.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// The channels of shards in a cluster: each is listened to at the master of its slot, for there the scripts
/// publish, and messages go no further than to its replicas. One connection for each master that has any.
///
///     a slot was moved, or a master lost all ──▶ follow_map(): its channels go to the listener of the master
///     that has it now, and a listener without channels ends
///
/// A master that gave a slot away says so, or turns away who asks for a channel there: then the nodes are
/// asked at once who has it, and again, less and less often, until all is listened to. A master that is
/// replaced takes its listener along: see Cluster::locator. In any case `on_connected` runs when the channel
/// is listened to again. Belongs to one loop.
class ClusterListeners {
 public:
  explicit ClusterListeners(std::shared_ptr<Cluster> cluster) : cluster_(std::move(cluster)) {}

  /// See Servers::listen.
  [[nodiscard]] std::unique_ptr<Subscription> listen(std::uint16_t slot, std::string channel,
                                                     Subscription::OnMessage on_message,
                                                     Subscription::OnConnected on_connected);
  /// The cluster's map may be another one.
  void follow_map();
  /// Ends all connections and returns when nothing is left of them.
  [[nodiscard]] Task<void> close();

 private:
  struct Channel {
    std::uint16_t slot;
    std::weak_ptr<Listener::Channel> channel;
  };
  struct Place {
    std::shared_ptr<Locator> locator;
    std::shared_ptr<Listener> listener;
  };
  [[nodiscard]] Listener& listener_of(std::uint16_t slot);
  void seek(const Address& who_knows);
  [[nodiscard]] Task<void> seek_all();
  [[nodiscard]] bool hears_all() const;
  [[nodiscard]] static Task<void> close_listener(std::shared_ptr<Listener> listener);

  const std::shared_ptr<Cluster> cluster_;
  std::vector<Channel> channels_;
  std::vector<Place> places_;
  bool seeks_ = false;
  bool closed_ = false;
  TaskScope ends_{"ends listeners"};
  TaskScope seeking_{"seeks who has a shard's slot"};
};

}  // namespace coterie::brokers::redis

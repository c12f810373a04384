#include "src/brokers/redis/cluster_listeners.hpp"

#include <algorithm>
#include <utility>

namespace coterie::brokers::redis {

std::unique_ptr<Subscription> ClusterListeners::listen(std::uint16_t slot, std::string channel,
                                                       Subscription::OnMessage on_message,
                                                       Subscription::OnConnected on_connected) {
  std::erase_if(channels_, [](const Channel& one) { return one.channel.expired(); });
  std::unique_ptr<Subscription> subscription =
      listener_of(slot).listen(std::move(channel), std::move(on_message), std::move(on_connected));
  channels_.push_back(Channel{slot, subscription->channel()});
  return subscription;
}

Listener& ClusterListeners::listener_of(std::uint16_t slot) {
  const std::shared_ptr<Locator> locator = cluster_->locator(slot);
  const auto there = std::ranges::find(places_, locator, &Place::locator);
  if (there != places_.end()) return *there->listener;
  places_.push_back(Place{locator, std::make_shared<Listener>(locator, workers_ping_every)});
  return *places_.back().listener;
}

void ClusterListeners::follow_map() {
  for (const Channel& one : channels_) {
    const std::shared_ptr<Listener::Channel> channel = one.channel.lock();
    // Where nobody has the slot it stays where it is until somebody does.
    if (channel && cluster_->map().master_of(one.slot) != nullptr) listener_of(one.slot).adopt(channel);
  }
  std::erase_if(places_, [this](const Place& place) {
    const bool idle = place.listener->idle();
    if (idle) ends_.spawn(close_listener, place.listener);
    return idle;
  });
}

Task<void> ClusterListeners::close_listener(std::shared_ptr<Listener> listener) {
  co_await listener->close();
}

Task<void> ClusterListeners::close() {
  const std::vector<Place> places = std::exchange(places_, {});
  channels_.clear();
  for (const Place& place : places) co_await place.listener->close();
  co_await ends_.join();
}

}  // namespace coterie::brokers::redis

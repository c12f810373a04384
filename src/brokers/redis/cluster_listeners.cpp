#include "src/brokers/redis/cluster_listeners.hpp"

#include <algorithm>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "src/brokers/redis/backoff.hpp"

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
  const auto turned_away = [this](const Address& who_knows) { seek(who_knows); };
  places_.push_back(Place{locator, std::make_shared<Listener>(locator, workers_ping_every, turned_away)});
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

void ClusterListeners::seek(const Address& who_knows) {
  if (closed_) return;
  if (!who_knows.host.empty()) cluster_->prefer(who_knows);
  if (!std::exchange(seeks_, true)) seeking_.spawn(&ClusterListeners::seek_all, this);
}

/// Each look ends in follow_map(). A map may be old, a slot nobody's: then it is tried again.
Task<void> ClusterListeners::seek_all() {
  Backoff backoff;
  do {
    Task<void> looking = cluster_->look_anew();
    const Outcome<void> end = co_await outcome(std::move(looking));
    if (end.cancelled()) end.get();
    backoff.failed();
    co_await sleep(backoff.next() - EventLoop::current().now());
  } while (!hears_all());
  seeks_ = false;
}

bool ClusterListeners::hears_all() const {
  return std::ranges::all_of(places_, [](const Place& place) { return place.listener->hears_all(); });
}

Task<void> ClusterListeners::close_listener(std::shared_ptr<Listener> listener) {
  co_await listener->close();
}

Task<void> ClusterListeners::close() {
  closed_ = true;
  co_await seeking_.close();
  const std::vector<Place> places = std::exchange(places_, {});
  channels_.clear();
  for (const Place& place : places) co_await place.listener->close();
  co_await ends_.join();
}

}  // namespace coterie::brokers::redis

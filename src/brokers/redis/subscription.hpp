#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "coterie/poller.hpp"
#include "coterie/task.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

class Locator;

class Subscription;

inline constexpr Duration usual_ping_every = std::chrono::seconds(30);
/// Of a process with workers: one that is not told looks by itself within two fifths of its lease, so a
/// connection that was cut without a word costs no more than that, and ten thousand idle processes send 50
/// PINGs a second. Firewalls that forget a silent connection do so after some minutes (Azure after 4).
inline constexpr Duration workers_ping_every = std::chrono::seconds(100);

/// A connection that listens to shard channels (SSUBSCRIBE, which also a server without a cluster has), from
/// the first one on, which needs a running loop. In a cluster their messages stay with the nodes of the
/// channel's slot, so they cost the others nothing.
///
/// A lost connection is replaced, with growing pauses between attempts, for as long as this lives; what was
/// published meanwhile is lost, as Redis has it. Under Sentinel it follows the master. A refusal (a wrong
/// password, no permission) is no end either: it is tried again.
class Listener {
 public:
  using OnMessage = std::function<void(std::string_view payload)>;
  using OnConnected = std::function<void()>;
  using OnTurnedAway = std::function<void(const Address& who_knows)>;

  /// `ping_every`: a PING after so long without a message; a server that does not answer it within the same
  /// time counts as dead. `on_turned_away`: in a cluster, the server does not have the slot of a channel, or
  /// no longer; who has it the node `who_knows` can tell, where that has a host. The channel is then not
  /// listened to, until adopt() asks for it again. Runs on the loop, and may not wait or throw.
  explicit Listener(std::shared_ptr<Locator> locator, Duration ping_every = usual_ping_every,
                    OnTurnedAway on_turned_away = nullptr);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// No callback runs afterwards.
  ~Listener();

  /// A channel that is listened to. Gone with its subscription.
  struct Channel;

  /// Listens to a channel, which nobody else does here, for as long as the subscription lives.
  [[nodiscard]] std::unique_ptr<Subscription> listen(std::string channel, OnMessage on_message,
                                                     OnConnected on_connected);
  /// Takes over a subscription from another listener. What is published until it listens here goes by, as
  /// where a connection is replaced; then `on_connected` runs. One that is here already is
  /// asked for again, if it was turned away.
  void adopt(const std::shared_ptr<Channel>& channel);
  /// It has no channels.
  [[nodiscard]] bool idle() const noexcept;
  /// It listens to all of its channels, as far as it knows.
  [[nodiscard]] bool hears_all() const noexcept;
  /// Ends it and returns when nothing is left of it.
  [[nodiscard]] Task<void> close();

 private:
  friend class Subscription;
  class State;
  std::shared_ptr<State> state_;
};

/// Listens to one channel, over a Listener's connection or one of its own, from its construction on. A
/// Listener's ends with that, if it is not taken over by another one.
///
/// `on_connected` runs each time that listening has begun: who cares looks then for what it may have missed.
/// The callbacks run on the loop, outside of any task of their owner; they must not throw, and may destroy
/// the subscription. Why it does not listen, last_error() says.
class Subscription {
 public:
  using OnMessage = Listener::OnMessage;
  using OnConnected = Listener::OnConnected;

  /// Over a connection of its own, to a plain channel (SUBSCRIBE): sentinels have no others.
  Subscription(const Settings& settings, std::string channel, OnMessage on_message, OnConnected on_connected,
               Duration ping_every = usual_ping_every);
  /// The same with a locator that others use, too, and close.
  Subscription(std::shared_ptr<Locator> locator, std::string channel, OnMessage on_message,
               OnConnected on_connected, Duration ping_every = usual_ping_every);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  /// No callback runs afterwards.
  ~Subscription();

  /// Ends it, and its own connection, and returns when nothing is left of them.
  [[nodiscard]] Task<void> close();

  /// For Listener::adopt().
  [[nodiscard]] std::weak_ptr<Listener::Channel> channel() const noexcept { return channel_; }
  /// It listens, as far as it knows.
  [[nodiscard]] bool listening() const noexcept;
  /// Why it does not listen now: one line; empty while it does or has not tried yet.
  [[nodiscard]] const std::string& last_error() const noexcept;

 private:
  friend class Listener;
  explicit Subscription(std::shared_ptr<Listener::Channel> channel);
  std::shared_ptr<Listener::State> end() noexcept;
  std::shared_ptr<Listener::Channel> channel_;
  bool own_connection_ = false;
  bool own_locator_ = false;
};

}  // namespace coterie::brokers::redis

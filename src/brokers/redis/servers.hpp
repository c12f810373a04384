#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/node.hpp"
#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/settings.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// The servers of one broker, as its shards see them: each says its number, and what it sends goes to the
/// server that has its keys just then. All keys and channels of shard i begin with `settings().prefix(i)`, so
/// that they are in one slot; commands of one call are of one shard.
///
/// What several tasks send to one server in the same tick goes in one write. At most two connections to each
/// server, one for commands and one that listens; a third where `durable=` makes it WAIT, see Confirmations.
///
/// Belongs to one loop; outlives the shards.
class Servers {
 public:
  Servers() = default;
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;
  virtual ~Servers() = default;

  /// Connects, and refuses what will not do: BadBroker.
  [[nodiscard]] virtual Task<void> open() = 0;
  /// Ends what waits, and returns when nothing is left.
  [[nodiscard]] virtual Task<void> close() = 0;

  /// As Node::send.
  [[nodiscard]] virtual Task<std::vector<Reply>> send(std::uint32_t shard, std::vector<Command> commands) = 0;
  /// As Node::send_durably.
  [[nodiscard]] virtual Task<std::vector<Reply>> send_durably(std::uint32_t shard,
                                                              std::vector<Command> commands, Durable durable,
                                                              Command touch) = 0;
  /// Listens to a channel of the shard from now on, wherever the shard is.
  [[nodiscard]] virtual std::unique_ptr<Subscription> listen(std::uint32_t shard, std::string channel,
                                                             Subscription::OnMessage on_message,
                                                             Subscription::OnConnected on_connected) = 0;

  /// How many shards a new queue has where the URL does not say.
  [[nodiscard]] virtual std::uint32_t default_shards() const noexcept = 0;
  [[nodiscard]] virtual const Settings& settings() const noexcept = 0;
};

/// All shards on one server, which may move by a failover: `redis://`, `redis+sentinel://` and their like.
class OneServer final : public Servers {
 public:
  explicit OneServer(const Settings& settings);

  Task<void> open() override;
  Task<void> close() override;
  Task<std::vector<Reply>> send(std::uint32_t shard, std::vector<Command> commands) override;
  Task<std::vector<Reply>> send_durably(std::uint32_t shard, std::vector<Command> commands, Durable durable,
                                        Command touch) override;
  std::unique_ptr<Subscription> listen(std::uint32_t shard, std::string channel,
                                       Subscription::OnMessage on_message,
                                       Subscription::OnConnected on_connected) override;
  /// On one server more of them bring nothing but looser order.
  std::uint32_t default_shards() const noexcept override { return 1; }
  const Settings& settings() const noexcept override { return node_.settings(); }

 private:
  const std::shared_ptr<Locator> locator_;
  Node node_;
  Listener listener_;
};

/// Those of the URL.
[[nodiscard]] std::unique_ptr<Servers> make_servers(const Settings& settings);

}  // namespace coterie::brokers::redis

#pragma once
#include <memory>
#include <vector>

#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/confirmations.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/durability.hpp"

namespace coterie::brokers::redis {

/// A server that several shards share: the connection to it, with the scripts loaded, the user's rights and
/// the server's settings looked at; what it can promise of what was written.
///
/// Belongs to one loop.
class Node {
 public:
  explicit Node(std::shared_ptr<Locator> locator);

  /// Connects, and refuses a server that will not do, by the first attempt's end: BrokerUnavailable,
  /// BadBroker.
  Task<ServerInfo> connect();
  /// Sends commands in one write, and what other tasks send in the same tick with them, see send_scripts(). A
  /// cancel comes out at once, and leaves open what was applied.
  Task<std::vector<Reply>> send(const std::vector<Command>& commands);
  /// The same, and returns when what they wrote is as durable as that, which holds up nobody else; errors of
  /// theirs come first, and are replies. `touch`: touch.lua's call, where `durable` is more than memory.
  /// BrokerUnavailable where it is unknown.
  Task<std::vector<Reply>> send_durably(std::vector<Command> commands, const Durable& durable,
                                        const Command& touch);
  Task<void> close();

  [[nodiscard]] const Settings& settings() const noexcept { return connection_.settings(); }
  [[nodiscard]] const std::shared_ptr<Locator>& locator() const noexcept { return locator_; }

 private:
  Task<void> prepare(Link& link, const ServerInfo& server);
  void check_eviction(const ServerInfo& server) const;
  Task<void> check_rights(Link& link) const;

  const std::shared_ptr<Locator> locator_;
  Durability durability_;
  Connection connection_;
  Confirmations confirmations_;
};

}  // namespace coterie::brokers::redis

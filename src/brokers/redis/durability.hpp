#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// How a server is brought to say that what was written is as durable as the settings ask.
///
///     memory       nothing to ask: its reply is all
///     fsync        `appendfsync always`: its reply comes after the fsync, nothing to ask
///                  else WAITAOF 1 0, from Redis 7.2 on; else it is refused when the connection is made
///     replicas:N   WAIT N
///
/// It is asked when the call has been applied, see Confirmations. No answer in time leaves open whether the
/// call survives; that it was applied is certain. Belongs to one loop.
class Durability {
 public:
  explicit Durability(const Settings& settings) : settings_(settings) {}

  /// On each new connection, before any call: BadBroker where the server cannot give what the settings ask,
  /// with the setting and the cure.
  Task<void> learn(Link& link, const ServerInfo& server);

  /// What is to be asked once a call's scripts have replied; nothing where that is enough.
  [[nodiscard]] std::optional<Command> question(const Durable& durable) const;
  /// throw_unknown() where it is not the answer hoped for.
  void check(const Durable& durable, const Reply& answer) const;
  /// BrokerUnavailable: the call was applied, and its outcome is unknown.
  [[noreturn]] void throw_unknown(const Durable& durable, const std::string& why) const;

 private:
  Task<void> learn_fsync(Link& link, const ServerInfo& server);
  Task<void> learn_replicas(Link& link);
  [[noreturn]] void refuse(const std::string& why) const;

  const Settings settings_;
  bool asks_waitaof_ = false;
};

/// "fsync", "replicas:2": as in the URL.
[[nodiscard]] std::string to_string(const Durable& durable);

}  // namespace coterie::brokers::redis

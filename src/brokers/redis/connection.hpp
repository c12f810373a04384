#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/locator.hpp"
#include "src/brokers/redis/reply.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

/// A server to send commands to, by as many tasks of one loop as like: pipelined over one connection, which
/// is made by the first call and made anew by the first call after it was lost.
///
/// **Without a connection** a call waits for one, at most `connect_timeout`, while attempts are made with
/// growing pauses (50 ms to 2 s, half of them random): so a server that restarts is a slow call, not an
/// error. Then, or at once where waiting cannot help (BadBroker: a wrong password, a replica…), it throws the
/// last attempt's error. A refusal like that is remembered until the pause is over, and asked again then.
/// Where nobody calls, nothing is attempted.
///
/// **A lost connection** ends every call whose command was given to it: LinkLost, which is a
/// BrokerUnavailable, and whether it was applied is open. Calls that still waited for a connection go on
/// waiting.
///
/// **Under Sentinel** each attempt begins at the master that the sentinels name then, and the connection is
/// given up as one that was lost when they name another. A replica is no refusal there but a failover under
/// way.
///
/// Belongs to the loop on which it is used first.
class Connection {
 public:
  /// Runs on each new connection after the greeting, before any call is sent: to load scripts, to refuse a
  /// server (BadBroker). What it throws ends the attempt.
  using OnConnected = std::function<Task<void>(Link& link, const ServerInfo& server)>;

  explicit Connection(Settings settings, OnConnected on_connected = nullptr);
  /// The same with a locator that others use, too, and close.
  explicit Connection(std::shared_ptr<Locator> locator, OnConnected on_connected = nullptr);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// As close(), without waiting: calls that wait end with BrokerUnavailable.
  ~Connection();

  /// The server's answer to one command; an error of the server (`-ERR …`) is a Reply too. BrokerUnavailable,
  /// BadBroker: see above. A cancel comes out at once; the command may have been sent, its reply is dropped.
  /// Not for commands that block on the server: others wait behind it, at most `command_timeout`.
  [[nodiscard]] Task<Reply> call(Command command);
  /// The same for several: sent in one piece, answered in their order. They live until the
  /// call is over.
  [[nodiscard]] Task<std::vector<Reply>> call_all(const std::vector<Command>& commands);

  /// Connects if it is not connected, and tells what the server said of itself. Unlike a call it throws what
  /// the first attempt ends with, for who would rather know than wait: BrokerUnavailable, BadBroker.
  [[nodiscard]] Task<ServerInfo> connect();

  /// Gives up the present connection, for a reason that its replies tell: `-READONLY` of a master that became
  /// a replica. What waits on it ends with LinkLost; the next call connects anew, and greets anew.
  void drop(std::string_view why) noexcept;

  /// Ends everything that waits and returns when nothing is left. Later calls throw BrokerUnavailable.
  [[nodiscard]] Task<void> close();

  [[nodiscard]] bool connected() const noexcept;
  /// How many connections were made: changes when one was replaced.
  [[nodiscard]] std::uint64_t connections() const noexcept;
  /// What the server of the last connection said of itself; empty before the first.
  [[nodiscard]] const ServerInfo& server() const noexcept;
  [[nodiscard]] const Settings& settings() const noexcept;

 private:
  class State;
  std::shared_ptr<State> state_;
  bool own_locator_ = false;
};

}  // namespace coterie::brokers::redis

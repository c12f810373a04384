#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "coterie/scope.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/connection.hpp"
#include "src/brokers/redis/durability.hpp"

namespace coterie::brokers::redis {

/// Asks a server whether what it has applied is durable: over a connection of its own, made when it is needed
/// first, for WAIT and WAITAOF hold up everything behind them. One question is under way at a time, and who
/// comes meanwhile shares the next one, however many they are.
///
///     a call's scripts ═▶ the common connection ═▶ their replies
///                                                     │ confirm()
///       the next question ◀──────────────────────────┘
///       touch.lua, WAIT or WAITAOF, INFO replication ═▶ the own connection ═▶ all who share it
///
/// WAIT concerns what its own connection has written up to then. touch.lua writes there behind all that the
/// server has written for anybody, so waiting for it is waiting for all of that; that it is the same server,
/// with the same history, its replication id tells. Belongs to one loop.
class Confirmations {
 public:
  /// Both outlive it, and `locator` is closed by others.
  Confirmations(const std::shared_ptr<Locator>& locator, const Durability& durability);

  /// Returns when all that the server had applied before is as durable as that: the replication id of the
  /// server that said so. BrokerUnavailable, see Durability, where it is unknown: after two times
  /// `durable_timeout` and what it takes to connect at most.
  [[nodiscard]] Task<std::string> confirm(Durable durable, Command touch);
  /// Ends what waits and returns when nothing is left.
  [[nodiscard]] Task<void> close();

 private:
  /// What several share.
  struct Question {
    Question(const Durable& wanted, Command write) : durable(wanted), touch(std::move(write)) {}
    const Durable durable;
    const Command touch;
    std::vector<Reply> replies;
    std::string lost;  // why there are none
    Event answered;
  };
  Task<void> ask_all();
  Task<void> ask(Question& question);

  const Durability& durability_;
  Connection connection_;
  std::deque<std::shared_ptr<Question>> next_;
  bool asking_ = false;
  TaskScope tasks_{"asks whether it is durable"};
};

}  // namespace coterie::brokers::redis

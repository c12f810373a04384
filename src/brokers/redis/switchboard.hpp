#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coterie/queue/fleet.hpp"
#include "coterie/scope.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/subscription.hpp"

namespace coterie::brokers::redis {

/// Questions to workers and their answers. Both lie at shard 0, and who waits for them is told by a message
/// with their number to a channel of its process: 16 bytes, a worker's incarnation or a question's id.
///
///     ask ── question, SPUBLISH ──▶ questions ──▶ (the worker) ──▶ answer ── answer, SPUBLISH ──▶ ask
///
/// Belongs to one loop.
class Switchboard {
 public:
  explicit Switchboard(Shards& shards);

  // See Broker.
  Task<void> announce(queue::WorkerReport report);
  Task<queue::Fleet> workers();
  Task<queue::WorkerAnswer> ask(queue::Uuid worker, std::string question, queue::Milliseconds at_most);
  Task<std::vector<queue::Question>> questions(queue::Uuid worker, queue::Milliseconds at_most);
  Task<void> answer(queue::Uuid worker, queue::Uuid question, queue::WorkerAnswer answer);
  Task<void> close();

 private:
  /// Somebody who waits for a message with this number.
  class Ear {
   public:
    Ear(Switchboard& switchboard, const queue::Uuid& number);
    Ear(const Ear&) = delete;
    Ear& operator=(const Ear&) = delete;
    ~Ear();
    /// There was a message, or one may have been missed, since it was asked for last; or `until` is over.
    Task<void> heard(TimePoint until);

    queue::Uuid number;
    bool rung = false;
    Event bell;

   private:
    Switchboard& switchboard_;
  };
  void listen();
  void take_message(std::string_view payload);
  Task<void> withdraw(queue::Uuid worker, queue::Uuid question);

  Shards& shards_;
  const std::string channel_;
  std::unique_ptr<Subscription> subscription_;
  std::vector<Ear*> ears_;
  TaskScope withdrawals_{"questions that nobody waits for"};
};

}  // namespace coterie::brokers::redis

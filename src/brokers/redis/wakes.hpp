#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coterie/scope.hpp"
#include "coterie/sync/event.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/subscription.hpp"
#include "src/brokers/redis/watch.hpp"

namespace coterie::brokers::redis {

/// The workers of this process that sleep until the server has something for one of them: a job that it can
/// run, a cancel of one that it runs. Scripts tell as many workers as there are jobs (see wake.lua), over one
/// channel of each shard for all that are here, to which the first that sleeps listens. Some more are asked
/// to look a little later, in case those that were told are stopped; and called off again.
///
/// A worker with many handlers sleeps by queue, and passes on what it has no handler for; one with very many
/// queues is told of every change instead: see `most_places`.
///
/// Belongs to one loop.
class Wakes {
 public:
  /// A worker stands in one list for each of its queues and each of its handlers there, where these are no
  /// more than so many; else in one for each queue. constants.lua has the same number.
  static constexpr std::size_t most_places = 64;

  Wakes(Shards& shards, Watch& watch);

  /// The worker is about to ask for work.
  void asks(const queue::CycleRequest& request);
  /// Of which shards it was told since it asked last; from now on that is forgotten.
  [[nodiscard]] std::vector<bool> take_told(const queue::Uuid& worker);
  /// Where the worker can be told of a shard's work; empty while nobody listens there.
  [[nodiscard]] std::string channel_for(const queue::Uuid& worker, std::uint32_t shard);
  /// See Broker::changed_for.
  Task<std::uint64_t> changed(queue::Uuid worker, std::uint64_t seen, queue::Milliseconds at_most);
  Task<void> close();

 private:
  struct Sleeper {
    std::vector<bool> told;  // of each shard, since it asked last
    bool told_any = false;
    bool by_every_change = false;
    std::set<std::pair<std::uint32_t, std::string>>
        guarded;                        // shards and streams at which it is still to look
    std::vector<std::string> handlers;  // which it has, where it sleeps by queue; empty: no need to know
    TimePoint used;
    Event change;  // set and cleared at once

    [[nodiscard]] bool can_run(std::string_view job) const;
  };
  using SleeperPtr = std::shared_ptr<Sleeper>;

  SleeperPtr sleeper(const queue::Uuid& worker);
  void listen();
  void take_message(std::uint32_t shard, std::string_view payload);
  /// `job`: "queue\nhandler", and behind another line's end how often it may be passed on.
  Task<void> pass_on(std::uint32_t shard, std::string job);
  void take_guard(std::uint32_t shard, const SleeperPtr& sleeper, std::string_view what);
  static Task<void> look_later(SleeperPtr sleeper, std::uint32_t shard, std::string stream, Duration after);
  void tell_all(std::uint32_t shard);
  static void tell(Sleeper& sleeper, std::uint32_t shard);

  Shards& shards_;
  Watch& watch_;
  const queue::Uuid process_;
  std::unordered_map<queue::Uuid, SleeperPtr> sleepers_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  TaskScope passes_{"passes jobs on"};
};

}  // namespace coterie::brokers::redis

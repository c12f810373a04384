#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "coterie/queue/broker.hpp"
#include "src/brokers/redis/itinerary.hpp"
#include "src/brokers/redis/shards.hpp"
#include "src/brokers/redis/wakes.hpp"

namespace coterie::brokers::redis {

/// Workers' cycles over all shards of a queue: settlements go to the shards of their jobs, and what is wanted
/// is asked for where there may be something. Which shards a call visits, `Itinerary` says; here they are
/// asked, several at once, and their replies put together.
///
/// **Repeating a call.** Each shard keeps its part of the reply by the worker's number, so a call that got no
/// answer is repeated at the shards that it was to visit. A broker that does not know the worker (it is new,
/// or its process has started again) asks all shards first, and wants nothing: where one has answered this
/// very number before, that is the answer.
///
/// Belongs to one loop.
class Rounds {
 public:
  Rounds(Shards& shards, Wakes& wakes) : shards_(shards), wakes_(wakes) {}
  /// See Broker::cycle.
  Task<queue::CycleReply> cycle(queue::CycleRequest request);

 private:
  class Conversation;
  using ItineraryPtr = std::shared_ptr<Itinerary>;
  [[nodiscard]] ItineraryPtr itinerary_of(const queue::Uuid& worker);
  Task<queue::CycleReply> at_one(queue::CycleRequest request);
  Task<void> keep_homes(Itinerary& itinerary, const queue::CycleRequest& request);

  Shards& shards_;
  Wakes& wakes_;
  std::unordered_map<queue::Uuid, ItineraryPtr> itineraries_;
};

}  // namespace coterie::brokers::redis

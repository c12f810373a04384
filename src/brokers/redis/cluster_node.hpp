#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "coterie/task.hpp"
#include "src/brokers/redis/settings.hpp"
#include "src/brokers/redis/slots.hpp"

namespace coterie::brokers::redis {

/// What one node of a cluster knows.
struct NodeAnswer {
  SlotMap map;
  /// Slots of which this node is just being given the keys. Nobody else can tell: where the master that gives
  /// them dies meanwhile, the replica that follows it knows of nothing, and misses what has gone already.
  std::vector<std::uint16_t> arriving;
  NodeAnswer() = default;
};

/// Asks one node over a connection of its own, within a second. BrokerUnavailable where it does not answer or
/// knows no slots; BadBroker where it answers and cannot help: a wrong password, no right to ask, no cluster.
[[nodiscard]] Task<NodeAnswer> ask_node(Settings settings, Address node);

/// The slots of which CLUSTER NODES says that they are arriving at the node that was asked, "[7734-<-its
/// id]", where `mark` is "-<-"; with "->-" those that leave it.
[[nodiscard]] std::vector<std::uint16_t> read_open(std::string_view nodes, std::string_view mark);

}  // namespace coterie::brokers::redis

#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/brokers/redis_say.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {

/// A Redis cluster of the test's own, on free ports of this machine; ready when this is made, which takes the
/// two seconds that Redis waits before a new master takes writes.
class RedisCluster {
 public:
  /// Nodes 0 to masters - 1 share the slots in equal parts; then there are as many replicas of each, by
  /// turns. `options`: of each redis-server; with --tls-cluster it takes only TLS at its port.
  explicit RedisCluster(std::size_t masters = 3, std::size_t replicas = 0,
                        const std::vector<std::string>& options = {});

  [[nodiscard]] RedisServer& node(std::size_t i) { return *nodes_.at(i)->server; }
  [[nodiscard]] std::string place(std::size_t i) const;
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  /// Names all nodes.
  [[nodiscard]] std::string url(const std::string& query = "") const;

  /// To one node, past all redirections.
  Reply tell(std::size_t i, const std::string& words) const {
    return say(nodes_.at(i)->server->url(), words);
  }
  Reply tell(std::size_t i, const Command& command) const {
    return say(nodes_.at(i)->server->url(), command);
  }
  /// Which of the nodes has that slot, as node `by` sees it.
  [[nodiscard]] std::size_t owner(std::uint16_t slot, std::size_t by = 0) const;

  /// An administrator moves a slot: both are told, then the keys go, as many as there are at most, then all
  /// are told.
  void begin_move(std::uint16_t slot, std::size_t from, std::size_t to) const;
  /// How many keys went.
  std::size_t move_keys(std::uint16_t slot, std::size_t from, std::size_t to, std::size_t most) const;
  void end_move(std::uint16_t slot, std::size_t from, std::size_t to) const;
  void move(std::uint16_t slot, std::size_t from, std::size_t to) const;

 private:
  struct Node {
    std::uint16_t port = 0;
    std::uint16_t bus = 0;
    std::unique_ptr<RedisServer> server;
    std::string id;
    Node() = default;
  };
  void start_node(const std::vector<std::string>& options);
  void introduce_all() const;
  void make_replica(std::size_t i, std::size_t of) const;
  [[nodiscard]] bool is_ready(std::size_t i) const;

  std::vector<std::unique_ptr<Node>> nodes_;
  bool tls_ = false;
};

}  // namespace broker_suite

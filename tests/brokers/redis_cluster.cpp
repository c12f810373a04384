#include "tests/brokers/redis_cluster.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "src/brokers/redis/slots.hpp"

namespace broker_suite {
namespace {

using coterie::brokers::redis::slot_count;

void must_be_ok(const Reply& reply) {
  if (reply.kind() != Reply::Kind::status || reply.string() != "OK")
    throw std::runtime_error("the test's cluster: " + reply.describe());
}

}  // namespace

RedisCluster::RedisCluster(std::size_t masters, std::size_t replicas,
                           const std::vector<std::string>& options) {
  if (masters == 0) throw std::invalid_argument("a cluster of no masters");
  tls_ = std::ranges::find(options, "--tls-cluster") != options.end();
  for (std::size_t i = 0; i < masters * (1 + replicas); ++i) start_node(options);
  for (std::size_t i = 0; i < masters; ++i) {
    const std::size_t first = i * slot_count / masters;
    const std::size_t last = (i + 1) * slot_count / masters - 1;
    must_be_ok(tell(i, "CLUSTER ADDSLOTSRANGE " + std::to_string(first) + " " + std::to_string(last)));
    must_be_ok(tell(i, "CLUSTER SET-CONFIG-EPOCH " + std::to_string(i + 1)));
  }
  introduce_all();
  for (std::size_t i = masters; i < size(); ++i) make_replica(i, i % masters);
  for (std::size_t i = 0; i < size(); ++i) await_that([&] { return is_ready(i); });
}

void RedisCluster::start_node(const std::vector<std::string>& options) {
  auto node = std::make_unique<Node>();
  node->port = free_port();
  node->bus = free_port();
  std::vector<std::string> words{"--cluster-enabled",
                                 "yes",
                                 tls_ ? "--tls-port" : "--port",
                                 std::to_string(node->port),
                                 "--cluster-port",
                                 std::to_string(node->bus),
                                 "--enable-debug-command",
                                 "yes",
                                 "--repl-diskless-sync-delay",
                                 "0"};
  words.insert(words.end(), options.begin(), options.end());
  node->server = std::make_unique<RedisServer>(std::move(words));
  node->id = say(node->server->url(), "CLUSTER MYID").string();
  nodes_.push_back(std::move(node));
}

void RedisCluster::introduce_all() const {
  for (std::size_t i = 1; i < size(); ++i)
    must_be_ok(tell(0, "CLUSTER MEET 127.0.0.1 " + std::to_string(nodes_[i]->port) + " " +
                           std::to_string(nodes_[i]->bus)));
}

void RedisCluster::make_replica(std::size_t i, std::size_t of) const {
  await_that([&] { return tell(i, "CLUSTER REPLICATE " + nodes_[of]->id).kind() == Reply::Kind::status; });
  await_that([&] {
    return tell(i, "INFO replication").string().find("master_link_status:up") != std::string::npos;
  });
}

/// It knows all slots and all nodes.
bool RedisCluster::is_ready(std::size_t i) const {
  const std::string info = tell(i, "CLUSTER INFO").string();
  const auto says = [&](const std::string& line) { return info.find(line + "\r\n") != std::string::npos; };
  if (!says("cluster_state:ok") || !says("cluster_known_nodes:" + std::to_string(size()))) return false;
  std::size_t roles = 0;
  const Reply slots = tell(i, "CLUSTER SLOTS");
  for (const Reply& range : slots.array()) roles += range.array().size() - 2;
  return roles == size();
}

std::string RedisCluster::place(std::size_t i) const {
  return "127.0.0.1:" + std::to_string(nodes_.at(i)->port);
}

std::string RedisCluster::url(const std::string& query) const {
  std::string text = tls_ ? "rediss+cluster://" : "redis+cluster://";
  for (std::size_t i = 0; i < size(); ++i) text += (i == 0 ? "" : ",") + place(i);
  return text + (query.empty() ? "" : "?" + query);
}

std::size_t RedisCluster::owner(std::uint16_t slot, std::size_t by) const {
  const Reply slots = tell(by, "CLUSTER SLOTS");
  for (const Reply& range : slots.array()) {
    if (slot < range.at(0).integer() || slot > range.at(1).integer()) continue;
    for (std::size_t i = 0; i < size(); ++i)
      if (range.at(2).at(1).integer() == nodes_[i]->port) return i;
  }
  return size();
}

void RedisCluster::begin_move(std::uint16_t slot, std::size_t from, std::size_t to) const {
  const std::string set = "CLUSTER SETSLOT " + std::to_string(slot);
  must_be_ok(tell(to, set + " IMPORTING " + nodes_.at(from)->id));
  must_be_ok(tell(from, set + " MIGRATING " + nodes_.at(to)->id));
}

std::size_t RedisCluster::move_keys(std::uint16_t slot, std::size_t from, std::size_t to,
                                    std::size_t most) const {
  const Reply keys = tell(from, "CLUSTER GETKEYSINSLOT " + std::to_string(slot) + " " + std::to_string(most));
  if (keys.array().empty()) return 0;
  Command migrate("MIGRATE");
  migrate.arg("127.0.0.1").arg(nodes_.at(to)->port).arg("").arg(0).arg(5000).arg("KEYS");
  for (const Reply& key : keys.array()) migrate.arg(key.string());
  must_be_ok(tell(from, migrate));
  return keys.array().size();
}

void RedisCluster::end_move(std::uint16_t slot, std::size_t from, std::size_t to) const {
  const std::string set = "CLUSTER SETSLOT " + std::to_string(slot) + " NODE " + nodes_.at(to)->id;
  must_be_ok(tell(to, set));
  must_be_ok(tell(from, set));
}

void RedisCluster::move(std::uint16_t slot, std::size_t from, std::size_t to) const {
  begin_move(slot, from, to);
  while (move_keys(slot, from, to, 1000) != 0) {
  }
  end_move(slot, from, to);
}

}  // namespace broker_suite

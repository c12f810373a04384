#include "src/brokers/redis/cluster_node.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "src/brokers/redis/ask.hpp"
#include "src/brokers/redis/handshake.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::BadBroker;
using queue::BrokerUnavailable;

Settings settings_of_node(const Settings& settings, const Address& node) {
  Settings at(settings);
  at.cluster.clear();
  at.host = node.host;
  at.port = node.port;
  at.connect_timeout = std::min(settings.connect_timeout, answer_within);
  return at;
}

[[noreturn]] void refuse(const Settings& at, const std::string& why) {
  throw BadBroker(at.url() + ": " + why);
}

void check_answer(const Settings& settings, const Settings& at, const Reply& reply) {
  if (!reply.is_error()) return;
  const std::string& said = reply.error();
  if (said.find("cluster support disabled") != std::string::npos)
    refuse(at, "it is no cluster but a server that stands by itself: write " +
                   std::string(at.tls ? "rediss" : "redis") + "://" + at.address().text());
  if (reply.is_error("NOPERM"))
    refuse(at,
           "its user may not ask where the slots are: allow it, at each node, as by " + acl_cure(settings));
  if (said.find("unknown command") != std::string::npos)
    refuse(at, "it knows no CLUSTER SLOTS: it is no node of a Redis cluster");
  throw BrokerUnavailable(at.url() + ": it does not tell where the slots are: " + reply.describe());
}

Task<NodeAnswer> ask(Link& link, const Settings& settings, const Settings& at) {
  co_await greet_subscriber(link, at);
  std::vector<Command> commands;
  commands.push_back(Command("CLUSTER").arg("SLOTS"));
  commands.push_back(Command("CLUSTER").arg("NODES"));
  const std::vector<Reply> replies = co_await link.call_all(commands);
  for (const Reply& reply : replies) check_answer(settings, at, reply);
  NodeAnswer answer;
  answer.map = SlotMap::read(replies[0], at.address());
  answer.arriving = read_open(replies[1].string(), "-<-");
  if (answer.map.covered() == 0)
    throw BrokerUnavailable(at.url() +
                            ": it knows of no slots: make the cluster (redis-cli --cluster create), or leave "
                            "this node out of the URL, which the others may have forgotten");
  co_return answer;
}

}  // namespace

std::vector<std::uint16_t> read_open(std::string_view nodes, std::string_view mark) {
  std::vector<std::uint16_t> slots;
  for (std::size_t at = nodes.find(" ["); at != std::string_view::npos; at = nodes.find(" [", at)) {
    at += 2;
    std::uint16_t slot = 0;
    const auto [stopped, error] = std::from_chars(nodes.data() + at, nodes.data() + nodes.size(), slot);
    const auto rest = nodes.substr(static_cast<std::size_t>(stopped - nodes.data()));
    if (error == std::errc{} && slot < slot_count && rest.starts_with(mark)) slots.push_back(slot);
  }
  return slots;
}

Task<NodeAnswer> ask_node(Settings settings, Address node) {
  const Settings at = settings_of_node(settings, node);
  const auto questions = [&](Link& link) { return ask(link, settings, at); };
  NodeAnswer answer = co_await ask_alone<NodeAnswer>(at, questions);
  co_return answer;
}

}  // namespace coterie::brokers::redis

// coterie doctor on a cluster: each node as a server by itself, and what they say of the cluster together.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "src/brokers/redis/ask.hpp"
#include "src/brokers/redis/cluster.hpp"
#include "src/brokers/redis/cluster_node.hpp"
#include "src/brokers/redis/doctor.hpp"
#include "src/brokers/redis/routing.hpp"

namespace coterie::brokers::redis {
namespace {

using queue::Diagnosis;
using queue::Finding;
using Nodes = std::vector<std::string>;

/// Beyond that it would take minutes.
constexpr std::size_t nodes_looked_at = 64;

/// A node, and what was found there.
struct Examined {
  Address address;
  bool replica = false;
  std::string away;   ///< why it could not be looked at; empty: it was
  std::string info;   ///< what CLUSTER INFO says
  std::string blind;  ///< why it does not
  std::string table;  ///< what CLUSTER NODES says
  std::optional<SlotMap> map;
  Diagnosis found;
  Examined() = default;

  [[nodiscard]] const Finding* at(std::string_view check) const {
    const auto it = std::ranges::find(found.findings, check, &Finding::check);
    return it == found.findings.end() ? nullptr : &*it;
  }
};

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// "5, 7, 9 and 3 more".
std::string listed(const std::vector<std::string>& words) {
  constexpr std::size_t shown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(words.size(), shown); ++i) text += (i == 0 ? "" : ", ") + words[i];
  if (words.size() > shown) text += " and " + std::to_string(words.size() - shown) + " more";
  return text;
}

// Looking ---------------------------------------------------------------------------------------------------

Task<void> ask_about_cluster(Link& link, Examined& node) {
  std::vector<Command> commands;
  for (const char* what : {"INFO", "NODES", "SLOTS"}) commands.push_back(Command("CLUSTER").arg(what));
  std::vector<Reply> replies = co_await link.call_all(commands);
  if (replies[0].is_error())
    node.blind = why_not(replies[0], "+cluster|info");
  else
    node.info = replies[0].take_string();
  if (!replies[1].is_error()) node.table = replies[1].take_string();
  if (!replies[2].is_error()) node.map = SlotMap::read(replies[2], node.address);
}

/// One that hangs must not hold up the rest for long.
Settings settings_at(const Settings& settings, const Address& address) {
  Settings at(settings);
  at.host = address.host;
  at.port = address.port;
  at.connect_timeout = std::min(settings.connect_timeout, answer_within);
  at.command_timeout = std::min(settings.command_timeout, 2 * answer_within);
  return at;
}

Task<void> examine_node(const Settings& settings, const SlotMap& map, Census& census, Examined& node) {
  const Settings at = settings_at(settings, node.address);
  Settings alone(at);  // a replica is as welcome as a master
  alone.cluster.clear();
  Findings out(node.found);
  const auto look = [&](Link& link) -> Task<void> {
    co_await ask_about_cluster(link, node);
    Patient patient(link, at, out, census);
    patient.map = &map;
    patient.replica = node.replica;
    co_await examine_server(patient);
  };
  Task<void> visiting = visit(alone, look);
  const Outcome<void> end = co_await outcome(std::move(visiting));
  try {
    end.get();
  } catch (const queue::QueueError& error) {
    node.away = error.what();
  }
}

/// The master of shard 0 first, which says how many there are; then the other masters.
std::vector<Examined> nodes_of(const Settings& settings, const SlotMap& map) {
  std::vector<Address> masters = map.masters();
  if (const Address* const first = map.master_of(slot_of(settings.prefix(0))); first != nullptr)
    std::ranges::rotate(masters, std::ranges::find(masters, *first));
  std::vector<Examined> nodes;
  const auto add = [&nodes](const std::vector<Address>& addresses, bool replica) {
    for (const Address& address : addresses) {
      Examined& node = nodes.emplace_back();
      node.address = address;
      node.replica = replica;
    }
  };
  add(masters, false);
  add(map.replicas(), true);
  return nodes;
}

// Reporting -------------------------------------------------------------------------------------------------

/// Of the nodes that answer.
void report_state(const std::vector<Examined>& nodes, std::size_t left_out, Findings& out) {
  Nodes down;
  std::string blind;
  for (const Examined& node : nodes) {
    if (!node.blind.empty()) blind = node.blind;
    if (node.away.empty() && node.blind.empty() && info_line(node.info, "cluster_state") != "ok")
      down.push_back(node.address.text());
  }
  const auto replicas = static_cast<std::size_t>(std::ranges::count(nodes, true, &Examined::replica));
  const std::string size =
      counted(nodes.size() - replicas, "master") + " and " + counted(replicas, "replica") +
      (left_out == 0 ? "" : "; " + std::to_string(left_out) + " more were not looked at");
  const Findings::Numbers numbers{{"masters", static_cast<double>(nodes.size() - replicas)},
                                  {"replicas", static_cast<double>(replicas)}};
  if (!down.empty())
    out.problem("cluster", "down, as " + listed(down) + (down.size() == 1 ? " sees it" : " see it"),
                "calls wait, and fail after command_timeout_ms",
                "redis-cli --cluster check " + down[0] + " tells which slots have no master", numbers);
  else if (!blind.empty())
    out.unknown("cluster", blind);
  else
    out.ok("cluster", "up; " + size, {}, numbers);
}

/// Slots on their way, by what their two nodes say: "[7734->-id]", "[7734-<-id]".
std::set<std::uint16_t> open_slots(const std::vector<Examined>& nodes) {
  std::set<std::uint16_t> open;
  for (const Examined& node : nodes)
    for (const std::string_view mark : {"-<-", "->-"})
      std::ranges::copy(read_open(node.table, mark), std::inserter(open, open.end()));
  return open;
}

void report_open_slots(const std::vector<Examined>& nodes, const Settings& settings, const Census& census,
                       Findings& out) {
  std::vector<std::string> ours;
  std::vector<std::string> others;
  for (const std::uint16_t slot : open_slots(nodes)) {
    const auto is_there = [&](std::uint32_t shard) { return slot_of(settings.prefix(shard)) == slot; };
    bool used = false;
    for (std::uint32_t shard = 0; shard < std::min(census.shards, shards_most); ++shard)
      used = used || is_there(shard);
    (used ? ours : others).push_back(std::to_string(slot));
  }
  const std::string cure =
      "wait for the move to end; where nobody moves them any more: redis-cli --cluster fix " +
      nodes[0].address.text();
  if (!ours.empty())
    out.problem("moving", "slots of the queue are on their way: " + listed(ours), "their jobs wait", cure);
  if (!others.empty())
    out.warning("moving", "slots on their way: " + listed(others), "no part of the queue is there", cure);
}

void report_slots(const std::vector<Examined>& nodes, const SlotMap& map, Findings& out) {
  const std::string check = "redis-cli --cluster check " + nodes[0].address.text();
  Nodes other;
  for (const Examined& node : nodes) {
    bool alike = true;
    for (std::size_t slot = 0; slot < slot_count && node.map && alike; ++slot) {
      const Address* const here = map.master_of(static_cast<std::uint16_t>(slot));
      const Address* const there = node.map->master_of(static_cast<std::uint16_t>(slot));
      alike = here == nullptr || there == nullptr ? here == there : *here == *there;
    }
    if (!alike) other.push_back(node.address.text());
  }
  const std::string found =
      std::to_string(map.covered()) + " of " + std::to_string(slot_count) + " have a master";
  const Findings::Numbers numbers{{"slots", static_cast<double>(map.covered())}};
  if (map.covered() != slot_count)
    out.problem("slots", found, "what belongs into the others cannot be stored: shards of the queue, perhaps",
                check + " names them, redis-cli --cluster fix gives them to a master", numbers);
  else if (!other.empty())
    out.warning("slots", found + ", but not the same one for " + listed(other),
                "clients are sent to and fro, and wait",
                check + ": a failover or a move is under way, or that node is cut off", numbers);
  else
    out.ok("slots", found, {}, numbers);
}

/// Flags of a line of CLUSTER NODES: "id ip:port@bus flags master …".
void report_lost_nodes(const std::vector<Examined>& nodes, Findings& out) {
  Nodes lost;
  for (const Examined& node : nodes)
    if (!node.away.empty()) {
      lost.push_back(node.address.text());
      out.problem("node", node.address.text() + " cannot be looked at: " + node.away,
                  node.replica ? "it may take over nothing, and has no copy of what is confirmed now"
                               : "its part of the queue is away",
                  "start it, or let the cluster forget it (redis-cli --cluster del-node)");
    }
  const auto asked = std::ranges::find_if(nodes, [](const Examined& node) { return !node.table.empty(); });
  if (asked == nodes.end()) return;
  std::istringstream lines(asked->table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id;
    std::string place;
    std::string flags;
    words >> id >> place >> flags;
    place = place.substr(0, place.find_first_of("@,"));
    const bool failed = ("," + flags + ",").find(",fail") != std::string::npos;
    if (failed && std::ranges::find(lost, place) == lost.end())
      out.warning("node", place.append(" is marked ").append(flags),
                  "it takes no part: a replica less to take over",
                  "start it, or let the cluster forget it: redis-cli --cluster del-node " +
                      asked->address.text() + " " + id);
  }
}

void report_versions(const std::vector<Examined>& nodes, Findings& out) {
  std::set<std::string> versions;
  for (const Examined& node : nodes)
    if (const Finding* const version = node.at("version")) versions.insert(version->found);
  if (versions.size() > 1)
    out.warning("versions", listed({versions.begin(), versions.end()}),
                "a replica that is older than its master may not understand it",
                "bring all nodes to the newest, replicas first");
}

double number(const Finding& of, std::string_view name) {
  const auto it = std::ranges::find_if(of.numbers, [&](const auto& one) { return one.first == name; });
  return it == of.numbers.end() ? 0 : it->second;
}

/// A shard takes its time with it where it goes, and that never goes backwards.
void report_clocks(const std::vector<Examined>& nodes, Findings& out) {
  double least = 0;
  double most = 0;
  double error = 0;
  std::size_t clocks = 0;
  for (const Examined& node : nodes) {
    const Finding* const clock = node.at("clock");
    if (clock == nullptr || clock->health == queue::Health::unknown) continue;
    const double skew = number(*clock, "skew_ms");
    least = clocks == 0 ? skew : std::min(least, skew);
    most = clocks == 0 ? skew : std::max(most, skew);
    error = std::max(error, number(*clock, "error_ms"));
    ++clocks;
  }
  if (clocks < 2) return;
  const std::string found = "at most " + microseconds_text(1000 * (most - least)) +
                            " between two nodes, give or take " + microseconds_text(2000 * error);
  const Findings::Numbers numbers{{"apart_ms", most - least}, {"error_ms", 2 * error}};
  if (most - least > 1000 + 2 * error)
    out.warning("clocks", found, "after a failover jobs for a given time start that much early or late",
                "let NTP set all of them", numbers);
  else
    out.ok("clocks", found, {}, numbers);
}

/// Which shards are nowhere to be seen.
void note_away(const std::vector<Examined>& nodes, Census& census) {
  for (const Examined& node : nodes)
    if (!node.replica && !node.away.empty() && census.unseen.empty())
      census.unseen = node.address.text() + " is away";
}

void report_spread(const Settings& settings, const SlotMap& map, const Census& census, Findings& out) {
  if (census.shards == 0 || census.shards > shards_most) return;
  std::set<std::string> used;
  for (std::uint32_t shard = 0; shard < census.shards; ++shard)
    if (const Address* const master = map.master_of(slot_of(settings.prefix(shard))))
      used.insert(master->text());
  const std::size_t masters = map.masters().size();
  out.ok("shards",
         std::to_string(census.shards) + " on " + std::to_string(used.size()) + " of " +
             counted(masters, "master"),
         used.size() < masters ? "the others have no part of this queue" : "",
         {{"masters_used", static_cast<double>(used.size())}});
}

bool is_alike(const Finding& one, const Finding& other) {
  return one.check == other.check && one.health == other.health && one.found == other.found &&
         one.meaning == other.meaning && one.change == other.change && one.numbers == other.numbers;
}

/// Behind the others of its check.
void add_finding(std::vector<Finding>& all, Finding&& finding, const std::string& node) {
  const auto alike = std::ranges::find_if(all, [&](const Finding& one) { return is_alike(one, finding); });
  if (alike != all.end()) {
    alike->nodes.push_back(node);
    return;
  }
  auto place = all.end();
  for (auto it = all.begin(); it != all.end(); ++it)
    if (it->check == finding.check) place = it + 1;
  finding.nodes.push_back(node);
  all.insert(place, std::move(finding));
}

/// What is the same at several nodes is said once.
void report_nodes(std::vector<Examined>& nodes, Diagnosis& diagnosis) {
  std::vector<Finding> all;
  std::size_t answered = 0;
  for (Examined& node : nodes) {
    if (!node.away.empty()) continue;
    ++answered;
    for (Finding& finding : node.found.findings) add_finding(all, std::move(finding), node.address.text());
  }
  for (Finding& finding : all)
    if (finding.nodes.size() == answered) finding.nodes.clear();
  std::ranges::move(all, std::back_inserter(diagnosis.findings));
}

}  // namespace

Task<void> examine_cluster(const Settings& settings, Diagnosis& diagnosis) {
  const auto cluster = std::make_shared<Cluster>(settings);
  Task<void> looking = cluster->look();
  const Outcome<void> looked = co_await outcome(std::move(looking));
  const SlotMap map = cluster->map();
  co_await cluster->close();
  looked.get();
  std::vector<Examined> nodes = nodes_of(settings, map);
  const std::size_t all = nodes.size();
  if (all > nodes_looked_at) nodes.resize(nodes_looked_at);
  Census census;
  // One after the other: their latencies are measured.
  for (Examined& node : nodes) co_await examine_node(settings, map, census, node);
  note_away(nodes, census);
  Findings out(diagnosis);
  report_state(nodes, all - nodes.size(), out);
  report_slots(nodes, map, out);
  report_open_slots(nodes, settings, census, out);
  report_lost_nodes(nodes, out);
  report_versions(nodes, out);
  report_clocks(nodes, out);
  report_queue(out, settings, census);
  report_spread(settings, map, census, out);
  report_nodes(nodes, diagnosis);
}

}  // namespace coterie::brokers::redis

#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/await_outcome.hpp"
#include "src/brokers/findings.hpp"
#include "src/brokers/redis/dial.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/link.hpp"
#include "src/brokers/redis/slots.hpp"

namespace coterie::brokers::redis {

/// What was seen of the queue, which may be spread over several servers.
struct Census {
  std::uint32_t shards = 0;  ///< as written down at shard 0; 0: nothing is
  std::uint64_t jobs = 0;    ///< in all states
  std::uint64_t dead = 0;    ///< of these
  std::string layout;        ///< of a shard that has another one than ours; empty: none has
  std::int64_t ahead = 0;    ///< of its server's clock, in ms: the time that a shard knows, the most of all
  std::string move;          ///< notes of moves that have not ended, from here and to here, see
  std::string move_sources;  ///< move_note.hpp; empty: none
  std::string unseen;        ///< why a part of it could not be looked at; empty: all was
};

/// What a doctor has with it: one connection, which no broker uses, and what it has read once for all.
struct Patient {
  Patient(Link& at, const Settings& with, Findings& into, Census& of)
      : link(at), settings(with), out(into), census(of) {}
  Link& link;
  const Settings& settings;  ///< of a cluster's node: with its address, and those of the URL
  Findings& out;
  Census& census;
  const SlotMap* map = nullptr;  ///< of a cluster: which shards are here
  bool replica = false;          ///< of a cluster, where that is no mistake
  std::string info;              ///< INFO's text
  Reply config;                  ///< CONFIG GET's
  std::uint64_t jobs = 0;        ///< here

  [[nodiscard]] std::string_view line(std::string_view key) const { return info_line(info, key); }
  /// 0 where it is not there.
  [[nodiscard]] std::uint64_t number(std::string_view key) const;
  /// A setting of the server; empty where it was not told.
  [[nodiscard]] std::string setting(std::string_view name) const;
  /// That shard of the queue is here.
  [[nodiscard]] bool holds(std::uint32_t shard) const;
};

/// Runs `look(link)`, a Task, over a connection of its own, which it greets as a subscriber does: that asks
/// nothing of the server. `look` outlives it.
template <class Look>
Task<void> visit(Settings at, Look& look) {
  io::Stream stream = co_await dial(at);
  const std::shared_ptr<Link> link = Link::start(std::move(stream), at);
  const auto greet_and_look = [&]() -> Task<void> {
    co_await greet_subscriber(*link, at);
    (void)co_await link->call(Command("CLIENT").arg("SETNAME").arg("coterie-doctor"));
    co_await look(*link);
  };
  Task<void> looking = greet_and_look();
  const Outcome<void> end = co_await outcome(std::move(looking));
  link->close("the doctor has seen enough");
  co_await link->join();
  end.get();
}

/// All that is to be seen at one server.
Task<void> examine_server(Patient& patient);

// doctor_cluster.cpp: the cluster itself, and each of its nodes
Task<void> examine_cluster(const Settings& settings, queue::Diagnosis& diagnosis);

// doctor_queue.cpp
/// The shards of the queue that are here. Shard 0 says how many there are: its server is looked at first.
Task<void> look_at_shards(Patient& patient);
void report_queue(Findings& out, const Settings& settings, const Census& census);

/// "the user lacks +config|get"; what else the server said instead of an answer.
[[nodiscard]] std::string why_not(const Reply& reply, std::string_view right);

// doctor_server.cpp: what INFO and CONFIG say
void look_at_server(Patient& patient);
void look_at_persistence(Patient& patient);
void look_at_memory(Patient& patient);
void look_at_connections(Patient& patient);

// doctor_speed.cpp
Task<void> look_at_clock(Patient& patient);
Task<void> look_at_latency(Patient& patient);
/// `times`: microseconds of some PINGs, one at least.
void report_latency(Findings& out, std::vector<double> times);
Task<void> look_at_slow_log(Patient& patient);

// doctor_rights.cpp. The last look: the connection is of no more use then.
Task<void> look_at_rights(Patient& patient);

/// The commands that a broker sends and that its scripts call, with arguments that fit them: `K` a key, `C` a
/// channel, `S` a script's name.
[[nodiscard]] const std::vector<std::string_view>& commands_of_a_broker();

}  // namespace coterie::brokers::redis

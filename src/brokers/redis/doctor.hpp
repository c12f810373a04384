#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/brokers/findings.hpp"
#include "src/brokers/redis/handshake.hpp"
#include "src/brokers/redis/link.hpp"

namespace coterie::brokers::redis {

/// What a doctor has with it: one connection, which no broker uses, and what it has read once for all.
struct Patient {
  Patient(Link& at, const Settings& with, Findings& into) : link(at), settings(with), out(into) {}
  Link& link;
  const Settings& settings;
  Findings& out;
  std::string info;  ///< INFO's text
  Reply config;      ///< CONFIG GET's
  std::uint64_t jobs = 0;

  [[nodiscard]] std::string_view line(std::string_view key) const { return info_line(info, key); }
  /// 0 where it is not there.
  [[nodiscard]] std::uint64_t number(std::string_view key) const;
  /// A setting of the server; empty where it was not told.
  [[nodiscard]] std::string setting(std::string_view name) const;
  /// The beginning of our keys, "{coterie:0}".
  [[nodiscard]] std::string prefix() const { return "{" + settings.key_namespace + ":0}"; }
};

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
Task<void> look_at_slow_log(Patient& patient);

// doctor_rights.cpp. The last look: the connection is of no more use then.
Task<void> look_at_rights(Patient& patient);

/// The commands that a broker sends and that its scripts call, with arguments that fit them: `K` a key, `C` a
/// channel, `S` a script's name.
[[nodiscard]] const std::vector<std::string_view>& commands_of_a_broker();

}  // namespace coterie::brokers::redis

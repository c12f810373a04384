#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "coterie/task.hpp"
#include "src/brokers/redis/settings.hpp"

namespace coterie::brokers::redis {

class Link;

/// What a server said about itself when the connection was made.
struct ServerInfo {
  std::string version;  ///< "7.0.15"
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string mode;  ///< "standalone", "sentinel", "cluster"
  /// Changes when the process is another one, as after a restart.
  std::string run_id;
  /// Changes with each failover and each start, and at times in between: who has the same id and is a master
  /// has lost nothing of what was written since it had that.
  std::string replication_id;
  std::uint64_t maxmemory = 0;  ///< bytes; 0: no limit
  /// "noeviction", or what it throws away when memory is full. Empty where it does not say.
  std::string maxmemory_policy;
  bool aof_enabled = false;  ///< `appendonly yes`
  ServerInfo() = default;
};

/// Says who we are (AUTH, SELECT, CLIENT SETNAME) and looks whether a broker can live there. BadBroker where
/// waiting does not help: a wrong or missing password, no such database, older than 7.0, a replica, a command
/// that the user may not run. BrokerUnavailable: still loading, too many clients, lost; a replica that a
/// sentinel or a cluster has named.
[[nodiscard]] Task<ServerInfo> greet(Link& link, const Settings& settings);

/// Only AUTH and CLIENT SETNAME: for a connection that subscribes, or asks a sentinel. Where sentinels have
/// named the server it must be a master.
[[nodiscard]] Task<void> greet_subscriber(Link& link, const Settings& settings);

/// The command that makes a user with all that a broker needs, and no more.
[[nodiscard]] std::string acl_of_own_user(const Settings& settings);
/// What to say to the URL's user who lacks a right: it adds, and takes nothing away, for the user may have
/// other work to do.
[[nodiscard]] std::string acl_cure(const Settings& settings);

/// What INFO gives. Missing lines leave the field as it is.
[[nodiscard]] ServerInfo read_info(const std::string& text);
/// One value of INFO's text, which must live on; empty where it is not there.
[[nodiscard]] std::string_view info_line(std::string_view text, std::string_view key);

}  // namespace coterie::brokers::redis

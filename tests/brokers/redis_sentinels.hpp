#pragma once
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/brokers/redis_say.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {

/// One sentinel, which watches the master 'jobs'.
class Sentinel {
 public:
  /// `more`: lines of its configuration.
  Sentinel(std::uint16_t master, int quorum, const std::vector<std::string>& more = {},
           const std::string& port_option = "port")
      : port_(free_port()) {
    std::ofstream file(folder_.file("sentinel.conf"));
    file << port_option << ' ' << port_ << "\nbind 127.0.0.1\ndir " << folder_.path() << '\n';
    for (const std::string& line : more)
      if (!line.starts_with("sentinel ")) file << line << '\n';
    file << "sentinel monitor jobs 127.0.0.1 " << master << ' ' << quorum << '\n'
         << "sentinel down-after-milliseconds jobs 500\nsentinel failover-timeout jobs 2000\n";
    for (const std::string& line : more)
      if (line.starts_with("sentinel ")) file << line << '\n';
    file.close();
    process_.start({"redis-server", folder_.file("sentinel.conf"), "--sentinel"}, "+monitor master jobs");
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] Reply say(const std::string& words) const {
    return broker_suite::say("redis://" + place(), words);
  }
  RedisProcess& process() { return process_; }

 private:
  TempFolder folder_;
  std::uint16_t port_;
  RedisProcess process_;
};

/// A master, its replica, and three sentinels that know of each other and of both. The default user has a
/// password; the sentinels come to the servers as a user of their own, 'watch'.
class SentinelGroup {
 public:
  SentinelGroup() : ports_{free_port(), free_port()} {
    const auto server = [this](std::uint16_t port, const std::vector<std::string>& more) {
      std::vector<std::string> options{"--port",
                                       std::to_string(port),
                                       "--repl-diskless-sync-delay",
                                       "0",
                                       "--requirepass",
                                       "secret",
                                       "--masterauth",
                                       "secret",
                                       "--user",
                                       "watch",
                                       "on",
                                       ">pw",
                                       "~*",
                                       "&*",
                                       "+@all"};
      options.insert(options.end(), more.begin(), more.end());
      servers_.push_back(std::make_unique<RedisServer>(std::move(options)));
    };
    server(ports_[0], {});
    server(ports_[1], {"--replicaof", "127.0.0.1", std::to_string(ports_[0])});
    await_that([this] {
      return tell(master(), "INFO replication").string().find("state=online") != std::string::npos;
    });
    for (int i = 0; i < 3; ++i)
      sentinels_.push_back(std::make_unique<Sentinel>(
          ports_[0], 2,
          std::vector<std::string>{"sentinel auth-user jobs watch", "sentinel auth-pass jobs pw"}));
    for (const auto& sentinel : sentinels_)
      await_that([&] {
        return sentinel->say("SENTINEL SENTINELS jobs").array().size() == 2 &&
               sentinel->say("SENTINEL REPLICAS jobs").array().size() == 1;
      });
  }

  RedisServer& master() { return *servers_[0]; }
  RedisServer& replica() { return *servers_[1]; }
  Sentinel& sentinel(std::size_t i) { return *sentinels_[i]; }
  [[nodiscard]] std::string url(const std::string& query = "") const {
    std::string text = "redis+sentinel://:secret@";
    for (const auto& sentinel : sentinels_) text += sentinel->place() + ",";
    text.back() = '/';
    return text + "jobs" + (query.empty() ? "" : "?" + query);
  }
  /// The address of the one that began as the replica, as messages have it.
  [[nodiscard]] std::string replica_place() const { return "127.0.0.1:" + std::to_string(ports_[1]); }

  static Reply tell(const RedisServer& server, const std::string& words) {
    return say(server.url("password=secret"), words);
  }
  static bool is_master(const RedisServer& server) {
    return tell(server, "INFO replication").string().find("role:master") != std::string::npos;
  }

 private:
  std::uint16_t ports_[2];
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<Sentinel>> sentinels_;
};

}  // namespace broker_suite

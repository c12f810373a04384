#pragma once
#include <string>
#include <vector>

#include "tests/brokers/redis_process.hpp"
#include "tests/brokers/temp_folder.hpp"

namespace broker_suite {

/// A redis-server of the test's own, in a folder of its own, on a Unix socket, so that tests run side by
/// side; never the system's. It dies with the thread that started it, also where that crashes.
class RedisServer {
 public:
  enum class Start : bool { later, now };
  /// `options`: as on its command line, {"--requirepass", "secret"}; they win over ours. When this returns it
  /// takes connections. Throws with its log where it does not start.
  explicit RedisServer(std::vector<std::string> options = {}, Start when = Start::now);
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void start();
  /// As an administrator does it: what is to be saved is saved.
  void stop() { process_.stop(); }
  /// SIGKILL.
  void kill() { process_.kill(); }
  void restart() {
    kill();
    start();
  }
  /// It keeps its connections and answers nothing, until thaw().
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }

  [[nodiscard]] std::string socket() const { return folder_.file("redis.sock"); }
  /// `query`: "command_timeout_ms=100&db=3".
  [[nodiscard]] std::string url(const std::string& query = "") const {
    return "redis+unix://" + socket() + (query.empty() ? "" : "?" + query);
  }
  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  TempFolder folder_;
  std::vector<std::string> options_;
  RedisProcess process_;
};

}  // namespace broker_suite

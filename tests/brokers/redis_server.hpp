#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

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
  ~RedisServer();

  void start();
  /// As an administrator does it: what is to be saved is saved.
  void stop();
  /// SIGKILL.
  void kill();
  void restart() {
    kill();
    start();
  }
  /// It keeps its connections and answers nothing, until thaw().
  void freeze();
  void thaw();

  [[nodiscard]] std::string socket() const { return folder_.file("redis.sock"); }
  /// `query`: "command_timeout_ms=100&db=3".
  [[nodiscard]] std::string url(const std::string& query = "") const {
    return "redis+unix://" + socket() + (query.empty() ? "" : "?" + query);
  }
  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  void end(int signal);
  void wait_until_ready();

  TempFolder folder_;
  std::vector<std::string> options_;
  pid_t pid_ = -1;
  int log_ = -1;
};

/// A TCP port of this machine that nobody listens at, at this moment.
[[nodiscard]] std::uint16_t free_port();

}  // namespace broker_suite

#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace broker_suite {

/// A redis-server or sentinel of the test's own. It dies with the thread that started it, also where that
/// crashes.
class RedisProcess {
 public:
  RedisProcess() = default;
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;
  ~RedisProcess();

  /// `words`: its command line; $REDIS_SERVER, a path, takes the place of the first. Returns when `ready`
  /// stands in its log; throws with the log where it ends before.
  void start(std::vector<std::string> words, const std::string& ready);
  /// As an administrator does it: what is to be saved is saved.
  void stop();
  /// SIGKILL.
  void kill();
  /// It keeps its connections and answers nothing, until thaw().
  void freeze();
  void thaw();

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  void end(int signal);
  void wait_for(const std::string& ready);

  pid_t pid_ = -1;
  int log_ = -1;
};

/// A TCP port of this machine that nobody listens at, at this moment.
[[nodiscard]] std::uint16_t free_port();

}  // namespace broker_suite

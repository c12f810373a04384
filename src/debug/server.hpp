#pragma once
#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>

namespace coterie::debug {

struct ServerOptions {
  std::string directory;      // of the socket, which is <pid>.sock in it
  bool native_stacks = true;  // of threads that do not answer
  int dump_signal = 0;        // prints a dump on stderr; 0: none
  ServerOptions() = default;
};

/// The debug socket and its thread. A client sends one line, see Request, and gets `ok <bytes>` and so many
/// bytes, or `error <text>`. Only this user is answered, one client after the other, each within seconds.
class DebugServer {
 public:
  /// std::system_error or std::runtime_error where the socket cannot be made.
  explicit DebugServer(const ServerOptions& options);
  DebugServer(const DebugServer&) = delete;
  DebugServer& operator=(const DebugServer&) = delete;
  ~DebugServer();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// False in a child after fork(): the thread is the parent's.
  [[nodiscard]] bool is_ours() const noexcept;

 private:
  struct Thread;
  void close_all() noexcept;
  const pid_t pid_;
  std::string path_;
  ino_t inode_ = 0;  // of what stands there
  int listener_ = -1;
  int stop_ = -1;
  int signal_ = -1;
  int dump_signal_ = 0;
  std::unique_ptr<Thread> state_;
  std::unique_ptr<std::thread> thread_;
};

/// The one of this process, as long as somebody keeps it. Null: COTERIE_DEBUG_SOCKET=0, or it cannot be made,
/// which is no reason for a program not to run. The options are those of the first who asks.
[[nodiscard]] std::shared_ptr<DebugServer> serve_this_process(bool native_stacks, int dump_signal) noexcept;

}  // namespace coterie::debug

#pragma once
#include <sys/types.h>

#include <string>

namespace coterie::cli {

/// A small process that outlives a killed worker by a moment and takes the worker's commands along.
///
/// When a worker is killed the kernel kills the shells that it started, but not what those had started: the
/// `make` of `make && make install` would run on beside the one that the next start begins. So this process
/// hears of the process group of every command that runs, and every command carries a mark in its
/// environment, which what it starts inherits. When the worker is gone without a word (its end of the socket
/// has closed) all that is in one of those groups or carries the mark is killed, if it is still in the
/// worker's session. What has made itself a daemon (setsid) is left alone, and so is what has left both its
/// group and its environment behind.
class ExecGuard {
 public:
  /// Forks; any thread. Where that fails commands are guarded by the kernel alone: no error.
  ExecGuard();
  ExecGuard(const ExecGuard&) = delete;
  ExecGuard& operator=(const ExecGuard&) = delete;
  /// The orderly end: nothing is killed.
  ~ExecGuard();

  /// "NAME=value", for the environment of every command.
  [[nodiscard]] const std::string& mark() const noexcept { return mark_; }
  /// For io::ProcessOptions::group_watcher, of every command.
  [[nodiscard]] int group_watcher() const noexcept { return socket_; }

 private:
  std::string mark_;
  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace coterie::cli

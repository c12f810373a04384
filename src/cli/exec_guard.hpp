#pragma once
#include <sys/types.h>

#include <string>

namespace coterie::cli {

/// A small process that outlives a killed worker by a moment and takes the worker's commands along.
///
/// When a worker is killed the kernel kills the shells that it started, but not what those had started: the
/// `make` of `make && make install` would run on beside the one that the next start begins. So every command
/// carries a mark in its environment, and when this process sees the worker gone without a word (the other
/// end of a pipe has closed) it kills what carries the mark and is still in the worker's session. What has
/// made itself a daemon (setsid) is left alone.
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

 private:
  std::string mark_;
  pid_t pid_ = -1;
  int pipe_ = -1;
};

}  // namespace coterie::cli

#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/io/process.hpp"
#include "src/io/any_ready.hpp"
#include "src/io/child.hpp"

namespace coterie::io {

/// What a Process and the tasks that wait for it share.
///
///     running ──exit──▶ zombie, seen by look(): status is set ──reap()──▶ reaped: kill() reaches nobody
///
/// While stop() is under way reap() is put off: the zombie keeps the group's number from being used again, so
/// that the last SIGKILL cannot hit strangers.
class Process::State {
 public:
  explicit State(const ProcessOptions& options);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  /// Whether it has exited; does not reap.
  bool look() noexcept;
  /// Precondition: it has exited.
  void reap() noexcept;
  bool kill(int signo) noexcept;
  /// SIGKILL to the group and reap, unless that is done.
  void end() noexcept;

  pid_t pid = -1;
  std::shared_ptr<detail::DescriptorState> exit_event;  // the pidfd: readable once it has exited
  std::array<Descriptor, 3> pipes;
  std::optional<ExitStatus> status;
  int stopping = 0;
  bool reaped = false;

 private:
  void lose() noexcept;
  /// Its group is nobody's to kill any more.
  void leave_group() noexcept;
  int group_watcher_;
};

namespace detail {

/// The last bytes of a stream.
class Tail {
 public:
  explicit Tail(std::size_t limit) noexcept : limit_(limit) {}
  void append(std::string_view text);
  /// How many bytes came in all.
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::string take() &&;

 private:
  std::size_t limit_;
  std::uint64_t total_ = 0;
  std::string text_;  // up to twice the limit, so that each byte is moved once at most
};

/// How long read_output() goes on after the exit while something that was left behind holds the pipes.
inline constexpr Duration linger = std::chrono::milliseconds(100);

/// Reads stdout and stderr into `tail` until the process has exited and both have ended, `after_exit` past
/// the exit, or until `deadline`. What was in the pipes at the exit is always read. Returns whether the
/// process has exited.
Task<bool> pump(std::shared_ptr<Process::State> state, Tail& tail, Duration after_exit, TimePoint deadline);

/// Process::stop(); with a `tail` the pipes are read meanwhile, and their end is waited for too.
Task<ExitStatus> stop_group(std::shared_ptr<Process::State> state, Duration grace, Tail* tail);

}  // namespace detail
}  // namespace coterie::io

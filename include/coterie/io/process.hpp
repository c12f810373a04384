#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coterie/io/fd.hpp"
#include "coterie/poller.hpp"
#include "coterie/task.hpp"

namespace coterie::io {

/// How a process ended.
class ExitStatus {
 public:
  enum class Kind : unsigned char {
    exited,
    signalled,
    /// Somebody else reaped the process (SIGCHLD ignored, a wait() for any child): nobody knows.
    lost,
  };
  ExitStatus() noexcept = default;
  ExitStatus(Kind kind, int value) noexcept : kind_(kind), value_(value) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool success() const noexcept { return kind_ == Kind::exited && value_ == 0; }
  /// As the shell has it: the exit code, or 128 + the signal's number; 255 when it was lost.
  [[nodiscard]] int code() const noexcept { return kind_ == Kind::signalled ? 128 + value_ : value_; }
  /// The signal that killed it; 0 when none did.
  [[nodiscard]] int signal() const noexcept { return kind_ == Kind::signalled ? value_ : 0; }
  /// "exit code 3", "killed by SIGKILL".
  [[nodiscard]] std::string str() const;
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;

 private:
  Kind kind_ = Kind::exited;
  int value_ = 0;
};

/// Where one of a process's standard streams goes.
enum class Stdio : unsigned char {
  inherit,
  null,
  pipe,
  /// stderr only: where stdout goes.
  merge,
};

struct ProcessOptions {
  /// The program, looked up in PATH unless it has a slash, and its arguments.
  std::vector<std::string> argv;
  /// Empty: ours.
  std::string cwd;
  /// "NAME=value", on top of our environment.
  std::vector<std::string> env;
  /// Start from an empty environment.
  bool clear_env = false;
  /// Not inherited by default: a process group of its own that reads from the terminal would be stopped.
  Stdio in = Stdio::null;
  Stdio out = Stdio::inherit;
  Stdio err = Stdio::inherit;
  /// A socket that keeps messages apart (SOCK_SEQPACKET), whose other end hears of the process's group: a
  /// pid_t, the group's number, before the program runs, and the negative number before the process is reaped
  /// and the number may become somebody else's. For a helper that outlives us and ends what we leave behind.
  /// -1: nobody. Not closed, not inherited by the program.
  int group_watcher = -1;

  ProcessOptions() = default;
  explicit ProcessOptions(std::vector<std::string> arguments) : argv(std::move(arguments)) {}
};

/// A child process in a process group of its own. Move-only; belongs to the loop that runs when it is made.
///
/// It dies with us: the kernel kills it (PR_SET_PDEATHSIG) when the *thread* that made it ends, however that
/// happens, so make processes on a thread that lives as long as they should, which a loop's does. That
/// reaches the process, not what it started; and not a set-user-id program. It inherits no descriptors but
/// the standard ones, and no signal mask. Linux 5.11 or newer.
class Process {
 public:
  /// Starts it, and returns when the program runs. Blocks the thread for as long as that takes, usually well
  /// below a millisecond. std::system_error when it cannot: "cannot run 'foo': No such file or directory";
  /// std:: invalid_argument for an empty argv or a NUL byte; std::logic_error without a loop with real I/O.
  explicit Process(const ProcessOptions& options);
  Process(Process&&) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  /// A process that has not been waited for is killed with its whole group, by SIGKILL, and reaped: that
  /// blocks until the kernel has ended it, at once but for one that hangs in a system call that cannot be
  /// interrupted. Tasks in wait() get the status.
  ~Process();

  [[nodiscard]] pid_t pid() const noexcept;
  /// Our ends of the pipes that were asked for; closed otherwise, and after read_output().
  [[nodiscard]] Descriptor& in() noexcept;
  [[nodiscard]] Descriptor& out() noexcept;
  [[nodiscard]] Descriptor& err() noexcept;

  /// Waits for the process to exit, not for what it started, nor for its pipes. Any number of tasks may wait,
  /// also after the end. A cancel leaves the process alone.
  Task<ExitStatus> wait();
  /// Nothing until somebody has seen the end: wait(), stop(), read_output().
  [[nodiscard]] std::optional<ExitStatus> status() const noexcept;

  /// Sends a signal to the whole group. False when the process has ended and was waited for: its number may
  /// be somebody else's by now.
  bool kill(int signo) noexcept;
  /// SIGTERM to the group; when the process has ended or `grace` is over, SIGKILL to what is left of the
  /// group. A cancel meanwhile kills the group at once: in any case the process has been reaped when this is
  /// over.
  Task<ExitStatus> stop(Duration grace);

  /// Reads what comes through the pipes of stdout and stderr, as it comes, and gives the last `limit` bytes
  /// of it. Ends when the process has ended and the pipes have too, or a tenth of a second after the process
  /// when something that it left behind keeps them open. Closes the pipes.
  Task<std::string> read_output(std::size_t limit);

  class State;

 private:
  std::shared_ptr<State> state_;
};

struct ShellOptions {
  std::string cwd;
  std::vector<std::string> env;
  /// So many bytes of the output are kept, the last ones.
  std::size_t output_limit = std::size_t{64} << 10;
  /// Zero: none. Otherwise the command is stopped then, and the result says so.
  Duration timeout = Duration::zero();
  /// Between SIGTERM and SIGKILL.
  Duration grace = std::chrono::seconds(5);
  /// As in ProcessOptions.
  int group_watcher = -1;

  ShellOptions() = default;
};

struct ShellResult {
  ExitStatus status;
  /// stdout and stderr as they came.
  std::string output;
  /// How much came in all: more than output.size() when the beginning was dropped.
  std::uint64_t output_bytes = 0;
  bool timed_out = false;

  ShellResult() = default;
};

/// Runs `line` by /bin/sh -c in a process group of its own, without input. A cancel is SIGTERM to the group,
/// and when that has ended or the grace is over, SIGKILL; the shell has been reaped when `Cancelled` goes on.
/// A second cancel meanwhile is SIGKILL at once. What puts itself into another process group or session is
/// out of reach.
Task<ShellResult> run_shell(std::string line, ShellOptions options = ShellOptions());

}  // namespace coterie::io

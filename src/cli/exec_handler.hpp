#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/log.hpp"
#include "coterie/queue/handler.hpp"

namespace coterie::cli {

/// The name under which workers of the command run shell commands.
inline constexpr const char* exec_handler_name = "exec";

/// The payload of an "exec" job: `{"command": "make -j4", "cwd": "/src", "timeout_ms": 60000}`. Only
/// `command` is required.
struct ExecArgs {
  std::string command;             ///< for /bin/sh -c
  std::optional<std::string> cwd;  ///< default: the worker's
  std::optional<std::uint64_t>
      timeout_ms;  ///< then it is stopped; unlike the job's own timeout, this keeps its output
  std::optional<std::uint64_t> grace_ms;    ///< between SIGTERM and SIGKILL; default: the worker's
  std::optional<std::string> run;           ///< of `coterie run`: which run…
  std::optional<std::uint64_t> generation;  ///< …its how manieth start from nothing…
  std::optional<std::uint64_t> line;        ///< …and which line of the input

  ExecArgs() = default;
};
[[nodiscard]] std::string write_exec_args(const ExecArgs& args);
/// Throws queue::JsonError.
[[nodiscard]] ExecArgs read_exec_args(std::string_view json);

struct ExecOptions {
  /// Between SIGTERM and SIGKILL, to the command's process group.
  queue::Milliseconds grace{5000};
  /// So much of a command's output is kept, its end.
  std::size_t output_bytes = std::size_t{16} << 10;

  ExecOptions() = default;
};

/// Runs shell commands, without input, in a process group of their own. Exit code 0 is the result
///
///     {"exit_code": 0, "output": "…", "truncated": false, "duration_ms": 12}
///
/// and anything else a retry of type "exit", "signal", "timeout" or "start", whose message is one line that
/// says what happened ("exit code 3", "killed by SIGSEGV") and, below it, the output's end. `output` is
/// stdout and stderr as they came, as valid UTF-8. A cancel stops the group by SIGTERM, and by SIGKILL after
/// the grace. Where the machine has no process or descriptor left the command waits up to 30 s for one.
///
/// What a command leaves running in the background is not waited for. Commands die with the worker, however
/// it goes: the kernel kills the shell, an ExecGuard what that had started. Those that make themselves
/// daemons (setsid) are out of reach.
///
/// `log` hears of its end, as `debug`, and of such a wait, as a warning.
[[nodiscard]] std::shared_ptr<queue::Handler> make_exec_handler(ExecOptions options = ExecOptions(),
                                                                Logger log = Logger(nullptr));

/// How a command ended, read back from what the broker keeps.
struct ExecEnd {
  std::optional<int> exit_code;
  std::string signal;   ///< "SIGKILL"; empty when none
  std::string error;    ///< the error's type; empty after a success
  std::string message;  ///< one line; empty after a success
  std::string output;
  bool truncated = false;
  std::optional<std::int64_t> duration_ms;

  ExecEnd() = default;
};
/// A result that is no exec result gives an end without output.
[[nodiscard]] ExecEnd read_exec_result(std::string_view result);
[[nodiscard]] ExecEnd read_exec_error(const queue::JobError& error);

/// The last `limit` bytes of a program's output as valid UTF-8, cut at a character.
[[nodiscard]] std::string clean_tail(std::string_view output, std::size_t limit);

/// "2 s", "1.5 s", "300 ms".
[[nodiscard]] std::string duration_text(queue::Milliseconds time);

}  // namespace coterie::cli

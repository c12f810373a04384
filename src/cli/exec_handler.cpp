#include "src/cli/exec_handler.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include "coterie/await_outcome.hpp"
#include "coterie/io/process.hpp"
#include "coterie/io/signal.hpp"
#include "coterie/queue/json.hpp"
#include "coterie/sleep.hpp"
#include "coterie/trace_context.hpp"
#include "src/cli/exec_guard.hpp"
#include "src/queue/validate.hpp"

namespace coterie::cli {

using queue::AttemptError;
using queue::JobContext;
using queue::JobError;
using queue::Milliseconds;

BOOST_DESCRIBE_STRUCT(ExecArgs, (), (command, cwd, timeout_ms, grace_ms, run, generation, line))

namespace {

struct ExecResult {
  int exit_code = 0;
  std::string output;
  bool truncated = false;
  std::int64_t duration_ms = 0;
  ExecResult() = default;
};
BOOST_DESCRIBE_STRUCT(ExecResult, (), (exit_code, output, truncated, duration_ms))

constexpr std::string_view exit_prefix = "exit code ";
constexpr std::string_view signal_prefix = "killed by ";
constexpr std::string_view cut_mark = "[…]";  // before output whose beginning was dropped

/// So long a command waits for a process or a descriptor, which others give back as they end.
constexpr Milliseconds longest_shortage{30'000};

/// The machine could not start a process now. That is not the command's fault, nor is it an attempt of it.
bool is_shortage(const Outcome<io::ShellResult>& end) {
  if (!end.has_exception()) return false;
  try {
    std::rethrow_exception(end.error());
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    return code == EAGAIN || code == ENOMEM || code == EMFILE || code == ENFILE;
  } catch (...) {
    return false;
  }
}

Milliseconds since(TimePoint start) {
  return std::chrono::duration_cast<Milliseconds>(EventLoop::current().now() - start);
}

std::string with_output(std::string message, const std::string& output, bool truncated) {
  if (output.empty()) return message;
  message += '\n';
  if (truncated) message += cut_mark;
  return message += output;
}

class ExecHandler final : public queue::Handler {
 public:
  ExecHandler(ExecOptions options, Logger log) : options_(options), log_(std::move(log)) {}

  Task<std::string> run(JobContext& job) override {
    const ExecArgs args = parse(job);
    io::ShellOptions shell;
    shell.cwd = args.cwd.value_or("");
    shell.env.push_back(guard_.mark());
    put_trace(shell.env);
    shell.group_watcher = guard_.group_watcher();
    shell.output_limit = options_.output_bytes;
    shell.grace = args.grace_ms ? Milliseconds(*args.grace_ms) : options_.grace;
    if (args.timeout_ms) shell.timeout = Milliseconds(*args.timeout_ms);
    const TimePoint begin = EventLoop::current().now();
    for (Milliseconds pause{100};; pause = std::min(pause * 2, Milliseconds{2000})) {
      const TimePoint start = EventLoop::current().now();
      Task<io::ShellResult> command = io::run_shell(args.command, shell);
      Outcome<io::ShellResult> end = co_await outcome(std::move(command));
      if (!is_shortage(end) || since(begin) > longest_shortage) {
        if (end.has_value()) log_.debug("the command has ended: " + end.get().status.str());
        co_return result_of(end, args, since(start));
      }
      log_.warning("the machine has no process or descriptor left for the command: trying again");
      co_await sleep(pause);
    }
  }

 private:
  /// Programs that know of traces go on with the job's, `coterie enqueue` is one. That of the worker's own
  /// environment is not the job's.
  static void put_trace(std::vector<std::string>& env) {
    const std::optional<trace::SpanContext> span = trace::current();
    if (!span && std::getenv("TRACEPARENT") == nullptr) return;  // NOLINT(concurrency-mt-unsafe)
    env.push_back("TRACEPARENT=" + (span ? trace::write_traceparent(*span) : std::string()));
    env.push_back("TRACESTATE=" + (span ? span->state : std::string()));
  }
  static ExecArgs parse(const JobContext& job) {
    try {
      ExecArgs args = read_exec_args(job.payload());
      constexpr std::uint64_t longest = std::uint64_t{100} * 366 * 24 * 3'600'000;
      if (args.timeout_ms.value_or(0) > longest || args.grace_ms.value_or(0) > longest)
        throw queue::PermanentError("bad payload", "timeout_ms or grace_ms is more than 100 years");
      return args;
    } catch (const queue::QueueError& error) {
      throw queue::PermanentError("bad payload", error.what());
    }
  }

  std::string result_of(Outcome<io::ShellResult>& end, const ExecArgs& args, Milliseconds took) const {
    if (end.has_exception()) {
      try {
        std::rethrow_exception(end.error());
      } catch (const std::exception& error) {
        throw AttemptError("start", error.what());
      }
    }
    const io::ShellResult& shell = end.get();
    ExecResult result;
    result.output = clean_tail(shell.output, options_.output_bytes);
    result.truncated = shell.output_bytes > shell.output.size() || result.output.size() < shell.output.size();
    result.duration_ms = took.count();
    if (shell.timed_out) {
      const std::string limit = duration_text(Milliseconds(args.timeout_ms.value_or(0)));
      throw AttemptError("timeout", with_output("ran longer than " + limit, result.output, result.truncated));
    }
    if (!shell.status.success()) {
      throw AttemptError(shell.status.signal() != 0 ? "signal" : "exit",
                         with_output(shell.status.str(), result.output, result.truncated));
    }
    return queue::to_json(result);
  }

  ExecOptions options_;
  Logger log_;
  ExecGuard guard_;
};

}  // namespace

std::string write_exec_args(const ExecArgs& args) {
  return queue::to_json(args);
}
ExecArgs read_exec_args(std::string_view json) {
  return queue::from_json<ExecArgs>(json);
}

std::shared_ptr<queue::Handler> make_exec_handler(ExecOptions options, Logger log) {
  return std::make_shared<ExecHandler>(options, std::move(log));
}

ExecEnd read_exec_result(std::string_view result) {
  ExecEnd end;
  try {
    auto read = queue::from_json<ExecResult>(result);
    end.exit_code = read.exit_code;
    end.output = std::move(read.output);
    end.truncated = read.truncated;
    end.duration_ms = read.duration_ms;
  } catch (const queue::JsonError&) {
    // Its result has expired, or another handler of that name made it.
  }
  return end;
}

ExecEnd read_exec_error(const JobError& error) {
  ExecEnd end;
  end.error = error.type;
  const std::string_view text = error.message;
  const std::size_t line = text.find('\n');
  end.message = std::string(text.substr(0, line));
  if (line != std::string_view::npos) end.output = std::string(text.substr(line + 1));
  if (end.output.starts_with(cut_mark)) {
    end.truncated = true;
    end.output.erase(0, cut_mark.size());
  }
  int code = 0;
  if (error.type == "exit" && end.message.starts_with(exit_prefix)) {
    const char* first = end.message.data() + exit_prefix.size();
    if (std::from_chars(first, end.message.data() + end.message.size(), code).ec == std::errc{})
      end.exit_code = code;
  }
  if (error.type == "signal" && end.message.starts_with(signal_prefix))
    end.signal = end.message.substr(signal_prefix.size());
  return end;
}

std::string clean_tail(std::string_view output, std::size_t limit) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  if (output.size() > limit) output.remove_prefix(output.size() - limit);
  for (int i = 0; i < 3 && !output.empty() && continues(output.front()); ++i) output.remove_prefix(1);
  std::string clean = queue::clean_text(output, output.size() * 3);  // U+FFFD has three bytes
  if (clean.size() <= limit) return clean;
  std::size_t cut = clean.size() - limit;
  while (cut < clean.size() && continues(clean[cut])) ++cut;
  return clean.substr(cut);
}

std::string duration_text(Milliseconds time) {
  char text[32];
  if (time < std::chrono::seconds(1))
    std::snprintf(text, sizeof(text), "%lld ms", static_cast<long long>(time.count()));
  else
    std::snprintf(text, sizeof(text), "%g s", static_cast<double>(time.count()) / 1000.0);
  return text;
}

}  // namespace coterie::cli

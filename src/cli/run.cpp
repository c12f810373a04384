// The flags of coterie run.
#include <memory>

#include "src/cli/command.hpp"
#include "src/cli/run_options.hpp"

namespace coterie::cli {

void add_run(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<RunFlags>();
  Flags(app, "run", "Run each line of a file as a durable job, and see all of them through")
      .common(flags->common)
      .text("FILE", flags->file,
            "One shell command a line; - is standard input. Lines that begin with # are comments", "")
      .required("FILE")
      .number("--jobs,-j", flags->jobs, "So many commands at a time [default: one per core]", 1, 10'000)
      .number("--retries", flags->retries, "Run a failed command again so often [default 0]", 0, 1000)
      .duration("--retry-delay", flags->retry_delay, "Before the first retry; doubles each time [default 1s]")
      .duration("--timeout", flags->timeout, "Stop a command that runs longer; it has failed then")
      .duration("--grace", flags->grace, "Between SIGTERM and SIGKILL when a command is stopped [default 5s]")
      .text("--results", flags->results, "Write a JSON line for each command, with its output, to this file",
            "PATH")
      .text("--queue,-q", flags->queue, "Put the jobs here, where other workers can help [default run.NAME]",
            "NAME")
      .text("--run", flags->run, "The run's name [default: from the commands' hash]", "NAME")
      .flag("--resume", flags->resume, "Go on: keep what is done, add new lines, run failed ones again")
      .flag("--fresh", flags->fresh, "Start anew: forget what is done, run everything")
      .flag("--quiet", flags->quiet, "No progress on stderr")
      .footer(
          "Started again after a crash or Ctrl-C, it goes on where it was: every command runs at least once, "
          "and none\n"
          "that has ended runs again. A command that was running when coterie was killed runs again, so "
          "commands should\n"
          "bear that. Commands get no input; what they print is kept (the last 16 KiB) for 7 days in the "
          "broker.\n"
          "Exit codes: 0 all succeeded, 1 some failed, 2 wrong usage or refused, 3 no broker, 130 stopped by "
          "Ctrl-C.")
      .chooses(chosen, [flags] { return run_commands(*flags); });
}

}  // namespace coterie::cli

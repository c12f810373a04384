#pragma once
#include <functional>
#include <stdexcept>
#include <string>

#include "coterie/task.hpp"

namespace CLI {
class App;
}

namespace coterie::cli {

/// What `coterie` exits with.
enum ExitCode : int {
  exit_ok = 0,
  exit_job_failed = 1,   ///< some job failed; doctor: a problem was found
  exit_usage = 2,        ///< bad flags, bad input, refused
  exit_unreachable = 3,  ///< the broker cannot be opened or reached; ps, dump…: nor the process
};

/// The caller's mistake: one line on stderr, exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The subcommand that the command line chose, ready to run; returns the exit code. UsageError,
/// queue::BadRequest → 2; queue::BadBroker, queue::BrokerUnavailable → 3: main() prints what() after
/// "coterie: ".
using Action = std::function<int()>;

/// As coterie::run(), for what is over in a moment: without a debug socket, whose thread would take longer
/// than the rest, and of which nobody could make use.
[[nodiscard]] int run_briefly(Task<int> main);

// Each subcommand stands in a file of its own and adds itself. CLI11 is included only where flags are
// declared.
void add_run(CLI::App& app, Action& chosen);
void add_worker(CLI::App& app, Action& chosen);
void add_enqueue(CLI::App& app, Action& chosen);
void add_inspect(CLI::App& app, Action& chosen);  // jobs, job, queues
void add_manage(CLI::App& app, Action& chosen);   // cancel, retry, purge
void add_pause(CLI::App& app, Action& chosen);    // pause, resume
void add_move(CLI::App& app, Action& chosen);
void add_metrics(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_doctor(CLI::App& app, Action& chosen);
void add_top(CLI::App& app, Action& chosen);
void add_eyes(CLI::App& app, Action& chosen);   // ps, tree, dump, watch
void add_fleet(CLI::App& app, Action& chosen);  // workers
void add_dashboard(CLI::App& app, Action& chosen);

}  // namespace coterie::cli

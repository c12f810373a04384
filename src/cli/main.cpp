// The command: subcommands declare themselves; here the line is read, the chosen one runs, and what it throws
// becomes one line and an exit code.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "coterie/debug/crash.hpp"
#include "coterie/queue/errors.hpp"
#include "coterie/run.hpp"
#include "src/cli/command.hpp"
#include "src/cli/eyes_client.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

int run_briefly(Task<int> main) {
  RunOptions options;
  options.debug_socket = false;
  return run(std::move(main), std::move(options));
}
namespace {

constexpr const char* purpose =
    "Durable jobs: on a file, with no server, or on Redis, for many machines.\n"
    "A job is a name and a JSON payload in a queue; a worker takes it, runs its handler and keeps the "
    "result.\n"
    "Jobs survive crashes of everything: what was enqueued runs at least once, and is retried when it fails.";

constexpr const char* first_steps =
    "First steps:\n"
    "  seq 1 9 | sed 's/.*/echo &/' | coterie run -j 4 -     run lines as jobs, and see them through\n"
    "  coterie enqueue --exec 'date; sleep 1; date'          put one shell command into the queue\n"
    "  coterie worker --allow-exec                           work until you press Ctrl-C\n"
    "  coterie jobs                                          what is there, and how it went\n"
    "  coterie ps                                            programs of Coterie that run; dump PID: their "
    "tasks\n"
    "  coterie COMMAND --help                                all that a command can do\n"
    "\n"
    "Jobs are in ./coterie.db unless --broker or COTERIE_BROKER names another place: sqlite://PATH, "
    "redis://HOST.\n"
    "Exit codes: 0 done, 1 some job failed, 2 wrong usage or input, 3 the broker cannot be opened or "
    "reached.";

int complain(const char* what, int code) {
  std::string line = "coterie: " + printable(what) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return code;
}

/// Where to read on: the words that name the subcommand, and how a broker is named where a URL stands alone.
std::string hint(const CLI::App& app, const std::string& what) {
  std::string words = "coterie";
  const CLI::App* command = &app;
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = command->get_subcommands()) {
    command = chosen.front();
    words += " " + command->get_name();
  }
  const bool is_url = what.find("not expected") != std::string::npos && what.find("://") != std::string::npos;
  const bool takes_one = is_url && command->get_option_no_throw("--broker") != nullptr;
  return std::string(" (") + (takes_one ? "a broker is named by --broker URL; " : "") + "see: " + words +
         " --help)";
}

int parse(CLI::App& app, int argc, char** argv, Action& chosen) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    Output::standard().write(app.help());
    return exit_ok;
  } catch (const CLI::CallForVersion& version) {
    Output::standard().write(std::string(version.what()) + "\n");
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    return complain((what + hint(app, what)).c_str(), exit_usage);
  }
  if (!chosen) {
    Output::standard().write(app.help());
    return exit_usage;
  }
  return chosen();
}

int main_or_throw(int argc, char** argv) {
  CLI::App app(purpose, "coterie");
  app.set_version_flag("--version", std::string("coterie " COTERIE_VERSION));
  app.require_subcommand(0, 1);
  app.footer(first_steps);
  app.get_formatter()->column_width(34);

  Action chosen;
  add_run(app, chosen);
  add_worker(app, chosen);
  add_enqueue(app, chosen);
  add_inspect(app, chosen);
  add_manage(app, chosen);
  add_top(app, chosen);
  add_pause(app, chosen);
  add_move(app, chosen);
  add_metrics(app, chosen);
  add_bench(app, chosen);
  add_doctor(app, chosen);
  add_eyes(app, chosen);
  add_fleet(app, chosen);
  add_dashboard(app, chosen);

  const int code = parse(app, argc, argv, chosen);
  Output::standard().flush();
  return code;
}

}  // namespace
}  // namespace coterie::cli

int main(int argc, char** argv) {
  using namespace coterie;
  // A file that would grow beyond `ulimit -f` is an error with a name, EFBIG, and not a death without a word.
  // A handler and not SIG_IGN, which the commands would inherit.
  (void)std::signal(SIGXFSZ, [](int) {});
  debug::report_crashes();
  try {
    return cli::main_or_throw(argc, argv);
  } catch (const cli::OutputClosed&) {
    return cli::exit_ok;  // whoever read has seen enough: `coterie jobs | head`
  } catch (const queue::BadBroker& error) {
    return cli::complain(error.what(), cli::exit_unreachable);
  } catch (const cli::Unanswered& error) {
    return cli::complain(error.what(), cli::exit_unreachable);
  } catch (const queue::BrokerUnavailable& error) {
    return cli::complain(error.what(), cli::exit_unreachable);
  } catch (const std::exception& error) {  // UsageError, BadRequest, and what nobody foresaw
    return cli::complain(error.what(), cli::exit_usage);
  }
}

// ps, tree, dump, watch: what the tasks of a running process do.
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "src/cli/eyes_client.hpp"
#include "src/cli/fleet.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"
#include "src/debug/report.hpp"

namespace coterie::cli {
namespace {

using debug::Request;

/// A loop that is blocked takes a fifth of a second, and the symbols of its native stack.
constexpr std::chrono::milliseconds patience_with_each{1500};

struct EyesOptions {
  std::string pid;
  bool json = false;
  bool group = false;
  bool raw = false;
  std::optional<queue::Milliseconds> older_than;
  std::optional<std::int64_t> sched_class;
  std::string state;
  std::string name;
  std::optional<std::int64_t> task;
  std::optional<queue::Milliseconds> interval;
  std::string broker;

  EyesOptions() = default;

  [[nodiscard]] pid_t process() const { return static_cast<pid_t>(parse_number("PID", pid, 1, INT32_MAX)); }
  [[nodiscard]] Request request(Request::What what) const {
    Request asked;
    asked.what = what;
    asked.json = json;
    asked.options.group = group;
    debug::TaskFilter& filter = asked.options.filter;
    if (older_than) filter.older_than = *older_than;
    if (sched_class) filter.sched_class = static_cast<SchedClass>(*sched_class);
    if (task) filter.id = static_cast<std::uint64_t>(*task);
    filter.state = state;
    filter.name = name;
    try {
      return debug::parse_request(debug::format_request(asked));
    } catch (const std::invalid_argument& error) {
      throw UsageError(error.what());
    }
  }
  [[nodiscard]] std::string answer(Request::What what) const {
    const Request asked = request(what);
    if (!broker.empty()) return printable(ask_worker(broker, pid, asked), true);
    // What a process says of itself is its own.
    return printable(raw ? read_raw(process(), asked) : ask(process(), asked), true);
  }
};

int show(const EyesOptions& options, Request::What what) {
  Output::standard().write(options.answer(what));
  return exit_ok;
}

void add_row(Table& table, const boost::json::object& info) {
  const auto number = [&](const char* key) { return info.at(key).to_number<std::int64_t>(); };
  const bool blocked = info.at("blocked").as_bool();
  table.row({std::to_string(number("pid")), std::string(info.at("program").as_string()),
             std::to_string(number("loops")) + (blocked ? " (blocked)" : ""),
             human_count(static_cast<std::uint64_t>(number("tasks"))), human_time(number("uptime_ms"))});
}

/// One that does not answer is stopped, most likely: it is there all the same.
void add_silent(Table& table, pid_t pid) {
  table.row({std::to_string(pid), debug::program_of(pid), "no answer", "-",
             human_time(debug::uptime_of(pid) / std::chrono::milliseconds(1))});
}

std::string silent_json(pid_t pid) {
  JsonObject object;
  object.add("pid", pid).add("program", debug::program_of(pid)).null("loops").null("tasks");
  object.add("uptime_ms", debug::uptime_of(pid) / std::chrono::milliseconds(1)).null("blocked");
  return object.str() + "\n";
}

int list_processes(bool json) {
  Output& out = Output::standard();
  Table table({{"PID", true}, {"PROGRAM"}, {"LOOPS", true}, {"TASKS", true}, {"UP", true}});
  std::size_t shown = 0;
  Request info;
  info.what = Request::What::info;
  for (const Seen& its : processes_with_eyes()) {
    std::string line;
    try {
      line = ask(its.socket, info, patience_with_each);
      if (!json) add_row(table, boost::json::parse(line).as_object());
    } catch (const Gone&) {
      continue;
    } catch (const Unanswered&) {
      if (debug::program_of(its.pid).empty()) continue;  // it has ended meanwhile
      if (json)
        line = silent_json(its.pid);
      else
        add_silent(table, its.pid);
    } catch (const std::exception&) {  // it is none of ours
      continue;
    }
    ++shown;
    if (json) out.write(printable(line, true));
  }
  if (!json && shown == 0)
    out.line("No process of this user runs a loop with a debug socket.");
  else if (!json)
    table.flush(out);
  return exit_ok;
}

/// Over what stood there before, as far as the terminal reaches: no flicker, and nothing scrolls away.
void redraw(const std::string& text) {
  Output& out = Output::standard();
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
  std::size_t rows = known ? size.ws_row - 1U : 23U;
  const std::size_t columns = known && size.ws_col > 0 ? size.ws_col : 80U;
  out.write("\x1b[H");
  for (std::size_t at = 0; at < text.size() && rows > 0; --rows) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.write(clip(std::string_view(text).substr(at, end - at), columns) + "\x1b[K\n");
    at = end + 1;
  }
  out.write("\x1b[J");
  out.flush();
}

int watch(const EyesOptions& options) {
  Output& out = Output::standard();
  const auto interval = options.interval.value_or(queue::Milliseconds(1000));
  const bool terminal = out.is_terminal();
  if (terminal) out.write("\x1b[2J");
  for (;;) {
    const std::string text = options.answer(Request::What::dump);
    if (terminal) {
      redraw(text);
    } else {
      out.write(text);
      out.flush();
    }
    std::this_thread::sleep_for(interval);
  }
}

Flags& add_filters(Flags& flags, EyesOptions& options) {
  return flags
      .text("--state,-s", options.state, "Only tasks that are pending, running, cancelling, ready, waiting",
            "STATE")
      .duration("--older-than", options.older_than, "Only tasks that are so old: 500ms, 5s, 2m, 1h30m")
      .number("--class", options.sched_class, "Only tasks of this scheduling class", INT16_MIN, INT16_MAX)
      .text("--name", options.name, "Only tasks whose name has this in it", "TEXT")
      .number("--task", options.task, "Only the task with this id", 1, INT64_MAX)
      .flag("--group,-g", options.group, "Equal tasks once: how many, and the oldest")
      .flag("--raw", options.raw, "Read the process's memory, without its help");
}

constexpr const char* who_may =
    "The process answers on a Unix socket of its own, this user only; a loop that is blocked is read all the "
    "same, and marked UNSYNCHRONISED.\n"
    "Exit codes: 0, 2 wrong usage, 3 the process does not answer.\n";

}  // namespace

void add_eyes(CLI::App& app, Action& chosen) {
  auto table = std::make_shared<EyesOptions>();
  Flags(app, "ps", "List the processes that run loops, or the tasks of one")
      .text("PID", table->pid, "The process; none: all of this user", "")
      .flag("--json", table->json, "Print JSON instead of text: an object a process")
      .flag("--raw", table->raw, "Read the process's memory, without its help")
      .footer(std::string(who_may) + "  coterie ps\n  coterie ps 4242")
      .chooses(chosen, [table] {
        if (table->pid.empty()) return list_processes(table->json);
        if (table->json) return show(*table, Request::What::dump);
        return show(*table, Request::What::ps);
      });

  auto tree = std::make_shared<EyesOptions>();
  Flags(app, "tree", "Show the tasks of a process under those that await them")
      .text("PID", tree->pid, "The process", "")
      .required("PID")
      .flag("--raw", tree->raw, "Read the process's memory, without its help")
      .footer(who_may)
      .chooses(chosen, [tree] { return show(*tree, Request::What::tree); });

  auto dump = std::make_shared<EyesOptions>();
  Flags dump_flags(app, "dump", "Show what each task of a process does: state, stack, what it waits for");
  dump_flags
      .text("PID", dump->pid, "The process; with --broker a worker's name, or the beginning of its id", "")
      .required("PID");
  add_filters(dump_flags, *dump)
      .flag("--json", dump->json, "Print JSON instead of text")
      .text("--broker,-b", dump->broker, "Ask a worker of this queue, through its broker, wherever it runs",
            "URL")
      .name_space(dump->broker)
      .footer(std::string(who_may) +
              "  coterie dump 4242 --group\n"
              "  coterie dump 4242 --older-than 1m --state waiting\n"
              "  coterie dump 4242 --json | jq '.loops[].deadlocks'\n"
              "  coterie dump host:4242 --broker redis://queue     a worker on another machine")
      .chooses(chosen, [dump] { return show(*dump, Request::What::dump); });

  auto again = std::make_shared<EyesOptions>();
  Flags watch_flags(app, "watch", "The same again and again, until Ctrl-C");
  watch_flags.text("PID", again->pid, "The process", "").required("PID");
  add_filters(watch_flags, *again)
      .duration("--interval,-n", again->interval, "How long between two looks [default 1s]")
      .footer(who_may)
      .chooses(chosen, [again] { return watch(*again); });
}

}  // namespace coterie::cli

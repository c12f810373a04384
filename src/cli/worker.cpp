// coterie worker: runs the jobs of a queue in this process until it is told to stop.
#include "coterie/queue/worker.hpp"
#include "coterie/queue/metrics.hpp"
#include "coterie/threads/cores.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/dashboard.hpp"
#include "src/cli/exec_handler.hpp"
#include "src/cli/log.hpp"
#include "src/cli/metrics_server.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"
#include "src/cli/traces.hpp"

namespace coterie::cli {
namespace {

struct WorkerFlags {
  CommonOptions common;
  std::vector<std::string> queues;
  std::int64_t concurrency = 0;
  bool allow_exec = false;
  std::string name;
  std::optional<queue::Milliseconds> grace;
  std::optional<queue::Milliseconds> lease;
  std::optional<std::int64_t> dead_jobs;
  bool until_idle = false;
  bool no_remote_debug = false;
  std::vector<std::string> redact;
  bool quiet = false;
  std::string log_level = "info";
  std::string dashboard;
  std::string accounts;
  std::string log_format = "text";
  std::optional<std::string> metrics;
  bool metrics_public = false;
  std::optional<std::string> traces;
  WorkerFlags() = default;
};

/// A line on stdout for each job that ended, and the log. When nobody reads the lines any more the work goes
/// on without them.
class Reporter final : public queue::WorkerObserver {
 public:
  Reporter(std::shared_ptr<Log> log, bool json, bool quiet)
      : log_(std::move(log)), json_(json), quiet_(quiet) {}

  void log(queue::LogLevel level, std::string_view line) override { log_->write(level, line); }
  void loop_stalled(std::string_view line) override { log_->write(LogLevel::error, line); }
  void job_started(const queue::JobContext& job) override {
    if (!log_->wants(LogLevel::debug)) return;
    LogFields fields;
    fields.emplace_back("job", job.id().str());
    fields.emplace_back("handler", job.name());
    fields.emplace_back("queue", job.queue());
    fields.emplace_back("attempt", std::to_string(job.attempt()));
    log_->write(LogLevel::debug, "begins", std::move(fields));
  }
  void job_finished(const queue::JobContext& job, const queue::JobEnd& end) override {
    if (quiet_) return;
    const auto ran_ms = std::chrono::duration_cast<queue::Milliseconds>(end.ran).count();
    const std::string outcome = outcome_of(end);
    if (json_) {
      JsonObject line;
      line.add("id", job.id().str())
          .add("queue", job.queue())
          .add("name", job.name())
          .add("outcome", outcome);
      line.add("attempt", job.attempt()).add("max_attempts", job.max_attempts()).add("ran_ms", ran_ms);
      if (!end.succeeded)
        line.raw("error", JsonObject().add("type", end.error.type).add("message", end.error.text()).str());
      print(line.str());
      return;
    }
    std::string line =
        outcome + "  " + job.id().str() + "  " + printable(job.name()) + "  " + human_time(ran_ms);
    if (!end.succeeded) {
      line +=
          "  try " + std::to_string(job.attempt()) + "/" + std::to_string(job.max_attempts()) + "  " +
          clip(printable(end.error.type + ": " + end.error.message.substr(0, end.error.message.find('\n'))),
               160);
    }
    print(line);
  }

 private:
  static std::string outcome_of(const queue::JobEnd& end) {
    if (end.verdict == queue::Verdict::fenced) return "lost";
    if (end.succeeded) return "done";
    switch (end.kind) {
      case queue::FailKind::retry:
        return "failed";
      case queue::FailKind::dead:
        return "dead";
      case queue::FailKind::cancelled:
        return "cancelled";
      case queue::FailKind::give_back:
        break;
    }
    return "given back";
  }
  void print(const std::string& line) {
    if (closed_) return;
    try {
      Output::standard().line(line);
      Output::standard().flush();
    } catch (const OutputClosed&) {
      closed_ = true;
    } catch (const UsageError&) {
      closed_ = true;
    }
  }
  const std::shared_ptr<Log> log_;
  bool json_;
  bool quiet_;
  bool closed_ = false;
};

std::string list(const std::vector<std::string>& queues) {
  std::string text = queues.size() == 1 ? "queue " : "queues ";
  for (const std::string& queue : queues) text += (&queue == queues.data() ? "'" : ", '") + queue + "'";
  return text;
}

Task<std::string> scrape(std::shared_ptr<const metrics::Registry> registry) {
  co_return registry->scrape();
}

int work(const WorkerFlags& flags) {
  if (!flags.allow_exec) {
    throw UsageError(
        "this program has no handlers of its own: --allow-exec lets it run shell commands from the queue "
        "(anybody who "
        "can enqueue can then run commands as you); for handlers in C++ link your own worker, see the "
        "README");
  }
  for (const std::string& queue : flags.queues)
    if (queue.empty())
      throw UsageError("--queue '': a queue's name is not empty; leave it out for 'default'");
  const auto log =
      std::make_shared<Log>(parse_log_level(flags.log_level), parse_log_format(flags.log_format));
  queue::WorkerOptions options;
  if (!flags.queues.empty()) options.queues(flags.queues);
  if (!flags.name.empty()) options.name(flags.name);
  if (flags.grace) options.grace(*flags.grace);
  if (flags.lease) options.lease(*flags.lease);
  if (flags.dead_jobs) options.dead_jobs(static_cast<std::uint64_t>(*flags.dead_jobs));
  options.stop_when_idle(flags.until_idle);
  options.remote_debug(!flags.no_remote_debug);
  options.redact(flags.redact);
  options.log_fields();
  options.observer(std::make_shared<Reporter>(log, flags.common.json, flags.quiet));
  std::optional<MetricsAddress> address;
  if (flags.metrics) address = MetricsAddress::parse("--metrics", *flags.metrics, flags.metrics_public);
  std::shared_ptr<queue::Broker> broker = open_shared(flags.common.broker);
  std::optional<MetricsServer> server;
  std::shared_ptr<metrics::Registry> registry;
  if (address || !flags.dashboard.empty()) {
    registry = std::make_shared<metrics::Registry>();
    options.metrics(registry);
    broker = queue::metered(broker, *registry, queue::MetricLabels(options.queues(), {exec_handler_name}));
  }
  if (const std::optional<Traces> traces = open_traces(flags.traces, log)) {
    options.tracer(traces->tracer);
    if (registry) registry->add(traces->exporter);
    log->write(LogLevel::info, "traces go to " + traces->exporter->url());
  }
  if (address) {
    server.emplace(*address, [registry] { return scrape(registry); });
    log->write(LogLevel::info, "metrics at " + server->url());
  }
  const std::uint64_t wanted =
      flags.concurrency == 0 ? usable_cores() : static_cast<std::uint64_t>(flags.concurrency);
  options.concurrency(at_most(*broker, wanted));
  queue::Worker worker(broker, options);
  worker.handle_with(exec_handler_name, make_exec_handler(ExecOptions(), Logger(log)));
  log->write(LogLevel::info, "working on " + worker.broker()->url() + ", " + list(options.queues()) + ", " +
                                 counted(options.concurrency(), "job") +
                                 " at a time; SIGTERM or Ctrl-C lets running jobs end and stops");
  std::optional<DashboardThread> shown_here;
  if (!flags.dashboard.empty()) {
    dashboard::DashboardOptions shown;
    read_address("--dashboard", flags.dashboard, shown);
    shown.accounts = flags.accounts;
    shown.redact = flags.redact;
    shown.metrics = registry;  // and no log: that the broker is away, the worker says
    try {
      shown_here.emplace(broker, std::move(shown), *log);
    } catch (const std::exception&) {
      rethrow_with_cure("--dashboard");
    }
  }
  const int code = worker.run();
  if (code == exit_ok) log->write(LogLevel::info, "stopped");
  return code;
}

}  // namespace

void add_worker(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<WorkerFlags>();
  Flags(app, "worker", "Run jobs until told to stop")
      .common(flags->common)
      .flag("--allow-exec", flags->allow_exec, "Run jobs named \"exec\": shell commands, as this user")
      .texts("--queue,-q", flags->queues,
             "Take from this queue; repeated: the first is served first [default default]", "NAME")
      .number("--jobs,-j", flags->concurrency, "So many jobs at a time [default: one per core]", 1, 100'000)
      .text("--name", flags->name, "What this worker is called in listings [default host:pid]", "NAME")
      .duration("--grace", flags->grace, "How long running jobs may go on once it is stopped [default 25s]")
      .duration("--lease", flags->lease,
                "How long a job stays with a worker that is not heard of [default 30s]")
      .number("--dead-jobs", flags->dead_jobs,
              "Keep so many dead jobs of each queue, the newest; 0: all, for their time [default 100000]", 0,
              1'000'000'000)
      .flag("--until-idle", flags->until_idle, "Stop when every job of its queues has ended")
      .flag("--no-remote-debug", flags->no_remote_debug,
            "Do not answer `coterie dump --broker` and the dashboard, which show what its tasks do")
      .texts(
          "--redact", flags->redact,
          "Fields of this name are not shown by any dashboard, beside password, token and their like; their "
          "values are taken out of errors and progress notes; '*': all fields",
          "NAME")
      .flag("--quiet", flags->quiet, "No line on stdout for each job")
      .text("--log-level", flags->log_level,
            "What goes to stderr: debug, info, warning or error, and what is above [default info]", "LEVEL")
      .text("--dashboard", flags->dashboard,
            "Show its broker in a browser too, on this machine: 127.0.0.1:8420, say. An address that others "
            "reach needs --accounts, and is better served by `coterie dashboard`, which has TLS and an audit "
            "log",
            "ADDR:PORT")
      .text("--accounts", flags->accounts,
            "With --dashboard: who may log in, see `coterie dashboard --help`; read at the start", "FILE")
      .text("--log-format", flags->log_format,
            "How: text, for people, or json, an object a line [default text]", "FORMAT")
      .text("--metrics", flags->metrics,
            "Serve metrics for Prometheus at http://ADDRESS:PORT/metrics; ADDRESS is 127.0.0.1 where it is "
            "left out",
            "ADDRESS:PORT")
      .flag("--metrics-public", flags->metrics_public,
            "Let --metrics be an address that other machines can reach")
      .text(
          "--traces", flags->traces,
          "Send a span of each run to the OpenTelemetry collector there, http://localhost:4318 say [default "
          "$OTEL_EXPORTER_OTLP_ENDPOINT, else none]",
          "URL")
      .footer(
          "SIGTERM or Ctrl-C: it takes nothing new, running jobs may end within the grace period, are then "
          "cancelled and "
          "given back. A worker that is killed loses nothing: its jobs run again.\n"
          "Exit codes: 0 it has stopped, however its jobs ended (`coterie jobs --state dead` lists what "
          "failed), "
          "2 wrong\n"
          "usage, 3 no broker, 70 its loop stood still for five leases.")
      .chooses(chosen, [flags] { return work(*flags); });
}

}  // namespace coterie::cli

// coterie bench queue: the flags, and the report.
#include "src/cli/bench.hpp"

#include <algorithm>
#include <cstdio>

#include "coterie/run.hpp"
#include "coterie/threads/cores.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

struct BenchFlags {
  CommonOptions common;
  std::int64_t jobs = 100'000;
  std::int64_t runs = 5;
  std::int64_t concurrency = 1000;
  std::int64_t payload_bytes = 200;
  std::int64_t preload = 0;
  std::int64_t load_per_s = 100;
  bool force = false;
  bool keep = false;
  BenchFlags() = default;
};

struct Spread {
  double median_value = 0;
  double least = 0;
  double most = 0;
  Spread(const BenchReport& report, double BenchRun::* figure) {
    std::vector<double> values;
    values.reserve(report.runs.size());
    for (const BenchRun& run : report.runs) values.push_back(run.*figure);
    median_value = median(values);
    least = *std::min_element(values.begin(), values.end());
    most = *std::max_element(values.begin(), values.end());
  }
  [[nodiscard]] std::string json() const { return "[" + json_number(least) + "," + json_number(most) + "]"; }
};

std::string latency_json(const BenchLatency& latency) {
  return JsonObject()
      .add("p50", latency.p50_ms)
      .add("p99", latency.p99_ms)
      .add("max", latency.max_ms)
      .add("samples", latency.samples)
      .str();
}

std::string report_json(const BenchOptions& options, const BenchReport& report) {
  const Spread enqueue(report, &BenchRun::enqueue_per_s);
  const Spread process(report, &BenchRun::process_per_s);
  const Spread cpu(report, &BenchRun::cpu_us_per_job);
  const Spread syncs(report, &BenchRun::syncs_per_s);
  std::uint64_t verified = 0;
  for (const BenchRun& run : report.runs) verified += run.verified;
  JsonObject object;
  object.add("bench", "queue").add("broker", report.broker_url).add("jobs", options.jobs);
  object.add("runs", report.runs.size()).add("concurrency", options.concurrency);
  object.add("payload_bytes", options.payload_bytes).add("result_bytes", bench_result_bytes);
  object.add("preload_finished", options.preload);
  object.add("enqueue_per_s", enqueue.median_value).raw("enqueue_per_s_range", enqueue.json());
  object.add("process_per_s", process.median_value).raw("process_per_s_range", process.json());
  object.add("cpu_us_per_job", cpu.median_value);
  object.raw("latency_ms", latency_json(report.light)).add("latency_load_per_s", options.load_per_s);
  object.raw("rest_latency_ms", latency_json(report.rest));
  if (report.fsync_per_s > 0)
    object.add("fsync_per_s", report.fsync_per_s);
  else
    object.null("fsync_per_s");
  object.add("broker_syncs_per_s", syncs.median_value);
  object.add("results_verified", verified).add("cores", usable_cores());
  return object.str();
}

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string rate(const Spread& spread) {
  return human_count(static_cast<std::uint64_t>(spread.median_value)) + " jobs/s   (" +
         human_count(static_cast<std::uint64_t>(spread.least)) + " to " +
         human_count(static_cast<std::uint64_t>(spread.most)) + ")";
}

std::string latency_text(const BenchLatency& latency) {
  return "p50 " + fixed(latency.p50_ms, 2) + " ms   p99 " + fixed(latency.p99_ms, 2) + " ms   max " +
         fixed(latency.max_ms, 2) + " ms";
}

void print_report(Output& out, const BenchOptions& options, const BenchReport& report) {
  const auto line = [&out](std::string title, const std::string& value) {
    title.resize(26, ' ');
    out.line(title + value);
  };
  out.line(printable(report.broker_url) + ": " + counted(options.jobs, "job") + " of " +
           counted(options.payload_bytes, "byte") + ", results of " + std::to_string(bench_result_bytes) +
           ", " + counted(report.runs.size(), "run") + ", concurrency " +
           std::to_string(options.concurrency) + ", " + std::to_string(usable_cores()) + " cores");
  if (options.preload > 0) line("finished jobs beside them", human_count(options.preload));
  line("enqueue", rate(Spread(report, &BenchRun::enqueue_per_s)));
  line("process", rate(Spread(report, &BenchRun::process_per_s)));
  line("CPU", fixed(Spread(report, &BenchRun::cpu_us_per_job).median_value, 2) + " us/job");
  line("latency at " + std::to_string(options.load_per_s) + " jobs/s", latency_text(report.light));
  line("latency at rest", latency_text(report.rest));
  if (report.fsync_per_s > 0) {
    line("this disk", human_count(static_cast<std::uint64_t>(report.fsync_per_s)) +
                          " fdatasync/s of 4 KiB appends; the broker made " +
                          fixed(Spread(report, &BenchRun::syncs_per_s).median_value, 0) +
                          "/s while processing");
  }
  std::uint64_t verified = 0;
  for (const BenchRun& run : report.runs) verified += run.verified;
  line("results read back", human_count(verified) + ", all as they should be");
}

int bench(const BenchFlags& flags) {
  BenchOptions options;
  options.broker = flags.common.broker;
  options.jobs = static_cast<std::uint64_t>(flags.jobs);
  options.runs = static_cast<std::uint32_t>(flags.runs);
  options.concurrency = static_cast<std::uint32_t>(flags.concurrency);
  options.payload_bytes = static_cast<std::uint32_t>(flags.payload_bytes);
  options.preload = static_cast<std::uint64_t>(flags.preload);
  options.load_per_s = static_cast<std::uint32_t>(flags.load_per_s);
  options.load_samples = std::max<std::uint32_t>(100, 3 * options.load_per_s);
  options.force = flags.force;
  options.keep = flags.keep;
  auto progress = std::make_shared<BenchProgress>();
  std::shared_ptr<queue::Broker> broker = queue::open_broker(options.broker);
  progress->show("measuring the disk");
  const std::string file = broker_file(options.broker);
  const double fsync_per_s = file.empty() ? 0 : measure_fsync_rate(file);
  int code = exit_ok;
  BenchReport report;
  try {
    report = run(bench_queue(std::move(broker), options, progress));
  } catch (const Interrupted& interrupted) {
    code = 128 + interrupted.signo();
  }
  progress->clear();
  if (code != exit_ok) return code;
  report.fsync_per_s = fsync_per_s;
  if (flags.common.json)
    Output::standard().line(report_json(options, report));
  else
    print_report(Output::standard(), options, report);
  return exit_ok;
}

}  // namespace

void add_bench(CLI::App& app, Action& chosen) {
  Flags group(app, "bench", "Measure this machine: bench queue");
  group.needs_subcommand();
  auto flags = std::make_shared<BenchFlags>();
  Flags(group.app(), "queue", "How many jobs a second a broker takes, and how soon they start")
      .common(flags->common)
      .number("--jobs,-n", flags->jobs, "Jobs in a run [default 100000]", 1, 100'000'000)
      .number("--runs", flags->runs, "Runs; the median is reported [default 5]", 1, 1000)
      .number("--concurrency,-c", flags->concurrency, "Jobs that the worker holds at a time [default 1000]",
              1, 100'000)
      .number("--payload-bytes", flags->payload_bytes, "Size of a payload [default 200]", 64, 1 << 20)
      .number("--preload-finished", flags->preload,
              "So many finished jobs in the store beforehand [default 0]", 0, 1'000'000'000)
      .number("--load", flags->load_per_s, "Jobs a second while the latency is measured [default 100]", 1,
              100'000)
      .flag("--force", flags->force, "Also on a broker that holds other jobs")
      .flag("--keep", flags->keep, "Leave the last run's jobs in the store, to be looked at")
      .footer(
          "All jobs of a run are enqueued before its clock of processing starts; it stops when the broker "
          "has\n"
          "confirmed the last one. Every result is read back. Latency is from the call of enqueue to the\n"
          "handler's first step, producer and worker in one process. What it has put there it takes away,\n"
          "unless it is killed: then the next run does. A file stays, and does not shrink.\n"
          "Exit codes: 0 measured, 2 wrong usage or other jobs are there, 3 the broker cannot be reached.\n"
          "  coterie bench queue --broker sqlite:///tmp/bench.db\n"
          "  coterie bench queue --broker redis://127.0.0.1 --namespace bench --jobs 20000 --runs 3")
      .chooses(chosen, [flags] { return bench(*flags); });
}

}  // namespace coterie::cli

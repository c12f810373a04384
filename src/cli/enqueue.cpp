// coterie enqueue: one job, from a shell. Its id is all it prints, so that a script can keep it.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "coterie/await_outcome.hpp"
#include "coterie/queue/client.hpp"
#include "coterie/run.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "coterie/trace_context.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/exec_handler.hpp"
#include "src/cli/job_view.hpp"
#include "src/cli/json_text.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"
#include "src/queue/dropped_result.hpp"

namespace coterie::cli {
namespace {

struct EnqueueOptions {
  CommonOptions common;
  std::string name;
  std::optional<std::string> payload;
  std::optional<std::string> command;
  std::string queue = "default";
  std::int64_t priority = 0;
  std::optional<queue::Milliseconds> delay;
  std::string run_at;
  std::int64_t retries = 3;
  std::optional<queue::Milliseconds> retry_delay;
  std::optional<queue::Milliseconds> timeout;
  std::optional<queue::Milliseconds> expires_in;
  std::optional<queue::Milliseconds> keep;
  std::string id;
  std::vector<std::string> after;
  std::vector<std::string> headers;
  bool wait = false;
  std::optional<queue::Milliseconds> wait_at_most;
  EnqueueOptions() = default;
};

/// Whoever waits for a job learns of its end by a message and then looks, after a lost connection some
/// seconds later.
constexpr queue::Milliseconds kept_to_be_seen = std::chrono::seconds(10);

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// All of a file, or of stdin for "-". A payload has a limit, so nothing endless is read: the broker refuses
/// what is larger, and says so.
std::string read_all(const std::string& path) {
  constexpr std::size_t most = std::size_t{1} << 30;
  std::unique_ptr<std::FILE, CloseFile> owned;
  std::FILE* file = stdin;
  if (path != "-") {
    owned.reset(std::fopen(path.c_str(), "re"));
    file = owned.get();
  }
  if (file == nullptr)
    throw UsageError("the payload's file '" + path + "' cannot be read: " + std::strerror(errno));
  std::string text;
  char block[65536];
  std::size_t got = 0;
  errno = 0;
  while (text.size() < most && (got = std::fread(block, 1, sizeof block, file)) > 0) text.append(block, got);
  if (std::ferror(file) != 0)
    throw UsageError("the payload's file '" + path + "' cannot be read: " + std::strerror(errno));
  return text;
}

std::string payload_of(const EnqueueOptions& options) {
  if (options.command) {
    ExecArgs args;
    args.command = *options.command;
    args.cwd = current_folder();
    return write_exec_args(args);
  }
  if (!options.payload) return "null";
  const std::string& given = *options.payload;
  std::string where = "the payload";
  std::string text = given;
  if (given == "-" || (!given.empty() && given.front() == '@')) {
    const std::string path = given == "-" ? given : given.substr(1);
    text = read_all(path);
    where += path == "-" ? " on stdin" : " in '" + path + "'";
  }
  if (const std::optional<std::string> problem = json_problem(text)) {
    throw UsageError(
        where + ": " + *problem +
        (where == "the payload" ? "; a string is written '\"text\"', a file @PATH, stdin -" : ""));
  }
  return text;
}

/// The job goes on with the trace that its caller has put into the environment, where one has: `coterie
/// worker` does so for its commands.
void put_trace(queue::Headers& headers) {
  const char* const parent = std::getenv("TRACEPARENT");  // NOLINT(concurrency-mt-unsafe)
  const char* const state = std::getenv("TRACESTATE");    // NOLINT(concurrency-mt-unsafe)
  const std::optional<trace::SpanContext> context =
      trace::read_traceparent(parent != nullptr ? parent : "", state != nullptr ? state : "");
  if (!context || headers.contains(trace::traceparent_header)) return;
  headers.emplace(trace::traceparent_header, trace::write_traceparent(*context));
  if (!context->state.empty()) headers.emplace(trace::tracestate_header, context->state);
}

queue::Headers headers_of(const std::vector<std::string>& given) {
  queue::Headers headers;
  for (const std::string& pair : given) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError("--header '" + pair + "': give NAME=VALUE, tenant=blue say");
    headers[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  put_trace(headers);
  return headers;
}

queue::JobSpec spec_of(const EnqueueOptions& options) {
  if (options.command.has_value() != options.name.empty())
    throw UsageError("say what to run: either NAME [PAYLOAD], or --exec 'shell command'");
  if (options.command && options.command->find_first_not_of(" \t\n") == std::string::npos)
    throw UsageError("--exec '" + *options.command +
                     "': an empty command does nothing; give one for the shell");
  if (options.keep && *options.keep < kept_to_be_seen && (options.wait || options.wait_at_most))
    throw UsageError("--keep " + human_time(options.keep->count()) +
                     " and --wait: the job may be forgotten before its end is seen; keep it for " +
                     std::to_string(kept_to_be_seen.count() / 1000) + "s at least, or do not wait");
  queue::JobSpec spec;
  spec.name = options.command ? exec_handler_name : options.name;
  spec.queue = options.queue;
  spec.priority = static_cast<int>(options.priority);
  spec.delay = options.delay.value_or(queue::Milliseconds{0});
  if (!options.run_at.empty()) spec.run_at = parse_time("--run-at", options.run_at);
  spec.max_attempts = static_cast<std::uint32_t>(options.retries + 1);
  if (options.retry_delay) spec.backoff.base = *options.retry_delay;
  spec.timeout = options.timeout.value_or(queue::Milliseconds{0});
  if (options.expires_in) spec.expires_at = wall_clock() + options.expires_in->count();
  if (options.keep) spec.result_ttl = *options.keep;
  spec.id = options.id.empty() ? queue::new_uuid() : parse_job_id(options.id);
  spec.after = parse_job_ids(options.after);
  spec.payload = payload_of(options);
  spec.headers = headers_of(options.headers);
  return spec;
}

/// How a job that was waited for ended; its result goes to stdout.
int report_end(const queue::JobInfo& job, bool json) {
  if (json) Output::standard().line(job_json(job, true));
  if (queue::is_result_dropped(job)) {
    std::fprintf(stderr, "coterie: %s\n", queue::ResultDropped(job.id).what());
    return exit_job_failed;
  }
  if (!json && job.state == queue::JobState::done) Output::standard().line(embed_json(job.result));
  if (job.state == queue::JobState::done) return exit_ok;
  const queue::JobFailed failed(job.id, job.state, job.error.value_or(queue::JobError()));
  std::fprintf(stderr, "coterie: %s\n", printable(failed.what()).c_str());
  return exit_job_failed;
}

std::string how_to_look(const queue::JobId& id, const CommonOptions& common) {
  const std::string broker =
      common.broker == default_broker ? "" : " --broker " + shell_word(without_passwords(common.broker));
  return "coterie job " + id.str() + broker;
}

/// Where a job that nobody takes finds somebody.
std::string how_to_serve(const queue::JobInfo& job, const CommonOptions& common) {
  const std::string where = job.queue == "default" ? "" : " -q " + printable(job.queue);
  if (job.name != exec_handler_name)
    return "the program whose worker has a handler named '" + printable(job.name) + "'" +
           (where.empty() ? "" : " and serves the queue '" + printable(job.queue) + "'");
  const std::string broker =
      common.broker == default_broker ? "" : " --broker " + shell_word(without_passwords(common.broker));
  return "`coterie worker --allow-exec" + broker + where + "`";
}

/// Says so, once, when the job stands ready and nobody takes it: most likely no worker runs.
Task<void> tell_when_nobody_takes_it(std::shared_ptr<queue::Broker> broker, queue::JobId id,
                                     CommonOptions common) {
  constexpr Duration look_every = std::chrono::seconds(1);
  for (int looks = 0; looks < 2;) {
    co_await sleep(look_every);
    const std::vector<queue::JobId> ids(1, id);
    const std::vector<std::optional<queue::JobInfo>> found = co_await broker->get(ids, false);
    const std::optional<queue::JobInfo>& job = found.at(0);
    if (!job || queue::is_final(job->state) || job->state == queue::JobState::leased) co_return;
    looks = job->state == queue::JobState::ready ? looks + 1 : 0;
    if (looks == 2)
      std::fprintf(stderr, "coterie: no worker has taken job %s yet; if none runs, start one: %s\n",
                   id.str().c_str(), how_to_serve(*job, common).c_str());
  }
}

Task<queue::JobInfo> wait_for_end(std::shared_ptr<queue::Broker> broker, queue::JobId id,
                                  EnqueueOptions options) {
  queue::Client client(broker);
  JoinHandle<void> hint = spawn(tell_when_nobody_takes_it, broker, id, options.common);
  Outcome<queue::JobInfo> end =
      co_await outcome(client.wait(id, options.wait_at_most.value_or(queue::Client::forever)));
  hint.cancel();
  (void)co_await outcome(hint);  // the broker's trouble is the wait's too, and is told there
  co_return std::move(end.get());
}

/// What came of it; where that is not known, how to say it again without a second job.
std::vector<queue::Enqueued> verdict_of(Outcome<std::vector<queue::Enqueued>> enqueued,
                                        const queue::JobId& id, const CommonOptions& common) {
  if (enqueued.cancelled())
    std::fprintf(stderr, "coterie: stopped; whether job %s is in the queue, `%s` tells\n", id.str().c_str(),
                 how_to_look(id, common).c_str());
  try {
    return std::move(enqueued).get();
  } catch (const queue::BrokerUnavailable& error) {
    throw queue::BrokerUnavailable(std::string(error.what()) + "; the same command with --id " + id.str() +
                                   " repeats it, and makes no second job");
  }
}

Task<int> enqueue_job(std::shared_ptr<queue::Broker> broker, queue::JobSpec spec, EnqueueOptions options) {
  const queue::JobId id = spec.id;
  std::vector<queue::JobSpec> batch;
  batch.push_back(std::move(spec));
  auto enqueuing = broker->enqueue(std::move(batch));
  Outcome<std::vector<queue::Enqueued>> enqueued = co_await outcome(std::move(enqueuing));
  const std::vector<queue::Enqueued> verdict = verdict_of(std::move(enqueued), id, options.common);
  const bool created = verdict.at(0) == queue::Enqueued::created;
  if (!created) std::fprintf(stderr, "coterie: job %s is known already; nothing changed\n", id.str().c_str());
  const bool wait = options.wait || options.wait_at_most;
  if (!wait) {
    Output::standard().line(
        options.common.json ? JsonObject().add("id", id.str()).add("created", created).str() : id.str());
    co_return exit_ok;
  }
  Task<queue::JobInfo> waiting = wait_for_end(broker, id, options);
  Outcome<queue::JobInfo> end = co_await outcome(std::move(waiting));
  if (end.cancelled())
    std::fprintf(stderr, "coterie: stopped waiting; job %s goes on: `%s`\n", id.str().c_str(),
                 how_to_look(id, options.common).c_str());
  try {
    co_return report_end(end.get(), options.common.json);
  } catch (const TimeoutError&) {  // said below, on both streams
  }
  Output::standard().line(options.common.json ? JsonObject().add("id", id.str()).add("created", created).str()
                                              : id.str());
  std::fprintf(stderr, "coterie: job %s has not ended within %s; it goes on: `%s`\n", id.str().c_str(),
               human_time(options.wait_at_most->count()).c_str(), how_to_look(id, options.common).c_str());
  co_return exit_job_failed;
}

}  // namespace

void add_enqueue(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<EnqueueOptions>();
  Flags(app, "enqueue", "Put a job into a queue and print its id")
      .common(options->common)
      .text("NAME", options->name, "The handler's name, as its worker registered it", "")
      .text("PAYLOAD", options->payload, "JSON, or @FILE, or - for stdin [default null]", "")
      .text("--exec", options->command,
            "A shell command, for `coterie worker --allow-exec`, instead of NAME; it runs in this directory",
            "COMMAND")
      .text("--queue,-q", options->queue, "The queue [default default]", "NAME")
      .number("--priority,-p", options->priority, "Higher runs first, -1000 to 1000 [default 0]", -1000, 1000)
      .duration("--delay", options->delay, "Not before so long from now: 500ms, 5s, 2m, 1h30m, 1d")
      .text("--run-at", options->run_at, "Not before this time: 2030-01-31T14:30:00Z or @UNIX_SECONDS",
            "TIME")
      .number("--retries", options->retries,
              "Further attempts after a failed one, with growing pauses [default 3]", 0, 999'999)
      .duration("--retry-delay", options->retry_delay,
                "Before the first of them; doubles each time [default 1s]")
      .duration("--expires-in", options->expires_in, "Not begun so long from now, it never runs")
      .duration("--keep", options->keep,
                "How long record and result are kept after its end [default 1d]; with --wait "
                "10s at least")
      .duration("--timeout", options->timeout, "Of one attempt; it is cancelled then [default none]")
      .text("--id", options->id, "A UUID of your own: enqueueing it again changes nothing", "UUID")
      .texts("--after", options->after, "Wait until this job has ended, however; may be repeated", "ID")
      .texts("--header", options->headers, "Goes along beside the payload; may be repeated", "NAME=VALUE")
      .flag("--wait,-w", options->wait, "Wait for the end and print the result")
      .duration("--wait-at-most", options->wait_at_most, "The same, but not longer than this")
      .footer(
          "With --wait the exit code is 1 when the job failed (or did not end in time).\n"
          "  coterie enqueue thumbnail '{\"path\":\"a.jpg\",\"width\":320}' --priority 5\n"
          "  coterie enqueue --exec 'make -C /srv/site' --delay 10m --timeout 1h")
      .chooses(chosen, [options] {
        queue::JobSpec spec = spec_of(*options);
        const bool waits = options->wait || options->wait_at_most;
        Task<int> main = enqueue_job(open_shared(options->common.broker), std::move(spec), *options);
        return waits ? run(std::move(main)) : run_briefly(std::move(main));
      });
}

}  // namespace coterie::cli

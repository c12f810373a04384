// coterie workers, and what one of them is asked through the broker.
#include "src/cli/fleet.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/eyes_client.hpp"
#include "src/cli/job_view.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

using queue::Asked;
using queue::WorkerInfo;
using queue::WorkerState;

constexpr queue::Milliseconds patience{2000};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Task<int> list_workers(std::shared_ptr<queue::Broker> broker, bool json) {
  const queue::Fleet fleet = co_await broker->workers();
  Output& out = Output::standard();
  const queue::UnixMillis now = wall_clock();
  const auto ago = [now](queue::UnixMillis at) {
    return human_time(std::max<queue::UnixMillis>(0, now - at));
  };
  Table table({{"WORKER", false, 40},
               {"ID"},
               {"STATE"},
               {"JOBS", true},
               {"QUEUES", false, 40},
               {"VERSION"},
               {"UP", true},
               {"HEARD", true}});
  for (const WorkerInfo& worker : fleet.workers) {
    const queue::WorkerReport& report = worker.report;
    if (json)
      out.line(worker_json(worker));
    else
      table.row(
          {report.worker.name, report.worker.incarnation.str(), std::string(queue::to_string(worker.state)),
           std::to_string(report.holds) + "/" + std::to_string(report.concurrency), joined(report.queues),
           report.version, ago(worker.started_at), ago(worker.heard_at) + " ago"});
  }
  if (!json && fleet.workers.empty())
    out.line("No workers: start one with `coterie worker --allow-exec`, or your own program.");
  else if (!json)
    table.flush(out);
  if (!json && fleet.more) out.line("… and others that were heard of before these");
  co_return exit_ok;
}

/// Those that are meant, the living ones where there are any.
std::vector<const WorkerInfo*> meant(const queue::Fleet& fleet, const std::string& who) {
  std::vector<const WorkerInfo*> found;
  for (const WorkerInfo& worker : fleet.workers)
    if (worker.report.worker.name == who || worker.report.worker.incarnation.str().starts_with(who))
      found.push_back(&worker);
  const auto lives = [](const WorkerInfo* worker) { return worker->state == WorkerState::alive; };
  if (std::ranges::any_of(found, lives))
    std::erase_if(found, [&](const WorkerInfo* one) { return !lives(one); });
  return found;
}

const WorkerInfo& the_one(const queue::Fleet& fleet, const std::string& who) {
  const std::vector<const WorkerInfo*> found = meant(fleet, who);
  if (found.empty())
    throw UsageError("no worker '" + who +
                     "' is known to the broker: it has ended, or is of a coterie that does not announce "
                     "itself; `coterie workers` lists those that are");
  const bool same =
      std::ranges::all_of(found, [](const WorkerInfo* one) { return one->state != WorkerState::alive; });
  if (found.size() > 1 && !same)
    throw UsageError(std::to_string(found.size()) + " workers are meant by '" + who +
                     "': name one by its id, as `coterie workers` shows it");
  return *found.front();
}

[[noreturn]] void refuse(const WorkerInfo& worker, const queue::WorkerAnswer& answer) {
  const std::string who = "worker '" + worker.report.worker.name + "'";
  const std::string heard = human_time(std::max<queue::UnixMillis>(0, wall_clock() - worker.heard_at));
  switch (answer.outcome) {
    case Asked::refused:
      throw Unanswered(who + " refuses: " + answer.text);
    case Asked::ended:
      throw Unanswered(who + " has ended, " + heard + " ago");
    case Asked::lost:
      throw Unanswered(who + " is lost: it was heard of " + heard + " ago, or its process is gone");
    case Asked::unknown:
      throw Unanswered(who + " is not known to the broker any more");
    case Asked::answered:
    case Asked::cut:
    case Asked::silent:
      break;
  }
  throw Unanswered(who +
                   " has not answered within 2 s: its process is stopped, or cut off from the broker; it "
                   "was heard of " +
                   heard + " ago");
}

Task<std::string> ask(std::shared_ptr<queue::Broker> broker, std::string who, std::string question) {
  const queue::Fleet fleet = co_await broker->workers();
  const WorkerInfo& worker = the_one(fleet, who);
  Task<queue::WorkerAnswer> asking =
      broker->ask(worker.report.worker.incarnation, std::move(question), patience);
  queue::WorkerAnswer answer = co_await std::move(asking);
  if (answer.outcome == Asked::cut)
    std::fprintf(stderr, "coterie: the answer was longer than 256 KiB: the worker has left out a part\n");
  else if (answer.outcome != Asked::answered)
    refuse(worker, answer);
  co_return std::move(answer.text);
}

}  // namespace

std::string worker_json(const WorkerInfo& worker) {
  const queue::WorkerReport& report = worker.report;
  std::string queues;
  for (const std::string& queue : report.queues) queues += (queues.empty() ? "" : ",") + json_string(queue);
  JsonObject object;
  object.add("id", report.worker.incarnation.str()).add("name", report.worker.name);
  object.add("state", queue::to_string(worker.state)).add("process", report.worker.process);
  object.add("version", report.version).raw("queues", "[" + queues + "]");
  object.add("handlers", report.handlers).add("concurrency", report.concurrency);
  object.add("holds", report.holds).add("lease_ms", report.lease.count());
  object.add("answers", report.answers).add("started_at_ms", worker.started_at);
  object.add("heard_at_ms", worker.heard_at);
  return object.str();
}

std::string ask_worker(const std::string& broker_url, const std::string& who, const debug::Request& request) {
  std::string text;
  const auto body = [&]() -> Task<void> {
    Task<std::string> asking = ask(open_existing(broker_url), who, debug::format_request(request));
    text = co_await std::move(asking);
  };
  run(body());
  return text;
}

void add_fleet(CLI::App& app, Action& chosen) {
  auto common = std::make_shared<CommonOptions>();
  Flags(app, "workers", "List the workers of a broker, those without work too")
      .common(*common)
      .footer(
          "A worker says that it is there: every third of its lease while it holds jobs, every three leases "
          "while it holds none. `lost`: it has not for two thirds of a lease longer, or its process is gone; "
          "those that are gone are listed for an hour. JOBS: how many it held then, and how many it takes at "
          "a time.\n"
          "  coterie workers\n"
          "  coterie dump host:4242 --broker redis://queue     what one of them does")
      .chooses(chosen, [common] { return run(list_workers(open_existing(common->broker), common->json)); });
}

}  // namespace coterie::cli

// coterie move: the jobs of one broker go to another.
#include <algorithm>
#include <memory>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/move_work.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

struct MoveFlags {
  std::string from;
  std::string to;
  std::vector<std::string> queues;
  bool wait = false;
  bool dry_run = false;
  bool take_over = false;
  bool accept_reruns = false;
  bool quiet = false;
  bool json = false;
};

std::string by_state(const MoveReport& report) {
  std::string words;
  for (const auto& [state, count] : report.moved)
    if (count > 0)
      words += (words.empty() ? "" : ", ") + human_count(count) + " " + std::string(to_string(state));
  return words.empty() ? "" : " (" + words + ")";
}

std::string json_of(const MoveReport& report, const MoveFlags& flags) {
  JsonObject moved;
  for (const auto& [state, count] : report.moved) moved.add(to_string(state), count);
  std::string workers = "[";
  for (const std::string& worker : report.workers)
    workers += (workers.size() > 1 ? "," : "") + json_string(worker);
  JsonObject object;
  object.add("from", without_passwords(flags.from)).add("to", without_passwords(flags.to));
  object.add("dry_run", flags.dry_run).add("jobs", report.jobs()).raw("moved", moved.str());
  object.add("known_before", report.there_already).add("cancelled_meanwhile", report.cancelled);
  object.add("left_running", report.leased).add("left_waiting", report.held).add("left_ended", report.ended);
  object.raw("workers", workers + "]").add("producers", report.producers).add("undone", report.undone);
  std::string absent = "[";
  for (const std::string& queue : report.absent)
    absent += (absent.size() > 1 ? "," : "") + json_string(queue);
  object.raw("absent_queues", absent + "]").add("seconds", report.seconds);
  return object.str();
}

std::string joined(const std::set<std::string>& names) {
  std::string words;
  for (const std::string& name : names) words += (words.empty() ? "" : ", ") + printable(name);
  return words;
}

void print(const MoveReport& report, const MoveFlags& flags) {
  Output& out = Output::standard();
  const std::string time =
      flags.dry_run ? "" : " in " + human_time(static_cast<std::int64_t>(report.seconds * 1000));
  out.line((flags.dry_run ? "Would move " : "Moved ") + counted(report.jobs(), "job") + by_state(report) +
           " from " + printable(without_passwords(flags.from)) + " to " +
           printable(without_passwords(flags.to)) + time);
  if (!report.absent.empty())
    out.line("The source has no job in " +
             std::string(report.absent.size() == 1 ? "queue " : "any of the queues ") +
             joined(report.absent));
  if (report.there_already > 0)
    out.line(counted(report.there_already, "job") + " of these the target had already");
  if (report.cancelled > 0)
    out.line(counted(report.cancelled, "job") + " of these " +
             "ended at the source as cancelled while on the way, and so at the target");
  if (report.undone)
    out.line("The move from " + printable(without_passwords(flags.to)) +
             " to here that had not ended is undone: its queues there go on");
  if (report.leased > 0)
    out.line("Stays: " + counted(report.leased, "job") + " that " + (report.leased == 1 ? "runs" : "run") +
             " at the source (" + joined(report.workers) + "): --wait stays until they have ended");
  if (report.held > 0)
    out.line("Stays: " + counted(report.held, "job") +
             " that could not do without one that stays (it waits for it, or is waited for)");
  if (report.producers)
    out.line("Stays: what producers put into the source as fast as it is moved: stop them and move again");
  if (report.ended > 0)
    out.line("Stays: " + counted(report.ended, "job") + " that " + (report.ended == 1 ? "has" : "have") +
             " ended, with results");
}

MoveWork::Options options_of(const MoveFlags& flags) {
  MoveWork::Options options;
  options.queues = std::set<std::string>(flags.queues.begin(), flags.queues.end());
  options.claim.queues.assign(options.queues.begin(), options.queues.end());
  options.claim.take_over = flags.take_over;
  options.claim.accept_reruns = flags.accept_reruns;
  options.wait = flags.wait;
  options.quiet = flags.quiet;
  return options;
}

int move(const MoveFlags& flags) {
  if (std::find(flags.queues.begin(), flags.queues.end(), "") != flags.queues.end())
    throw UsageError("--queue is empty: name a queue, or leave it out to move all");
  if (flags.from == flags.to) throw UsageError("--from and --to are the same place: name two");
  std::shared_ptr<queue::Broker> from = open_existing(flags.from, "--from");
  std::shared_ptr<queue::Broker> to;
  if (!flags.dry_run) to = open_shared(flags.to, "--to");
  MoveWork work(from, to, options_of(flags));
  MoveReport report;
  try {
    // Stopped by Ctrl-C: nothing comes, and the exit code is the signal's.
    const auto go = [](MoveWork* what, MoveReport* into, bool look) -> Task<int> {
      if (look)
        *into = co_await what->look();
      else
        *into = co_await what->run();
      co_return exit_ok;
    };
    const int stopped = run(go(&work, &report, flags.dry_run));
    if (stopped != exit_ok) {
      if (work.is_open()) work.say_unfinished();
      return stopped;
    }
  } catch (...) {
    if (work.is_open()) work.say_unfinished();
    throw;
  }
  if (flags.json)
    Output::standard().line(json_of(report, flags));
  else
    print(report, flags);
  const bool all = report.leased == 0 && report.held == 0 && !report.producers;
  return all || flags.dry_run ? exit_ok : exit_job_failed;
}

}  // namespace

void add_move(CLI::App& app, Action& chosen) {
  auto flags = std::make_shared<MoveFlags>();
  Flags(app, "move", "Take the jobs of one broker to another: all that wait, each once")
      .text("--from", flags->from, "Where the jobs are: sqlite://PATH, redis://HOST[?namespace=NAME]", "URL")
      .required("--from")
      .text("--to", flags->to, "Where they shall be", "URL")
      .required("--to")
      .texts("--queue,-q", flags->queues, "Only this queue; may be said again [default: all]", "NAME")
      .flag("--wait", flags->wait, "Stay until what runs at the source has ended, and move what comes of it")
      .flag("--dry-run,-n", flags->dry_run, "Say what would be moved; change nothing")
      .flag("--take-over", flags->take_over, "Go on with a move whose process cannot be seen to be gone")
      .flag("--accept-reruns", flags->accept_reruns,
            "Go on with a move that stopped more than 23 h ago, or on from where one to there has not ended: "
            "jobs of its last batch may run twice")
      .flag("--json", flags->json, "One JSON object")
      .flag("--quiet", flags->quiet, "No progress on stderr")
      .footer(
          "Killed at any moment, it is started again with the same words and goes on. Its queues are paused "
          "at the "
          "source\nuntil it has ended. What has ended stays there, with its results.\n"
          "Exit codes: 0 all that waits was moved, 1 something stays that has not ended, 2 wrong usage, 3 no "
          "broker,\n130 stopped by Ctrl-C.\n"
          "  coterie move --from sqlite://coterie.db --to redis://10.0.0.5")
      .chooses(chosen, [flags] { return move(*flags); });
}

}  // namespace coterie::cli

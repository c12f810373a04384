// coterie cancel, retry, purge: people changing what happens to jobs.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/job_view.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

using queue::CancelResult;
using queue::JobState;

constexpr std::uint32_t batch = 1000;

struct ManageOptions {
  CommonOptions common;
  std::vector<std::string> ids;
  std::vector<std::string> states;
  std::string queue;
  std::string name;
  bool yes = false;
  ManageOptions() = default;
};

Task<int> cancel_jobs(std::shared_ptr<queue::Broker> broker, ManageOptions options) {
  const std::vector<queue::JobId> ids = parse_job_ids(options.ids);
  std::vector<CancelResult> results;
  const std::vector<std::vector<queue::JobId>> parts = in_parts(*broker, ids);
  for (const std::vector<queue::JobId>& part : parts) {
    const std::vector<CancelResult> some = co_await broker->cancel(part);
    results.insert(results.end(), some.begin(), some.end());
  }
  int code = exit_ok;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const CancelResult result = results.at(i);
    if (result == CancelResult::unknown) code = exit_usage;
    if (result == CancelResult::final && code == exit_ok) code = exit_job_failed;
    Output::standard().line(options.common.json
                                ? JsonObject().add("id", ids[i].str()).add("result", to_string(result)).str()
                                : ids[i].str() + "  " + std::string(explain(result)));
  }
  co_return code;
}

// --- retry
// ---------------------------------------------------------------------------------------------------------

Task<int> retry_ids(std::shared_ptr<queue::Broker> broker, ManageOptions options) {
  const std::vector<queue::JobId> ids = parse_job_ids(options.ids);
  std::vector<bool> retried;
  std::vector<std::optional<queue::JobInfo>> now;
  const std::vector<std::vector<queue::JobId>> parts = in_parts(*broker, ids);
  for (const std::vector<queue::JobId>& part : parts) {
    const std::vector<bool> some = co_await broker->retry(part);
    retried.insert(retried.end(), some.begin(), some.end());
    const std::vector<std::optional<queue::JobInfo>> infos = co_await broker->get(part, false);
    now.insert(now.end(), infos.begin(), infos.end());
  }
  int code = exit_ok;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool again = retried.at(i);
    const std::string state = now.at(i) ? std::string(to_string(now[i]->state)) : "unknown";
    if (!again) code = now[i] ? std::max<int>(code, exit_job_failed) : exit_usage;
    const std::string words =
        again    ? "ready again"
        : now[i] ? "it is " + state + ": only dead, cancelled and expired jobs can be retried"
                 : "no such job";
    Output::standard().line(
        options.common.json
            ? JsonObject().add("id", ids[i].str()).add("retried", again).add("state", state).str()
            : ids[i].str() + "  " + words);
  }
  co_return code;
}

bool can_be_retried(JobState state) {
  return state == JobState::dead || state == JobState::cancelled || state == JobState::expired;
}

Task<int> retry_state(std::shared_ptr<queue::Broker> broker, ManageOptions options) {
  std::uint64_t count = 0;
  for (const std::string& text : options.states) {
    queue::JobFilter filter;
    filter.state = parse_state(text);
    filter.queue = options.queue;
    filter.name = options.name;
    filter.limit = at_most(*broker, batch);
    do {
      queue::JobPage page = co_await broker->list(filter);
      std::vector<queue::JobId> ids;
      ids.reserve(page.jobs.size());
      for (const queue::JobInfo& job : page.jobs) ids.push_back(job.id);
      filter.after = page.next;
      if (ids.empty()) continue;
      std::vector<bool> retried = co_await broker->retry(ids);
      count += static_cast<std::uint64_t>(std::count(retried.begin(), retried.end(), true));
    } while (filter.after != 0);
  }
  Output::standard().line(options.common.json
                              ? JsonObject().add("retried", count).str()
                              : counted(count, "job") + (count == 1 ? " is" : " are") + " ready again.");
  co_return exit_ok;
}

int retry(const ManageOptions& options) {
  if (options.ids.empty() == options.states.empty())
    throw UsageError("say which jobs to retry: either their ids, or --state dead (cancelled, expired)");
  if (!options.ids.empty() && !(options.queue.empty() && options.name.empty()))
    throw UsageError("--queue and --name choose among the jobs of a --state; with ids leave them out");
  for (const std::string& state : options.states) {
    if (!can_be_retried(parse_state(state)))
      throw UsageError("--state '" + state + "': only dead, cancelled and expired jobs can be retried");
  }
  static_cast<void>(parse_job_ids(options.ids));
  auto broker = open_existing(options.common.broker);
  return run_briefly(options.ids.empty() ? retry_state(broker, options) : retry_ids(broker, options));
}

// --- purge
// ---------------------------------------------------------------------------------------------------------

std::vector<JobState> states_to_purge(const ManageOptions& options) {
  std::vector<JobState> states;
  for (const std::string& text : options.states) {
    if (text == "all") return {JobState::done, JobState::dead, JobState::cancelled, JobState::expired};
    const JobState state = parse_state(text);
    if (!is_final(state)) {
      throw UsageError("--state '" + text +
                       "': only jobs that have ended can be purged (done, dead, cancelled, expired, all); "
                       "cancel the others first");
    }
    states.push_back(state);
  }
  return states;
}

Task<std::uint64_t> count_jobs(std::shared_ptr<queue::Broker> broker, queue::JobFilter filter) {
  std::uint64_t count = 0;
  if (filter.name.empty()) {
    std::vector<queue::QueueInfo> all = co_await broker->queues();
    for (const queue::QueueInfo& info : all) {
      const auto found = info.counts.find(*filter.state);
      if ((filter.queue.empty() || filter.queue == info.name) && found != info.counts.end())
        count += found->second;
    }
    co_return count;
  }
  do {
    queue::JobPage page = co_await broker->list(filter);
    count += page.jobs.size();
    filter.after = page.next;
  } while (filter.after != 0);
  co_return count;
}

/// Of a person at a terminal.
bool confirmed(const std::string& question) {
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Task<int> purge_jobs(std::shared_ptr<queue::Broker> broker, ManageOptions options) {
  std::vector<queue::JobFilter> filters;
  std::uint64_t count = 0;
  std::string words;
  for (const JobState state : states_to_purge(options)) {
    queue::JobFilter filter;
    filter.state = state;
    filter.queue = options.queue;
    filter.name = options.name;
    filter.limit = at_most(*broker, batch);
    filters.push_back(filter);
    const std::uint64_t found = co_await count_jobs(broker, filter);
    count += found;
    words += (words.empty() ? "" : ", ") + human_count(found) + " " + std::string(to_string(state));
  }
  const std::string where =
      (options.name.empty() ? "" : " for handler '" + printable(options.name) + "'") +
      (options.queue.empty() ? " in all queues" : " in queue '" + printable(options.queue) + "'");
  const std::string what = counted(count, "job") + where + " (" + words + ")";
  if (count > 0 && !options.yes) {
    if (::isatty(STDIN_FILENO) != 1)
      throw UsageError("would forget " + what + " with their results for good: say --yes to do it");
    const bool go_on = confirmed("Forget " + what + " with their results for good?");
    if (!go_on) throw UsageError("nothing was purged");
  }
  std::uint64_t purged = 0;
  for (const queue::JobFilter& filter : filters) {
    for (;;) {
      const std::uint64_t gone = co_await broker->purge(filter);
      purged += gone;
      if (gone == 0) break;
    }
  }
  Output::standard().line(options.common.json ? JsonObject().add("matched", count).add("purged", purged).str()
                                              : "Matched " + what + ", purged " + human_count(purged) + ".");
  co_return exit_ok;
}

}  // namespace

void add_manage(CLI::App& app, Action& chosen) {
  auto cancel = std::make_shared<ManageOptions>();
  Flags(app, "cancel", "Cancel jobs: waiting ones at once, running ones through their worker")
      .common(cancel->common)
      .rest("ID", cancel->ids, "The jobs' ids", 1)
      .footer("Exit code 1 when one had ended already, 2 when one is not known.")
      .chooses(chosen, [cancel] {
        static_cast<void>(parse_job_ids(cancel->ids));
        return run_briefly(cancel_jobs(open_existing(cancel->common.broker), *cancel));
      });

  auto again = std::make_shared<ManageOptions>();
  Flags(app, "retry", "Make dead, cancelled or expired jobs ready again, with all their attempts")
      .common(again->common)
      .rest("ID", again->ids, "The jobs' ids", 0)
      .texts("--state,-s", again->states, "Instead of ids: all jobs that are dead (or cancelled, expired)",
             "STATE")
      .text("--queue,-q", again->queue, "With --state: only of this queue", "NAME")
      .text("--name", again->name, "With --state: only for this handler", "NAME")
      .footer("  coterie retry --state dead --queue mail")
      .chooses(chosen, [again] { return retry(*again); });

  auto purge = std::make_shared<ManageOptions>();
  Flags(app, "purge", "Forget jobs that have ended, and their results")
      .common(purge->common)
      .texts("--state,-s", purge->states, "done, dead, cancelled, expired or all", "STATE")
      .required("--state")
      .text("--queue,-q", purge->queue, "Only of this queue", "NAME")
      .text("--name", purge->name, "Only for this handler", "NAME")
      .flag("--yes,-y", purge->yes, "Do not ask")
      .footer("It says how many there are and asks first; where nobody can be asked it needs --yes.")
      .chooses(chosen, [purge] {
        static_cast<void>(states_to_purge(*purge));
        return run_briefly(purge_jobs(open_existing(purge->common.broker), *purge));
      });
}

}  // namespace coterie::cli

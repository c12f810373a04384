// coterie jobs, job, queues: what is there. They change nothing and make no file.
#include <algorithm>
#include <array>

#include "coterie/run.hpp"
#include "src/cli/broker_access.hpp"
#include "src/cli/job_view.hpp"
#include "src/cli/options.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {
namespace {

using queue::JobState;

struct ListOptions {
  CommonOptions common;
  std::string state;
  std::string queue;
  std::string name;
  std::int64_t limit = -1;  // not given: 100 for people, all for JSON
  std::int64_t after = 0;
  bool newest = false;
  bool bodies = false;
  ListOptions() = default;
};

constexpr std::uint32_t page_jobs = 1000;
constexpr std::uint64_t people_limit = 100;

queue::JobFilter filter_of(const ListOptions& options) {
  queue::JobFilter filter;
  if (!options.state.empty()) filter.state = parse_state(options.state);
  filter.queue = options.queue;
  filter.name = options.name;
  filter.after = static_cast<std::uint64_t>(options.after);
  filter.newest_first = options.newest;
  filter.bodies = options.bodies;
  return filter;
}

Task<int> list_jobs(std::shared_ptr<queue::Broker> broker, ListOptions options) {
  Output& out = Output::standard();
  queue::JobFilter filter = filter_of(options);
  const bool json = options.common.json;
  std::uint64_t left = json ? UINT64_MAX : people_limit;
  if (options.limit == 0) left = UINT64_MAX;
  if (options.limit > 0) left = static_cast<std::uint64_t>(options.limit);
  Table table = job_table();
  std::uint64_t shown = 0;
  for (;;) {
    filter.limit = at_most(*broker, std::min<std::uint64_t>(left, page_jobs));
    queue::JobPage page = co_await broker->list(filter);
    const queue::UnixMillis now = wall_clock();
    for (const queue::JobInfo& job : page.jobs) {
      if (json)
        out.line(job_json(job, options.bodies));
      else
        add_job_row(table, job, now);
    }
    if (!json && shown + page.jobs.size() > 0) table.flush(out);
    shown += page.jobs.size();
    left -= page.jobs.size();
    filter.after = page.next;
    if (page.next == 0 || left == 0) break;
  }
  const std::string cursor = std::to_string(filter.after);
  if (json && filter.after != 0) out.line(JsonObject().add("next", filter.after).str());
  if (!json && filter.after != 0)
    out.line("There are more: " + std::string(options.newest ? "--newest " : "") + "--after " + cursor +
             " goes on, --limit 0 shows all.");
  if (!json && shown == 0) out.line("No jobs.");
  co_return exit_ok;
}

Task<int> show_job(std::shared_ptr<queue::Broker> broker, std::string id, bool json) {
  std::vector<queue::JobId> ids{parse_job_id(id)};
  std::vector<std::optional<queue::JobInfo>> found = co_await broker->get(ids, true);
  if (!found.at(0)) {
    throw UsageError("no job " + ids[0].str() + " in " + broker->url() +
                     ": it never was, or its record is gone (they are kept for 24 hours after the end)");
  }
  if (json)
    Output::standard().line(job_json(*found[0], true));
  else
    print_job(Output::standard(), *found[0], wall_clock());
  co_return exit_ok;
}

constexpr std::array<JobState, 9> shown_states{JobState::ready,   JobState::leased,    JobState::scheduled,
                                               JobState::blocked, JobState::throttled, JobState::done,
                                               JobState::dead,    JobState::cancelled, JobState::expired};

std::string queue_json(const queue::QueueInfo& info, bool paused) {
  JsonObject counts;
  for (const JobState state : shown_states) {
    const auto found = info.counts.find(state);
    counts.add(to_string(state), found == info.counts.end() ? std::uint64_t{0} : found->second);
  }
  JsonObject object;
  object.add("queue", info.name).raw("counts", counts.str());
  if (info.oldest_ready_at == 0)
    object.null("oldest_ready_at_ms");
  else
    object.add("oldest_ready_at_ms", info.oldest_ready_at);
  object.add("paused", paused);
  return object.str();
}

Task<int> list_queues(std::shared_ptr<queue::Broker> broker, bool json) {
  Output& out = Output::standard();
  std::vector<queue::QueueInfo> all = co_await broker->queues();
  const std::vector<std::string> paused = co_await broker->paused();
  const auto is_paused = [&paused](const std::string& queue) {
    return std::find(paused.begin(), paused.end(), queue) != paused.end();
  };
  if (json) {
    for (const queue::QueueInfo& info : all) out.line(queue_json(info, is_paused(info.name)));
    co_return exit_ok;
  }
  std::vector<Table::Column> columns;
  columns.emplace_back("QUEUE", false, 40);
  for (const JobState state : shown_states) {
    if (state == JobState::throttled) continue;  // no limits yet that could put a job there
    std::string title(to_string(state));
    std::transform(title.begin(), title.end(), title.begin(),
                   [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    columns.emplace_back(title, true);
  }
  columns.emplace_back("LONGEST WAIT", true);
  Table table(columns);
  const queue::UnixMillis now = wall_clock();
  for (const queue::QueueInfo& info : all) {
    std::vector<std::string> cells{info.name + (is_paused(info.name) ? " (paused)" : "")};
    for (const JobState state : shown_states) {
      if (state == JobState::throttled) continue;
      const auto found = info.counts.find(state);
      cells.push_back(found == info.counts.end() || found->second == 0 ? "-" : human_count(found->second));
    }
    cells.push_back(info.oldest_ready_at == 0
                        ? "-"
                        : human_time(std::max<queue::UnixMillis>(0, now - info.oldest_ready_at)));
    table.row(cells);
  }
  if (all.empty())
    out.line("No jobs.");
  else
    table.flush(out);
  co_return exit_ok;
}

}  // namespace

void add_inspect(CLI::App& app, Action& chosen) {
  auto list = std::make_shared<ListOptions>();
  Flags(app, "jobs", "List jobs, in the order of their creation")
      .common(list->common)
      .text("--state,-s", list->state,
            "Only jobs in this state: ready, leased, scheduled, blocked, done, dead…", "STATE")
      .text("--queue,-q", list->queue, "Only jobs of this queue", "NAME")
      .text("--name", list->name, "Only jobs for this handler", "NAME")
      .number("--limit,-n", list->limit, "At most so many; 0: all [default 100; all with --json]", 0,
              INT64_MAX)
      .number("--after", list->after, "Go on behind this cursor, which the last listing printed", 0,
              INT64_MAX)
      .flag("--newest", list->newest, "The job that was created last comes first")
      .flag("--bodies", list->bodies, "Payloads, results and failed attempts too (with --json)")
      .footer(
          "With --json every job is one line, an object. Where --limit cut the list, a last line "
          "{\"next\":CURSOR} "
          "says where to go on.\n"
          "  coterie jobs --state dead --newest\n"
          "  coterie jobs --state done --json | jq -r .id")
      .chooses(chosen, [list] {
        static_cast<void>(
            filter_of(*list));  // what is wrong with the flags comes before what is wrong with the file
        return run_briefly(list_jobs(open_existing(list->common.broker), *list));
      });

  struct ShowOptions {
    CommonOptions common;
    std::string id;
  };
  auto show = std::make_shared<ShowOptions>();
  Flags(app, "job", "Show one job: state, attempts, timing, payload, error, result")
      .common(show->common)
      .text("ID", show->id, "The job's id", "")
      .required("ID")
      .chooses(chosen, [show] {
        static_cast<void>(parse_job_id(show->id));
        return run_briefly(show_job(open_existing(show->common.broker), show->id, show->common.json));
      });

  auto common = std::make_shared<CommonOptions>();
  Flags(app, "queues", "Count the jobs of each queue by state").common(*common).chooses(chosen, [common] {
    return run_briefly(list_queues(open_existing(common->broker), common->json));
  });
}

}  // namespace coterie::cli

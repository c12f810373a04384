#include "src/cli/run_jobs.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "src/cli/exec_handler.hpp"
#include "src/queue/validate.hpp"

namespace coterie::cli {

using queue::JobFilter;
using queue::JobId;
using queue::JobInfo;
using queue::JobPage;
using queue::JobSpec;
using queue::JobState;
using queue::Milliseconds;

namespace {

constexpr std::size_t ids_per_call = 5000;
constexpr std::size_t jobs_per_enqueue = 500;
constexpr std::size_t enqueue_bytes = std::size_t{4} << 20;
constexpr std::size_t jobs_per_page = 500;
/// Beyond its own timeout and grace, the command is cancelled from outside: only if the handler hangs.
constexpr Milliseconds last_resort{30'000};

JobId id_of(const Manifest& manifest, const RunLine& line) {
  std::string seed = "coterie run";
  seed.append(1, '\0').append(manifest.name);
  seed.append(1, '\0').append(std::to_string(manifest.generation));
  seed.append(1, '\0').append(std::to_string(line.number));
  seed.append(1, '\0').append(line.text);
  return queue::derived_uuid(seed);
}

LineState state_of(const std::optional<JobInfo>& info) {
  if (!info) return LineState::forgotten;
  if (!queue::is_final(info->state)) return LineState::pending;
  if (info->state == JobState::done) return LineState::done;
  return info->state == JobState::dead ? LineState::failed : LineState::cancelled;
}

/// Nothing where the job is not one of a run.
std::optional<ExecArgs> args_of(const JobInfo& job) {
  try {
    return read_exec_args(job.payload);
  } catch (const queue::QueueError&) {
    return std::nullopt;
  }
}

}  // namespace

std::size_t RunJobs::at_most(std::size_t wanted) const {
  return std::min(wanted, broker_->limits().batch_jobs);
}

JobFilter RunJobs::all_of(const Manifest& manifest) const {
  JobFilter filter;
  filter.queue = manifest.queue;
  filter.name = exec_handler_name;
  filter.limit = static_cast<std::uint32_t>(at_most(jobs_per_page));
  filter.bodies = true;
  return filter;
}

void RunJobs::set_state(std::size_t line, LineState state) {
  --counts_[static_cast<std::size_t>(states_[line])];
  ++counts_[static_cast<std::size_t>(state)];
  states_[line] = state;
}

std::size_t RunJobs::find(const JobId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? size() : found->second;
}

Task<void> RunJobs::assign(const Manifest& manifest) {
  ids_.clear();
  ids_.reserve(input_.lines.size());
  for (const RunLine& line : input_.lines) ids_.push_back(id_of(manifest, line));
  states_.assign(ids_.size(), LineState::pending);
  counts_.fill(0);
  counts_[0] = ids_.size();
  if (manifest.mapped) co_await map_by_text(manifest);
  index_.clear();
  index_.reserve(ids_.size());
  for (std::size_t i = 0; i < ids_.size(); ++i) index_.emplace(ids_[i], i);
}

/// Lines that stand where they stood have their job already. Of the others, the first that says what an old,
/// now missing line said gets that line's job, and so on in order. Done again with some of the new jobs there
/// already, this gives the same: those are then found in their places, and the first ones of the rest are the
/// same as before.
Task<void> RunJobs::map_by_text(const Manifest& manifest) {
  struct Old {
    std::uint64_t line = 0;
    JobId id;
  };
  std::unordered_map<std::string, std::vector<Old>> by_text;
  std::unordered_set<JobId> in_place(ids_.begin(), ids_.end());
  std::unordered_set<JobId> known;
  JobFilter filter = all_of(manifest);
  do {
    const JobPage page = co_await broker_->list(filter);
    for (const JobInfo& job : page.jobs) {
      const std::optional<ExecArgs> args = args_of(job);
      if (!args || args->run != manifest.name || args->generation != manifest.generation) continue;
      if (in_place.contains(job.id))
        known.insert(job.id);
      else
        by_text[args->command].push_back({args->line.value_or(0), job.id});
    }
    filter.after = page.next;
  } while (filter.after != 0);
  for (auto& [text, jobs] : by_text)
    std::sort(jobs.begin(), jobs.end(), [](const Old& a, const Old& b) { return a.line > b.line; });
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (known.contains(ids_[i])) continue;
    const auto old = by_text.find(input_.lines[i].text);
    if (old == by_text.end() || old->second.empty()) continue;
    ids_[i] = old->second.back().id;
    old->second.pop_back();
  }
}

JobSpec RunJobs::spec(const Manifest& manifest, std::size_t line, const JobId& id) const {
  ExecArgs args;
  args.command = input_.lines[line].text;
  args.cwd = manifest.cwd;
  args.run = manifest.name;
  args.generation = manifest.generation;
  args.line = input_.lines[line].number;
  JobSpec job(exec_handler_name);
  args.grace_ms = manifest.grace_ms;
  args.timeout_ms = manifest.timeout_ms;
  if (manifest.timeout_ms)
    job.timeout = Milliseconds(*manifest.timeout_ms) + grace_of(manifest) + last_resort;
  job.id = id;
  job.queue = manifest.queue;
  job.payload = write_exec_args(args);
  job.max_attempts = static_cast<std::uint32_t>(manifest.retries.value_or(0)) + 1;
  if (manifest.retry_delay_ms) job.backoff.base = Milliseconds(*manifest.retry_delay_ms);
  job.result_ttl = run_kept_for;
  job.max_crashes = 0;  // a worker that was killed is not the command's fault
  return job;
}

void RunJobs::check(const Manifest& manifest) const {
  const queue::Limits& limits = broker_->limits();
  if (manifest.queue.size() > limits.name_bytes || !queue::is_printable_utf8(manifest.queue)) {
    throw UsageError("--queue '" + manifest.queue + "': a queue's name has 1 to " +
                     std::to_string(limits.name_bytes) + " bytes, UTF-8 without control characters; give " +
                     "another one");
  }
  const std::size_t around = 400 + 6 * (manifest.cwd.size() + manifest.name.size());
  for (std::size_t i = 0; i < input_.lines.size(); ++i) {
    const RunLine& line = input_.lines[i];
    if (i > 0 && around + 6 * line.text.size() <= limits.payload_bytes) continue;  // even if all is escaped
    const JobSpec job = spec(manifest, i, id_of(manifest, line));
    if (job.payload.size() > limits.payload_bytes) {
      throw UsageError(input_.shown + ", line " + std::to_string(line.number) + ": a payload of " +
                       std::to_string(job.payload.size()) + " bytes, the broker's limit is " +
                       std::to_string(limits.payload_bytes) + ": put it into a script and run that");
    }
    // The first stands for all in what is the run's own: timeout, retries…
    if (i == 0) queue::validate_enqueue(std::vector<JobSpec>(1, job), limits);
  }
}

Task<void> RunJobs::prepare(const Manifest& manifest, const Report& report) {
  if (manifest.generation > 1 || manifest.mapped) {
    co_await cancel_strays(manifest, manifest.queue);
    const std::vector<std::string> older = manifest.older_queues.value_or(std::vector<std::string>());
    for (const std::string& queue : older)
      if (queue != manifest.queue) co_await cancel_strays(manifest, queue);
  }
  if (!manifest.enqueued) co_await enqueue(manifest, report);
  if (manifest.retry_failed) co_await retry_failed();
}

Task<void> RunJobs::cancel_strays(const Manifest& manifest, const std::string& queue) {
  // In the order in which a job can move on its own, so that none slips through between two lists.
  const std::array<JobState, 3> states{JobState::leased, JobState::scheduled, JobState::ready};
  for (const JobState state : states) {
    JobFilter filter = all_of(manifest);
    filter.queue = queue;
    filter.state = state;
    do {
      const JobPage page = co_await broker_->list(filter);
      std::vector<JobId> strays;
      for (const JobInfo& job : page.jobs) {
        const std::optional<ExecArgs> args = args_of(job);
        if (args && args->run == manifest.name && find(job.id) == size()) strays.push_back(job.id);
      }
      if (!strays.empty()) co_await broker_->cancel(std::move(strays));
      filter.after = page.next;
    } while (filter.after != 0);
  }
}

Task<void> RunJobs::enqueue(const Manifest& manifest, const Report& report) {
  std::size_t next = 0;
  while (next < size()) {
    std::vector<JobSpec> batch;
    std::size_t bytes = 0;
    const std::size_t most = at_most(jobs_per_enqueue);
    while (next < size() && batch.size() < most && bytes < enqueue_bytes) {
      batch.push_back(spec(manifest, next, ids_[next]));
      ++next;
      bytes += batch.back().payload.size();
    }
    co_await broker_->enqueue(std::move(batch));
    report(next);
  }
}

Task<void> RunJobs::retry_failed() {
  const std::size_t step = at_most(ids_per_call);
  for (std::size_t first = 0; first < size(); first += step) {
    const auto begin = ids_.begin() + static_cast<std::ptrdiff_t>(first);
    std::vector<JobId> ids(begin, begin + static_cast<std::ptrdiff_t>(std::min(step, size() - first)));
    std::vector<JobId> failed;
    const auto infos = co_await broker_->get(ids, false);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const LineState state = state_of(infos[i]);
      if (state == LineState::failed || state == LineState::cancelled) failed.push_back(ids[i]);
    }
    if (failed.empty()) continue;
    retried_ += failed.size();
    co_await broker_->retry(std::move(failed));
  }
}

Task<void> RunJobs::look(const std::function<void(std::size_t, LineState)>& ended) {
  const std::size_t most = at_most(ids_per_call);
  std::size_t next = 0;
  while (next < size()) {
    std::vector<JobId> ids;
    std::vector<std::size_t> lines;
    for (; next < size() && ids.size() < most; ++next) {
      if (states_[next] != LineState::pending) continue;
      ids.push_back(ids_[next]);
      lines.push_back(next);
    }
    if (ids.empty()) break;
    const auto infos = co_await broker_->get(std::move(ids), false);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const LineState state = state_of(infos[i]);
      if (state != LineState::pending && states_[lines[i]] == LineState::pending) ended(lines[i], state);
    }
  }
}

}  // namespace coterie::cli

#include "src/cli/move_work.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "src/cli/broker_access.hpp"
#include "src/cli/move_sources.hpp"
#include "src/cli/output.hpp"
#include "src/queue/headers.hpp"

namespace coterie::cli {
namespace {

using queue::JobId;
using queue::JobState;

constexpr std::size_t batch_jobs = 500;
constexpr std::size_t batch_bytes = std::size_t{8} << 20;
/// Jobs that come while others are moved are moved too, but not for ever.
constexpr int passes = 20;
constexpr queue::Milliseconds look_again{1000};

/// Of the move from `first` to here, where one from here to `there` was asked for.
std::string not_ended(const MovePlace& first, const MovePlace& there, const std::string& here) {
  const std::string from = shell_word(first.url);
  const std::string to = shell_word(here);
  return "a move from " + first.url + told_apart(first, there) + " to " + here +
         " has not ended, and what it has sent may be in both: moved on from there, it may run twice; " +
         "end that first" + (first.elsewhere().empty() ? "" : ", on that host") + ": coterie move --from " +
         from + " --to " + to + ", or take it back: coterie move --from " + to + " --to " + from +
         "; if neither can be, say --accept-reruns";
}

}  // namespace

std::uint64_t MoveReport::jobs() const {
  return std::accumulate(moved.begin(), moved.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

MoveWork::MoveWork(std::shared_ptr<queue::Broker> from, std::shared_ptr<queue::Broker> to, Options options)
    : from_(std::move(from)),
      to_(std::move(to)),
      options_(std::move(options)),
      journal_(from_),
      display_(options_.quiet ? ProgressDisplay::Mode::off : ProgressDisplay::Mode::automatic),
      step_(at_most(*from_, batch_jobs)) {
  if (to_) step_ = std::min<std::size_t>(step_, at_most(*to_, batch_jobs));
}

Task<MoveReport> MoveWork::run() {
  const auto started = std::chrono::steady_clock::now();
  co_await begin();
  co_await look_for_queues();
  for (int pass = 0;;) {
    co_await pause_queues();
    const MovePlan plan = co_await plan_move(from_, options_.queues);
    report_.leased = plan.leased;
    report_.held = plan.held.size();
    report_.workers = plan.workers;
    if (!plan.empty() && ++pass > passes) {
      report_.producers = true;
      if (!between_.empty()) refuse_to_end();
      break;
    }
    if (!plan.empty()) {
      planned_ = at_source_done_ + plan.jobs();
      co_await move_all(plan);
      journal_.caught_up();
      continue;
    }
    const bool freed = co_await follow_held(plan.held);
    if (freed) continue;
    const bool between = !between_.empty();
    if (between && !options_.wait) refuse_to_end();
    if (!between && (!options_.wait || plan.leased == 0)) break;
    queue::Broker& changes = between ? *to_ : *from_;
    co_await wait_for_change(changes);
  }
  co_await finish();
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  co_return report_;
}

Task<MoveReport> MoveWork::look() {
  co_await look_for_queues();
  const MovePlan plan = co_await plan_move(from_, options_.queues);
  report_.moved = plan.counts;
  report_.leased = plan.leased;
  report_.held = plan.held.size();
  report_.workers = plan.workers;
  co_await count_ended();
  co_return report_;
}

Task<void> MoveWork::begin() {
  here_ = co_await place_of(*from_);
  there_ = co_await place_of(*to_);
  options_.claim.to = there_;
  co_await journal_.claim(options_.claim);
  const bool same = co_await journal_.is_in(*to_);
  if (same) {
    co_await journal_.close();
    throw UsageError("--from and --to are the same place: name two");
  }
  co_await add_move_source(*to_, here_);
  std::string refusal;
  if (!options_.claim.take_over) refusal = co_await JournalStore::why_busy(*to_);
  if (refusal.empty() && !options_.claim.accept_reruns) refusal = co_await why_not_on();
  if (refusal.empty()) co_return;
  if (!journal_.went_on()) co_await close(*to_, here_, journal_);
  throw UsageError(refusal);
}

/// Where a move to the source has not ended, nothing is moved on from there, but back: empty.
Task<std::string> MoveWork::why_not_on() {
  const std::vector<MovePlace> sources = co_await move_sources(*from_);
  for (const MovePlace& first : sources)
    if (!first.is(there_)) co_return not_ended(first, there_, from_->url());
  co_return "";
}

/// The move from `source` to `target` has ended; the note that others see goes first, for what is in no two
/// places can be moved on.
Task<void> MoveWork::close(queue::Broker& target, MovePlace source, JournalStore& journal) {
  co_await drop_move_source(target, std::move(source));
  co_await journal.close();
}

/// The queues of which something can still run; those that come into being later, in the next pass.
Task<void> MoveWork::pause_queues() {
  const std::vector<std::string> already = co_await from_->paused();
  const std::vector<queue::QueueInfo> all = co_await from_->queues();
  for (const queue::QueueInfo& info : all) {
    const bool waits = std::any_of(info.counts.begin(), info.counts.end(), [](const auto& entry) {
      return !is_final(entry.first) && entry.second > 0;
    });
    if (!waits || !is_moved(info.name)) continue;
    if (std::find(already.begin(), already.end(), info.name) == already.end())
      co_await from_->pause(info.name);
  }
}

Task<void> MoveWork::finish() {
  display_.clear();
  co_await count_ended();
  co_await journal_.note_sending();  // still ours
  co_await undo_other();
  if (options_.claim.accept_reruns) co_await drop_move_sources(*from_);
  co_await resume_queues(*from_, journal_);
  co_await close(*to_, here_, journal_);
}

/// Those that the move of this journal has paused, at its source.
Task<void> MoveWork::resume_queues(queue::Broker& source, const JournalStore& journal) const {
  const std::vector<std::string>& before = journal.journal().paused;
  const std::vector<std::string> paused = co_await source.paused();
  for (const std::string& queue : paused) {
    const bool its = std::find(before.begin(), before.end(), queue) == before.end();
    if (its && is_moved(queue)) co_await source.resume(queue);
  }
}

Task<void> MoveWork::wait_for_change(queue::Broker& at) {
  const std::uint64_t version = co_await at.version();
  co_await at.changed(version, look_again);
}

Task<void> MoveWork::move_all(const MovePlan& plan) {
  for (std::size_t from = 0; from < plan.singles.size();) {
    const std::size_t count = std::min(step_, plan.singles.size() - from);
    const auto begin = plan.singles.begin() + static_cast<std::ptrdiff_t>(from);
    std::vector<JobId> ids(begin, begin + static_cast<std::ptrdiff_t>(count));
    co_await move_batch(plan, std::move(ids));
    from += count;
  }
  std::vector<JobId> together;
  for (const std::vector<JobId>& group : plan.groups) {
    together.insert(together.end(), group.begin(), group.end());
    if (together.size() < step_) continue;
    std::vector<JobId> ids = std::exchange(together, {});
    co_await move_batch(plan, std::move(ids));
  }
  if (!together.empty()) co_await move_batch(plan, std::move(together));
}

/// Whole groups: sent in an order in which all stand behind what they wait for, and withdrawn in the reverse,
/// so that what is left at the source after a crash has all that it waits for there too.
Task<void> MoveWork::move_batch(const MovePlan& plan, std::vector<JobId> ids) {
  co_await journal_.note_sending();
  std::vector<JobId> sent;
  for (std::size_t from = 0; from < ids.size();) {
    const std::size_t count = std::min(step_, ids.size() - from);
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<JobId> part(begin, begin + static_cast<std::ptrdiff_t>(count));
    co_await send(plan, part, sent);
    from += count;
  }
  std::reverse(sent.begin(), sent.end());
  const std::size_t step = at_most(*from_, batch_jobs);
  for (std::size_t from = 0; from < sent.size(); from += step) {
    const auto begin = sent.begin() + static_cast<std::ptrdiff_t>(from);
    std::vector<JobId> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(step, sent.size() - from)));
    co_await withdraw(std::move(part));
  }
  show();
}

/// Whether all that it waits for, and nothing else, stands before it in the batch. Else something has come or
/// ended since the plan was made, and the next one tells.
bool MoveWork::is_as_planned(const MovePlan& plan, const queue::JobExport& job,
                             const std::unordered_set<JobId>& before) {
  const auto after = plan.after.find(job.spec.id);
  if (after == plan.after.end()) return job.waits_for == 0;
  return job.waits_for == after->second.size() &&
         std::all_of(after->second.begin(), after->second.end(),
                     [&](const JobId& id) { return before.contains(id); });
}

/// Adds those that the target has when it returns to `sent`.
Task<void> MoveWork::send(const MovePlan& plan, const std::vector<JobId>& ids, std::vector<JobId>& sent) {
  std::vector<std::optional<queue::JobExport>> jobs = co_await from_->export_jobs(ids, true);
  std::unordered_set<JobId> before(sent.begin(), sent.end());
  std::vector<queue::JobSpec> specs;
  std::vector<JobId> now;
  std::size_t bytes = 0;
  for (std::optional<queue::JobExport>& job : jobs) {
    if (!job || job->state == JobState::leased)
      continue;  // cancelled since, or somebody has resumed the queue
    if (!is_as_planned(plan, *job, before)) continue;
    const auto after = plan.after.find(job->spec.id);
    if (after != plan.after.end()) job->spec.after = after->second;
    bytes += queue::body_bytes(job->spec);
    if (!between_.contains(job->spec.id)) ++report_.moved[job->state];
    now.push_back(job->spec.id);
    before.insert(job->spec.id);
    specs.push_back(std::move(job->spec));
  }
  const std::size_t most = at_most(*to_, at_most(*from_, batch_jobs));
  step_ = bytes > batch_bytes ? std::max<std::size_t>(1, step_ / 2) : std::min(step_ * 2, most);
  if (specs.empty()) co_return;
  sent.insert(sent.end(), now.begin(), now.end());
  co_await to_->readmit(now);  // they may have been there, and moved from there to here
  const std::vector<queue::Enqueued> results = co_await to_->enqueue(std::move(specs));
  for (std::size_t i = 0; i < now.size(); ++i)
    if (results[i] == queue::Enqueued::exists && !between_.contains(now[i])) ++report_.there_already;
}

Task<void> MoveWork::withdraw(std::vector<JobId> ids) {
  const std::vector<queue::Withdrawn> results = co_await from_->withdraw(ids);
  std::vector<JobId> ended;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (results[i] == queue::Withdrawn::leased) {
      const std::vector<JobId> one(1, ids[i]);
      co_await to_->cancel(one);
      throw UsageError("somebody has resumed a queue at the source while its jobs were moved, and job " +
                       ids[i].str() +
                       " runs there: it was cancelled at the target; stop that, and start the move again");
    }
    if (results[i] == queue::Withdrawn::final) ended.push_back(ids[i]);
    if (results[i] == queue::Withdrawn::awaited)
      between_.insert(ids[i]);
    else
      between_.erase(ids[i]);
  }
  at_source_done_ += ids.size();
  if (!ended.empty()) co_await follow(std::move(ended));
}

/// Of the jobs that stay, those that the target has: they were sent, and then one came that waits for them
/// here and cannot go. What has ended there ends here too, which sets free who waits for it. Says whether
/// anything has; what has not is in `between_`.
Task<bool> MoveWork::follow_held(const std::vector<JobId>& held) {
  if (between_.empty() && !journal_.went_on()) co_return false;
  std::vector<JobId> ended;
  std::unordered_set<JobId> between;
  const std::size_t step = at_most(*to_, batch_jobs);
  for (std::size_t from = 0; from < held.size(); from += step) {
    const auto begin = held.begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<JobId> part(begin,
                                  begin + static_cast<std::ptrdiff_t>(std::min(step, held.size() - from)));
    const std::vector<std::optional<queue::JobInfo>> there = co_await to_->get(part, false);
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool over = there[i] ? is_final(there[i]->state) : between_.contains(part[i]);  // and forgotten
      if (over) ended.push_back(part[i]);
      if (there[i] && !over) between.insert(part[i]);
    }
  }
  between_ = std::move(between);
  const std::vector<std::vector<JobId>> parts = in_parts(*from_, ended);
  for (const std::vector<JobId>& part : parts) co_await from_->cancel(part);
  co_return !ended.empty();
}

void MoveWork::refuse_to_end() const {
  throw UsageError(
      "job " + between_.begin()->str() +
      " has gone to the target, and since then jobs at the source wait for it that are not moved: "
      "start the move again when it has ended at the target, or cancel those that wait for it");
}

/// What was cancelled at the source while it was on its way.
Task<void> MoveWork::follow(std::vector<JobId> ended) {
  const std::vector<std::optional<queue::JobInfo>> infos = co_await from_->get(ended, false);
  std::vector<JobId> cancelled;
  for (const std::optional<queue::JobInfo>& info : infos)
    if (info && info->state == JobState::cancelled) cancelled.push_back(info->id);
  if (cancelled.empty()) co_return;
  report_.cancelled += cancelled.size();
  co_await to_->cancel(std::move(cancelled));
}

/// A name that is spelled wrong would look like a queue that has nothing more to move.
Task<void> MoveWork::look_for_queues() {
  report_.absent = options_.queues;
  const std::vector<queue::QueueInfo> all = co_await from_->queues();
  for (const queue::QueueInfo& info : all) report_.absent.erase(info.name);
}

Task<void> MoveWork::count_ended() {
  report_.ended = 0;
  const std::vector<queue::QueueInfo> all = co_await from_->queues();
  for (const queue::QueueInfo& info : all) {
    if (!is_moved(info.name)) continue;
    for (const auto& [state, count] : info.counts)
      if (is_final(state)) report_.ended += count;
  }
}

void MoveWork::say_unfinished() {
  display_.clear();
  const std::string from = shell_word(from_->url());
  const std::string to = shell_word(to_->url());
  std::string queues;
  for (const std::string& queue : options_.claim.queues) queues += " --queue " + shell_word(queue);
  const std::uint64_t left = planned_ - std::min(planned_, at_source_done_);
  display_.warn(
      "coterie: the move has not ended: " + counted(at_source_done_, "job") + " moved, " +
      counted(left, "job") +
      " still at the source, where its queues stay paused; each job is in at least one place\n"
      "  to go on, once the cause is mended (its memory is full: make room there): coterie move --from " +
      from + " --to " + to + queues + "\n  to take everything back: coterie move --from " + to + " --to " +
      from + queues);
}

void MoveWork::show() {
  const auto now = std::chrono::steady_clock::now();
  rate_.note(now, at_source_done_);
  if (shown_at_ == std::chrono::steady_clock::time_point{}) shown_at_ = now;
  if (now - shown_at_ < display_.interval()) return;
  shown_at_ = now;
  Progress progress;
  progress.total = std::max(planned_, at_source_done_);
  progress.ended = at_source_done_;
  progress.per_second = rate_.per_second();
  display_.show(progress);
}

}  // namespace coterie::cli

// What workers, their handlers and producers do and are told.
#include <algorithm>

#include "tests/simulation/queue/ledger.hpp"

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is checked here

namespace {

/// How late a free worker, or who waits for an end, may be: calls take up to 5 ms each way, and changes that
/// bring nothing are followed after up to 20 ms.
constexpr double late_ms = 150;

}  // namespace

void Ledger::life_began(const std::string& life, std::uint32_t concurrency) {
  lives_[life].concurrency = concurrency;
}

void Ledger::life_over(const std::string& life, bool with_its_runs) {
  Life& over = lives_.at(life);
  over.over = true;
  over.free_since = never;
  if (with_its_runs) std::erase_if(running_, [&life](const Run& run) { return run.life == life; });
}

void Ledger::answered(const std::string& life, const CycleRequest& request, const CycleReply& reply) {
  Life& who = lives_.at(life);
  who.names = request.names;
  const bool free = !who.over && reply.leases.size() < request.want && reply.suspects == 0;
  if (!free)
    who.free_since = never;
  else if (who.free_since == never)
    who.free_since = std::max(elapsed_, who.deaf_until);
}

void Ledger::disturbed(const std::string& life, double until) {
  const auto found = lives_.find(life);
  if (found == lives_.end()) return;
  found->second.free_since = never;
  found->second.deaf_until = std::max(found->second.deaf_until, until);
}

/// It could be taken since `ready_at`. Was there a worker that had nothing to do, and all that it needs to
/// hear of it? Then a wake-up was lost, for it looks by itself only now and then.
void Ledger::judge_lateness(const JobId& id, const Job& job) {
  if (!punctual_) return;
  const double bound = job.was_due ? late_ms + static_cast<double>(poll_every_.count()) : late_ms;
  bool awaited = false;
  for (const auto& [name, life] : lives_) {
    if (life.free_since == never) continue;
    if (!life.names.empty() &&
        std::find(life.names.begin(), life.names.end(), job.spec.name) == life.names.end())
      continue;
    awaited = awaited || life.free_since <= job.ready_at;
    const double late = elapsed_ - std::max(job.ready_at, life.free_since);
    if (late <= bound) continue;
    wrong(id, "could run for " + std::to_string(late) + " ms while " + name +
                  " had nothing to do: a wake-up was lost");
  }
  if (awaited) ++tally_.awaited;
}

void Ledger::run_began(const std::string& life, const JobContext& context) {
  const JobId& id = context.id();
  const Grant grant(id, context.fence());
  const auto granted = grants_.find(grant);
  if (granted == grants_.end() || granted->second != life)
    return wrong(id, "runs in " + life + " without a lease");
  Job& job = jobs_.at(id);
  if (!ran_.insert(grant).second) wrong(id, "runs a second time under one lease");
  ++job.runs;
  const bool current = job.phase == Phase::held && job.token == context.fence();
  if (current && (job.alone || job.lost_before) && !job.started)
    wrong(id, "runs before it was reported started, after its worker had died of it perhaps");
  std::uint32_t beside = 0;
  for (const Run& run : running_) {
    if (run.life == life) {
      ++beside;
      if (context.alone() || run.alone) wrong(id, "runs beside another, and one of them must be alone");
    }
    if (run.job->id() != id) continue;
    ++tally_.overlaps;
    // The broker's milliseconds are cut off, so it may see the end of a lease up to one earlier.
    if (punctual_ && current && elapsed_ >= job.lost_at + 1 && !run.job->lease_lost())
      wrong(id, "runs again in " + life + " while " + run.life + " has not been told that its lease is lost");
  }
  if (beside >= lives_.at(life).concurrency) story_.wrong(life + " runs more jobs than it has slots");
  running_.push_back(Run{life, &context, context.alone()});
}

void Ledger::run_ended(const std::string& life, const JobContext& context) {
  std::erase_if(running_, [&](const Run& run) { return run.life == life && run.job == &context; });
}

void Ledger::run_returned(const JobContext& context, const std::string& result) {
  returned_[Grant(context.id(), context.fence())] = result;
}

void Ledger::left_nothing(const std::string& life) {
  for (const auto& [id, job] : jobs_)
    if (job.phase == Phase::held && peers_.at(job.holder).life == life)
      wrong(id, "is held by " + life + ", which was drained and has gone");
}

void Ledger::confirmed(const std::vector<JobId>& ids) {
  for (const JobId& id : ids) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return wrong(id, "was confirmed, and never enqueued");
    found->second.confirmed = true;
  }
}

void Ledger::told_the_end(const JobInfo& info, double since) {
  const Job& job = jobs_.at(info.id);
  if (!is_final(info.state)) return wrong(info.id, "was waited for, and is not final");
  if (job.reopened) return;
  if (job.phase != Phase::final || job.end != info.state)
    wrong(info.id, "whose end was told ended otherwise");
  if (punctual_ && elapsed_ > std::max(job.final_at, since) + late_ms)
    wrong(info.id,
          "its end was told " + std::to_string(elapsed_ - job.final_at) + " ms late: a wake-up was lost");
}

/// The world is at rest: every job has ended once, as all that was seen of it says.
void Ledger::finally(const JobId& id, const std::optional<JobInfo>& info) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    if (info) wrong(id, "is there, and was never enqueued");
    return;
  }
  const Job& job = found->second;
  if (!info) return wrong(id, "is gone");
  if (job.phase != Phase::final) return wrong(id, "has not ended");
  if (info->state != job.end)
    return wrong(id, "is " + std::string(to_string(info->state)) + ", and was seen to become " +
                         std::string(to_string(job.end)));
  if (info->attempt != job.attempt || info->attempt > job.spec.max_attempts)
    wrong(id, "counts " + std::to_string(info->attempt) + " attempts, not " + std::to_string(job.attempt));
  if (info->crashes != job.crashes)
    wrong(id, "counts " + std::to_string(info->crashes) + " crashes, not " + std::to_string(job.crashes));
  if (info->state == JobState::done && job.runs == 0) wrong(id, "is done, and was never run");
  if (info->state == JobState::done && info->result != job.result) wrong(id, "has another run's result");
}

std::size_t Ledger::open() const {
  return static_cast<std::size_t>(std::count_if(
      jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second.phase != Phase::final; }));
}

std::string Ledger::open_jobs() const {
  std::string names;
  for (const auto& [id, job] : jobs_)
    if (job.phase != Phase::final)
      names += (names.empty() ? "" : ", ") + name_of(id) +
               (job.phase == Phase::held      ? " (held)"
                : job.phase == Phase::blocked ? " (blocked)"
                                              : " (waiting)");
  return names;
}

std::vector<JobId> Ledger::known() const {
  std::vector<JobId> ids;
  for (const auto& [id, job] : jobs_) ids.push_back(id);
  return ids;
}

}  // namespace coterie::simulation

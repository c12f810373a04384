// Calls, as the broker applied them, against what the contract says of them.
#include "tests/simulation/queue/ledger.hpp"

#include <algorithm>

namespace coterie::simulation {

using namespace coterie::queue;  // NOLINT(google-build-using-namespace): all that is checked here

JobId id_of(std::uint32_t number) {
  JobId id;
  id.bytes[0] = 1;
  for (std::size_t i = 0; i < 4; ++i) id.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return id;
}

std::string name_of(const JobId& id) {
  std::uint32_t number = 0;
  for (std::size_t i = 12; i < 16; ++i) number = number << 8 | id.bytes[i];
  return "job " + std::to_string(number);
}

void Ledger::wrong(const JobId& id, const std::string& what) {
  story_.wrong(name_of(id) + ": " + what);
}

/// The contract's clock: never backwards, and where it is set forwards leases move with it.
void Ledger::tick(const ClockReading& reading) {
  const UnixMillis now = std::max(now_, reading.wall);
  if (last_elapsed_ >= Milliseconds{0}) {
    const Milliseconds ahead = Milliseconds{now - now_} - (reading.elapsed - last_elapsed_);
    if (ahead > Milliseconds{1000})
      for (auto& [id, job] : jobs_)
        if (job.phase == Phase::held) job.deadline += ahead.count();
  }
  now_ = now;
  last_elapsed_ = reading.elapsed;
}

void Ledger::wait_until(Job& job, UnixMillis at) {
  job.phase = Phase::waiting;
  job.run_at = at;
  job.was_due = at > now_;
  job.ready_at = elapsed_ + static_cast<double>(std::max<UnixMillis>(at - now_, 0));
}

void Ledger::finish(const JobId& id, Job& job, JobState state) {
  job.phase = Phase::final;
  job.end = state;
  job.ever_final = true;
  job.cancel_requested = false;
  job.final_at = elapsed_;
  if (story_.told()) story_.add("    " + name_of(id) + " is " + std::string(to_string(state)));
  for (auto& [other_id, other] : jobs_) {
    const bool waited = other.waits_for.erase(id) != 0;
    if (waited && other.waits_for.empty() && other.phase == Phase::blocked)
      wait_until(other, std::max(other.run_at, now_));
  }
}

void Ledger::enqueued(const std::vector<JobSpec>& jobs, const std::vector<Enqueued>& verdicts) {
  if (jobs.size() != verdicts.size()) return story_.wrong("an enqueue's reply is not as long as its request");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const bool known = jobs_.count(jobs[i].id) != 0;
    if (known != (verdicts[i] == Enqueued::exists))
      wrong(jobs[i].id, known ? "created a second time" : "said to exist before it was enqueued");
    if (known) continue;
    Job& job = jobs_[jobs[i].id];
    job.spec = jobs[i];
    job.run_at = std::max(now_ + job.spec.delay.count(), job.spec.run_at);
    for (const JobId& id : job.spec.after)
      if (jobs_.at(id).phase != Phase::final) job.waits_for.insert(id);
    if (job.waits_for.empty()) wait_until(job, job.run_at);
  }
}

bool Ledger::holds(const Job& job, const CycleRequest& request, const LeaseRef& lease) {
  return job.phase == Phase::held && job.token == lease.token && job.holder == request.worker.incarnation;
}

/// Its newest lease.
bool Ledger::settled_by(const Job& job, const CycleRequest& request, const LeaseRef& lease) {
  return job.settled == lease.token && job.token == lease.token && job.holder == request.worker.incarnation;
}

void Ledger::settle(const JobId& id, Job& job, bool done) {
  if (!job.accepted.insert(job.token).second) wrong(id, "a lease was acknowledged twice");
  job.settled = job.token;
  job.settled_done = done;
}

Verdict Ledger::done(const CycleRequest& request, const Done& entry) {
  Job& job = jobs_.at(entry.lease.id);
  if (!holds(job, request, entry.lease)) {
    return settled_by(job, request, entry.lease) && job.settled_done ? Verdict::already_accepted
                                                                     : Verdict::fenced;
  }
  const auto ran = returned_.find(Grant(entry.lease.id, entry.lease.token));
  if (ran == returned_.end())
    wrong(entry.lease.id, "done, and no handler has returned");
  else if (ran->second != entry.result)
    wrong(entry.lease.id, "done with the result of another run");
  settle(entry.lease.id, job, true);
  job.result = entry.result;
  finish(entry.lease.id, job, JobState::done);
  return Verdict::accepted;
}

Verdict Ledger::failed(const CycleRequest& request, const Failed& entry) {
  const JobId& id = entry.lease.id;
  Job& job = jobs_.at(id);
  if (!holds(job, request, entry.lease))
    return settled_by(job, request, entry.lease) && !job.settled_done ? Verdict::already_accepted
                                                                      : Verdict::fenced;
  settle(id, job, false);
  job.lost_before = false;
  const bool again = entry.kind == FailKind::retry || entry.kind == FailKind::give_back;
  if (entry.kind == FailKind::cancelled || (again && job.cancel_requested)) {
    finish(id, job, JobState::cancelled);
  } else if (entry.kind == FailKind::dead ||
             (entry.kind == FailKind::retry && job.attempt >= job.spec.max_attempts)) {
    finish(id, job, JobState::dead);
  } else if (entry.kind == FailKind::give_back) {
    --job.attempt;
    ++tally_.given_back;
    wait_until(job, now_ + std::max<std::int64_t>(entry.delay.count(), 0));
  } else {
    const Milliseconds delay = entry.delay < Milliseconds{0}
                                   ? job.spec.backoff.delay_after(job.attempt, 0)  // its jitter is 0
                                   : entry.delay;
    wait_until(job, now_ + delay.count());
  }
  return Verdict::accepted;
}

Verdict Ledger::alive(const CycleRequest& request, const Alive& entry, std::vector<JobId>& cancel) {
  Job& job = jobs_.at(entry.lease.id);
  if (!holds(job, request, entry.lease)) return Verdict::fenced;
  job.deadline = now_ + request.lease.count();
  job.started = job.started || entry.started;
  if (job.cancel_requested) cancel.push_back(entry.lease.id);
  return Verdict::accepted;
}

void Ledger::expire() {
  for (auto& [id, job] : jobs_)
    if (job.phase == Phase::waiting && job.may_expire() && job.spec.expires_at <= now_)
      finish(id, job, JobState::expired);
}

void Ledger::recover() {
  for (auto& [id, job] : jobs_) {
    if (job.phase != Phase::held || job.deadline > now_) continue;
    ++tally_.recovered;
    story_.add("    the lease of " + name_of(id) + " has run out");
    --job.attempt;
    job.lost_before = true;
    job.lost_at = elapsed_ - static_cast<double>(now_ - job.deadline);
    if (job.started) ++job.crashes;
    if (job.started && job.alone) ++job.alone_crashes;
    job.ready_at = job.lost_at;
    job.was_due = false;
    if (!job.suspect()) judge_lateness(id, job);
    if (job.cancel_requested) {
      finish(id, job, JobState::cancelled);
    } else if (job.started && job.alone && job.alone_crashes >= job.spec.max_crashes) {
      ++tally_.quarantined;
      finish(id, job, JobState::dead);
    } else {
      wait_until(job, now_);
    }
  }
}

void Ledger::compare(const char* what, const std::vector<Verdict>& found,
                     const std::vector<Verdict>& expected) {
  if (found == expected) return;
  std::string text = std::string("the verdicts of `") + what + "` are";
  for (const Verdict verdict : found) text.append(" ").append(to_string(verdict));
  text += ", and must be";
  for (const Verdict verdict : expected) text.append(" ").append(to_string(verdict));
  story_.wrong(text);
}

void Ledger::cycled(const CycleRequest& request, const CycleReply& reply) {
  Peer& peer = peers_[request.worker.incarnation];
  if (peer.life.empty()) peer.life = request.worker.name;
  if (reply.now != now_) story_.wrong("a reply's time is not the broker's");
  if (request.seq < peer.seq) return story_.wrong("a call that was older than the newest one was executed");
  if (request.seq == peer.seq) return repeated(peer, reply);
  if (reply.repeated) return story_.wrong("a new call was taken for a repeated one");
  peer.seq = request.seq;
  std::vector<Verdict> verdicts;
  for (const Done& entry : request.done) verdicts.push_back(done(request, entry));
  compare("done", reply.done, verdicts);
  verdicts.clear();
  for (const Failed& entry : request.failed) verdicts.push_back(failed(request, entry));
  compare("failed", reply.failed, verdicts);
  verdicts.clear();
  std::vector<JobId> cancel;
  for (const Alive& entry : request.alive) verdicts.push_back(alive(request, entry, cancel));
  compare("alive", reply.alive, verdicts);
  if (cancel != reply.cancel) story_.wrong("the jobs that are to be cancelled are others");
  for (const std::vector<Verdict>* all : {&reply.done, &reply.failed, &reply.alive})
    for (const Verdict verdict : *all) tally_.fenced += verdict == Verdict::fenced ? 1 : 0;
  expire();
  recover();
  expire();  // what was recovered may be too late
  take(request, reply);
  peer.done = reply.done;
  peer.failed = reply.failed;
  peer.alive = reply.alive;
  peer.cancel = reply.cancel;
  peer.leases.clear();
  for (const Lease& lease : reply.leases) peer.leases.emplace(lease.ref.id, lease.ref.token);
  std::uint32_t held = 0;
  for (const auto& [id, job] : jobs_)
    held += job.phase == Phase::held && job.holder == request.worker.incarnation ? 1U : 0U;
  if (held > lives_.at(peer.life).concurrency) story_.wrong(peer.life + " holds more jobs than it has slots");
}

/// A repeated call gets its stored reply, less the leases that were lost since, and changes nothing.
void Ledger::repeated(const Peer& peer, const CycleReply& reply) {
  ++tally_.repeated;
  if (!reply.repeated) return story_.wrong("a repeated call was executed again");
  if (reply.done != peer.done || reply.failed != peer.failed || reply.alive != peer.alive ||
      reply.cancel != peer.cancel)
    story_.wrong("a repeated call was answered otherwise than the first time");
  std::set<Grant> held;
  for (const Grant& lease : peer.leases) {
    const Job& job = jobs_.at(lease.first);
    if (job.phase == Phase::held && job.token == lease.second) held.insert(lease);
  }
  for (const Lease& lease : reply.leases)
    if (held.erase(Grant(lease.ref.id, lease.ref.token)) == 0)
      wrong(lease.ref.id, "a repeated call brought a lease that it had not brought, or that is lost");
  if (!held.empty()) wrong(held.begin()->first, "a repeated call did not bring its lease again");
}

void Ledger::refused_old(const CycleRequest& request) {
  ++tally_.refused_old;
  if (request.seq >= peers_[request.worker.incarnation].seq)
    story_.wrong("a call was refused as old that is not");
}

bool Ledger::may_take(const CycleRequest& request, const Job& job) const {
  return job.phase == Phase::waiting && job.run_at <= now_ &&
         (request.names.empty() ||
          std::find(request.names.begin(), request.names.end(), job.spec.name) != request.names.end());
}

void Ledger::take(const CycleRequest& request, const CycleReply& reply) {
  if (reply.leases.size() > request.want) return story_.wrong("a call brought more than it wanted");
  bool suspects = false;
  for (const auto& [id, job] : jobs_) suspects = suspects || (may_take(request, job) && job.suspect());
  const bool alone = request.alone && request.want > 0 && suspects;
  if (alone && reply.leases.size() != 1) return story_.wrong("a suspect was not given out, or not alone");
  int lowest = std::numeric_limits<int>::max();
  for (const Lease& lease : reply.leases) {
    if (lease.alone != alone) wrong(lease.ref.id, "a suspect beside others, or one that is none alone");
    if (lease.priority > lowest) wrong(lease.ref.id, "came behind a job of lower priority");
    lowest = lease.priority;
    take_one(request, lease);
  }
  if (request.want == 0 || alone) return;
  const bool full = reply.leases.size() == request.want;
  for (const auto& [id, job] : jobs_) {
    if (!may_take(request, job) || job.suspect()) continue;
    if (!full) wrong(id, "is ready, and was kept from a worker that wanted more");
    if (full && job.spec.priority > lowest) wrong(id, "was passed over for one of lower priority");
  }
}

void Ledger::take_one(const CycleRequest& request, const Lease& lease) {
  const JobId& id = lease.ref.id;
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return wrong(id, "a lease of a job that nobody has enqueued");
  Job& job = found->second;
  if (job.phase == Phase::held) wrong(id, "was given out while " + peers_[job.holder].life + " holds it");
  if (job.phase == Phase::final) wrong(id, "was given out after its end");
  if (job.phase == Phase::blocked) wrong(id, "was given out before what it waits for");
  for (const JobId& other : job.spec.after)
    if (!job.reopened && !jobs_.at(other).ever_final)
      wrong(id, "was given out before " + name_of(other) + " ended");
  if (job.phase == Phase::waiting && !may_take(request, job))
    wrong(id, "was given out too early, or to the wrong one");
  if (lease.ref.token <= last_token_) wrong(id, "got a token that does not grow");
  if (lease.attempt != job.attempt + 1) wrong(id, "runs under the wrong number");
  if (lease.attempt > job.spec.max_attempts) wrong(id, "runs more often than it may");
  if (lease.alone != job.suspect()) wrong(id, "is a suspect beside others, or alone and none");
  if (lease.lost_before != job.lost_before) wrong(id, "the lease is wrong about an earlier one");
  if (lease.payload != job.spec.payload || lease.name != job.spec.name) wrong(id, "came as another job");
  if (!job.suspect()) judge_lateness(id, job);
  last_token_ = lease.ref.token;
  ++tally_.leases;
  ++job.attempt;
  job.phase = Phase::held;
  job.token = lease.ref.token;
  job.holder = request.worker.incarnation;
  job.deadline = now_ + request.lease.count();
  job.started = false;
  job.alone = lease.alone;
  grants_[Grant(id, job.token)] = request.worker.name;
}

void Ledger::cancelled(const std::vector<JobId>& ids, const std::vector<CancelResult>& results) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = jobs_.find(ids[i]);
    CancelResult expected = CancelResult::unknown;
    if (found != jobs_.end()) {
      Job& job = found->second;
      if (job.phase == Phase::held) {
        expected = CancelResult::requested;
        job.cancel_requested = true;
      } else if (job.phase == Phase::final) {
        expected = job.end == JobState::cancelled ? CancelResult::cancelled : CancelResult::final;
      } else {
        expected = CancelResult::cancelled;
        finish(ids[i], job, JobState::cancelled);
      }
    }
    if (results.at(i) != expected) wrong(ids[i], "the answer to a cancel");
  }
}

void Ledger::retried(const std::vector<JobId>& ids, const std::vector<bool>& results) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto found = jobs_.find(ids[i]);
    const bool can =
        found != jobs_.end() && found->second.phase == Phase::final && found->second.end != JobState::done;
    if (results.at(i) != can) wrong(ids[i], "the answer to a retry");
    if (!can) continue;
    Job& job = found->second;
    job.attempt = 0;
    job.alone_crashes = 0;
    job.lost_before = false;
    job.reopened = true;
    job.waits_for.clear();
    job.spec.expires_at = 0;
    wait_until(job, now_);
  }
}

}  // namespace coterie::simulation

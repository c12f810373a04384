#include "tests/brokers/model.hpp"

#include <algorithm>

namespace broker_suite {
namespace {

std::string in_words(const std::vector<Verdict>& verdicts) {
  std::string words;
  for (const Verdict verdict : verdicts) words.append(words.empty() ? "" : ", ").append(to_string(verdict));
  return words;
}

std::string differ(const char* what, const std::vector<Verdict>& found,
                   const std::vector<Verdict>& expected) {
  return std::string("verdicts of ") + what + ": " + in_words(found) + "; not " + in_words(expected);
}

/// Its newest lease.
bool settled_by(const Model::Job& job, const CycleRequest& request, const LeaseRef& lease) {
  return job.settled_token != 0 && job.settled_token == lease.token && job.token == lease.token &&
         job.owner == request.worker.incarnation;
}

}  // namespace

void Model::begin(UnixMillis now) {
  now_ = now;
  ++calls_;
  changed_ = false;
}

void Model::move(Job& job, JobState state) {
  edges_.emplace(job.state, state);
  job.state = state;
  if (state == JobState::ready) job.became_ready = calls_;
  if (state == JobState::ready || is_final(state)) changed_ = true;
}

void Model::run_or_wait(Job& job, UnixMillis at) {
  job.run_at = at;
  move(job, at > now_ ? JobState::scheduled : JobState::ready);
}

void Model::finish(const JobId& id, JobState state) {
  Job& job = jobs_.at(id);
  move(job, state);
  job.cancel_requested = false;
  for (auto& [other_id, other] : jobs_) {
    const bool waited = other.waits_for.erase(id) != 0;
    if (waited && other.waits_for.empty() && other.state == JobState::blocked) {
      run_or_wait(other, std::max(other.run_at, now_));
    }
  }
}

std::vector<Enqueued> Model::enqueue(const std::vector<JobSpec>& jobs, UnixMillis now) {
  begin(now);
  std::vector<Enqueued> verdicts;
  for (const JobSpec& spec : jobs) {
    if (jobs_.count(spec.id) != 0 || forgotten_.count(spec.id) != 0) {
      verdicts.push_back(Enqueued::exists);
      continue;
    }
    verdicts.push_back(Enqueued::created);
    Job& job = jobs_[spec.id];
    job.spec = spec;
    job.order = ++last_order_;
    job.run_at = std::max(now + spec.delay.count(), spec.run_at);
    for (const JobId& id : spec.after) {
      const auto other = jobs_.find(id);
      if (other != jobs_.end() && !is_final(other->second.state)) job.waits_for.insert(id);
    }
    if (job.waits_for.empty()) run_or_wait(job, job.run_at);
  }
  return verdicts;
}

Verdict Model::done(const CycleRequest& request, const Done& done) {
  const auto found = jobs_.find(done.lease.id);
  if (found == jobs_.end()) return Verdict::unknown;
  Job& job = found->second;
  if (job.state == JobState::leased && job.token == done.lease.token &&
      job.owner == request.worker.incarnation) {
    job.settled_token = job.token;
    job.settled_done = true;
    job.result = done.result;
    finish(done.lease.id, JobState::done);
    return Verdict::accepted;
  }
  const bool did = settled_by(job, request, done.lease) && job.settled_done;
  return did ? Verdict::already_accepted : Verdict::fenced;
}

Verdict Model::failed(const CycleRequest& request, const Failed& failed) {
  const auto found = jobs_.find(failed.lease.id);
  if (found == jobs_.end()) return Verdict::unknown;
  Job& job = found->second;
  if (job.state != JobState::leased || job.token != failed.lease.token ||
      job.owner != request.worker.incarnation) {
    const bool did = settled_by(job, request, failed.lease) && !job.settled_done;
    return did ? Verdict::already_accepted : Verdict::fenced;
  }
  job.settled_token = job.token;
  job.settled_done = false;
  Milliseconds delay = failed.delay;
  switch (failed.kind) {
    case FailKind::dead:
      finish(failed.lease.id, JobState::dead);
      break;
    case FailKind::cancelled:
      finish(failed.lease.id, JobState::cancelled);
      break;
    case FailKind::give_back:
      if (job.cancel_requested) {
        finish(failed.lease.id, JobState::cancelled);
        break;
      }
      --job.attempt;
      run_or_wait(job, now_ + std::max<std::int64_t>(delay.count(), 0));
      break;
    case FailKind::retry:
      if (job.cancel_requested) {
        finish(failed.lease.id, JobState::cancelled);
      } else if (job.attempt >= job.spec.max_attempts) {
        finish(failed.lease.id, JobState::dead);
      } else {
        if (delay < Milliseconds{0}) delay = job.spec.backoff.delay_after(job.attempt, 0);
        run_or_wait(job, now_ + delay.count());
      }
      break;
  }
  return Verdict::accepted;
}

Verdict Model::alive(const CycleRequest& request, const Alive& alive, std::vector<JobId>& cancel) {
  const Verdict verdict = keep(request.worker.incarnation, alive.lease, request.lease);
  if (verdict != Verdict::accepted) return verdict;
  Job& job = jobs_.at(alive.lease.id);
  job.started = job.started || alive.started;
  if (job.cancel_requested) cancel.push_back(alive.lease.id);
  return verdict;
}

Verdict Model::keep(const Uuid& worker, const LeaseRef& lease, Milliseconds time) {
  const auto found = jobs_.find(lease.id);
  if (found == jobs_.end()) return Verdict::unknown;
  Job& job = found->second;
  if (job.state != JobState::leased || job.token != lease.token || job.owner != worker)
    return Verdict::fenced;
  job.lease_until = now_ + time.count();
  return Verdict::accepted;
}

std::vector<Verdict> Model::extend(const Uuid& worker, const std::vector<LeaseRef>& leases,
                                   Milliseconds lease, UnixMillis now) {
  begin(now);
  std::vector<Verdict> verdicts;
  for (const LeaseRef& ref : leases) verdicts.push_back(keep(worker, ref, lease));
  return verdicts;
}

void Model::promote() {
  bool again = false;  // what an expired job releases may be too late itself
  for (auto& [id, job] : jobs_) {
    if (job.state != JobState::scheduled && job.state != JobState::ready) continue;
    if (job.may_expire() && job.spec.expires_at <= now_) {
      finish(id, JobState::expired);
      again = true;
    } else if (job.state == JobState::scheduled && job.run_at <= now_) {
      move(job, JobState::ready);
    }
  }
  if (again) promote();
}

void Model::recover() {
  for (auto& [id, job] : jobs_) {
    if (job.state != JobState::leased || job.lease_until > now_) continue;
    --job.attempt;
    if (job.started) ++job.crashes;
    if (job.started && job.alone) ++job.alone_crashes;
    if (job.cancel_requested) {
      finish(id, JobState::cancelled);
    } else if (job.started && job.alone && job.spec.max_crashes != 0 &&
               job.alone_crashes >= job.spec.max_crashes) {
      finish(id, JobState::dead);
    } else {
      run_or_wait(job, now_);
    }
  }
}

std::optional<std::string> Model::cycle(const CycleRequest& request, const CycleReply& reply,
                                        UnixMillis now) {
  begin(now);
  std::vector<Verdict> verdicts;
  verdicts.reserve(request.done.size());
  for (const Done& entry : request.done) verdicts.push_back(done(request, entry));
  if (verdicts != reply.done) return differ("done", reply.done, verdicts);
  verdicts.clear();
  for (const Failed& entry : request.failed) verdicts.push_back(failed(request, entry));
  if (verdicts != reply.failed) return differ("failed", reply.failed, verdicts);
  verdicts.clear();
  std::vector<JobId> cancel;
  for (const Alive& entry : request.alive) verdicts.push_back(alive(request, entry, cancel));
  if (verdicts != reply.alive) return differ("alive", reply.alive, verdicts);
  if (cancel != reply.cancel) return "ids to cancel";
  promote();
  recover();
  promote();  // what was recovered may be too late by now
  return check_leases(request, reply);
}

bool Model::may_take(const CycleRequest& request, const Job& job) {
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  return job.state == JobState::ready && has(request.queues, job.spec.queue) &&
         (request.names.empty() || has(request.names, job.spec.name));
}

std::optional<std::string> Model::check_leases(const CycleRequest& request, const CycleReply& reply) {
  std::uint64_t suspects = 0;
  std::uint64_t takeable = 0;
  for (const auto& [id, job] : jobs_) {
    if (!may_take(request, job) || (job.may_expire() && job.spec.expires_at <= now_)) continue;
    ++(job.is_suspect() ? suspects : takeable);
  }
  std::uint64_t expected = std::min<std::uint64_t>(request.want, takeable);
  if (request.want > 0 && request.alone && suspects > 0) expected = 1;
  if (reply.leases.size() != expected) {
    return "number of leases: " + std::to_string(reply.leases.size()) + ", not " + std::to_string(expected);
  }
  const bool suspect = request.alone && suspects > 0;
  for (const Lease& lease : reply.leases) {
    if (lease.alone != suspect) return "a suspect among others, or an ordinary job taken for one";
    if (const auto wrong = check_lease(request, lease)) return wrong;
  }
  if (reply.suspects != suspects - (suspect && request.want > 0 ? 1 : 0)) return "count of suspects";
  return std::nullopt;
}

std::optional<std::string> Model::check_lease(const CycleRequest& request, const Lease& lease) {
  const auto found = jobs_.find(lease.ref.id);
  if (found == jobs_.end()) return "a lease of a job that is not known";
  Job& job = found->second;
  if (job.state != JobState::ready) return "a lease of a job that was " + std::string(to_string(job.state));
  if (!may_take(request, job)) return "a lease of a job that the worker has not asked for";
  if (job.may_expire() && job.spec.expires_at <= now_) return "a lease of a job that is too late";
  if (lease.alone != job.is_suspect()) return "a suspect that is not alone";
  const auto rank = [&request](const Job& other) {
    const auto queue = std::find(request.queues.begin(), request.queues.end(), other.spec.queue);
    return std::tuple{queue - request.queues.begin(), -other.spec.priority, other.became_ready};
  };
  for (const auto& [id, other] : jobs_) {
    if (!may_take(request, other) || other.is_suspect() != lease.alone) continue;
    if (other.may_expire() && other.spec.expires_at <= now_) continue;
    if (global_order_ && rank(other) < rank(job)) return "a job that should have come first was passed over";
  }
  if (lease.ref.token <= job.token) return "a token that does not grow";
  move(job, JobState::leased);
  job.token = lease.ref.token;
  job.owner = request.worker.incarnation;
  job.started = false;
  job.alone = lease.alone;
  job.lease_until = now_ + request.lease.count();
  ++job.attempt;
  if (lease.attempt != job.attempt) return "the number of the attempt";
  if (lease.payload != job.spec.payload || lease.name != job.spec.name || lease.queue != job.spec.queue) {
    return "what the lease says about its job";
  }
  return std::nullopt;
}

CancelResult Model::cancel(const JobId& id, UnixMillis now) {
  begin(now);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return CancelResult::unknown;
  Job& job = found->second;
  if (job.state == JobState::cancelled) return CancelResult::cancelled;
  if (is_final(job.state)) return CancelResult::final;
  if (job.state == JobState::leased) {
    changed_ = !job.cancel_requested;
    job.cancel_requested = true;
    return CancelResult::requested;
  }
  finish(id, JobState::cancelled);
  return CancelResult::cancelled;
}

bool Model::retry(const JobId& id, UnixMillis now) {
  begin(now);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return false;
  Job& job = found->second;
  if (job.state != JobState::dead && job.state != JobState::cancelled && job.state != JobState::expired)
    return false;
  job.attempt = 0;
  job.alone_crashes = 0;
  job.spec.expires_at = 0;
  job.waits_for.clear();
  run_or_wait(job, now);
  return true;
}

std::vector<JobId> Model::purgeable(const JobFilter& filter) const {
  std::vector<JobId> ids;
  for (const auto& [id, job] : jobs_) {
    const bool matches = (!filter.state || *filter.state == job.state) &&
                         (filter.queue.empty() || filter.queue == job.spec.queue);
    if (is_final(job.state) && matches) ids.push_back(id);
  }
  return ids;
}

void Model::forget(const JobId& id) {
  jobs_.erase(id);
  forgotten_.insert(id);
}

std::optional<std::string> Model::compare(const JobId& id, const std::optional<JobInfo>& info,
                                          UnixMillis now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return info ? std::optional("it was forgotten, and is there") : std::nullopt;
  if (!info) return "it is gone";
  Job& job = found->second;
  // The end of a job's time may be noticed in the call that recovers it or in the next one, and between calls
  // by who tidies up.
  const bool waits = job.state == JobState::ready || job.state == JobState::scheduled;
  const bool too_late = waits && job.may_expire() && job.spec.expires_at <= now;
  if (too_late && info->state == JobState::expired) finish(id, JobState::expired);
  if (info->state != job.state) {
    return "it is " + std::string(to_string(info->state)) + ", not " + std::string(to_string(job.state));
  }
  if (info->attempt != job.attempt) return "attempt " + std::to_string(info->attempt);
  if (info->crashes != job.crashes) return "crashes " + std::to_string(info->crashes);
  if (info->priority != job.spec.priority || info->queue != job.spec.queue) return "priority or queue";
  if (!is_final(job.state) && info->cancel_requested != job.cancel_requested) return "cancel_requested";
  if (job.state == JobState::leased && info->lease_until != job.lease_until) return "the lease's end";
  if (job.state == JobState::scheduled && info->run_at != job.run_at) return "run_at";
  if (is_final(job.state) != (info->finished_at != 0)) return "finished_at";
  if (job.state == JobState::done && info->result != job.result) return "the result";
  return std::nullopt;
}

std::map<std::string, std::map<JobState, std::uint64_t>> Model::counts() const {
  std::map<std::string, std::map<JobState, std::uint64_t>> counts;
  for (const auto& [id, job] : jobs_) ++counts[job.spec.queue][job.state];
  return counts;
}

std::vector<JobId> Model::in_order(std::optional<JobState> state) const {
  std::vector<std::pair<std::uint64_t, JobId>> order;
  order.reserve(jobs_.size());
  for (const auto& [id, job] : jobs_)
    if (!state || job.state == *state) order.emplace_back(job.order, id);
  std::sort(order.begin(), order.end());
  std::vector<JobId> ids;
  ids.reserve(order.size());
  for (const auto& [number, id] : order) ids.push_back(id);
  return ids;
}

}  // namespace broker_suite

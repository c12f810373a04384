// One call of the broker: gather, ask until there is an answer, act on it.
#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/timeout.hpp"
#include "src/queue/session.hpp"

namespace coterie::queue {
namespace {

constexpr Duration first_repeat = std::chrono::milliseconds(100);
constexpr Duration last_repeat = std::chrono::seconds(5);
/// How long a drained worker still tries to tell a broker that does not answer: behind the grace, or, where
/// it holds nothing, behind the drain. For that long too it may have been given jobs that it does not know
/// of.
constexpr Duration farewell = std::chrono::seconds(5);
/// After calls that changes had prompted and that brought nothing, so long a pause: none for the first two,
/// then doubling. At most: what a job may have to wait because of it.
constexpr Duration quiet_limit = std::chrono::milliseconds(20);

Duration quiet_after(std::uint32_t fruitless) {
  if (fruitless <= 2) return Duration::zero();
  return std::min<Duration>(std::chrono::milliseconds(1) * (1U << std::min(fruitless - 3, 10U)), quiet_limit);
}

bool may_be_dead(const JobRun& run, const Failed& failure) {
  return failure.kind == FailKind::dead || (failure.kind == FailKind::retry && run.last_attempt());
}

/// Most errors of a broker begin with its URL.
std::string with_url(const std::string& url, const std::string& why) {
  return why.starts_with(url) ? why : url + ": " + why;
}

}  // namespace

std::uint32_t Session::wanted() const noexcept {
  if (!may_ask()) return 0;
  if (holding_) return asks_alone() ? 1 : 0;
  // A call that is repeated brings what it was given the first time, which may be more than is free by now.
  const auto taken = static_cast<std::uint32_t>(running_.size() + to_report_.size());
  return options_.concurrency() - std::min(options_.concurrency(), taken);
}

void Session::prepare(TimePoint now) {
  check_leases_if_due(now);
  ++request_.seq;
  request_.done.clear();
  request_.failed.clear();
  request_.alive.clear();
  settling_done_.clear();
  settling_failed_.clear();
  settling_alive_.clear();
  add_ended();
  add_alive(now);
  request_.alone = holding_ && asks_alone();
  request_.want = wanted();
}

void Session::add_ended() {
  const std::size_t limit = broker_->limits().result_bytes;
  for (JobRun* run : finished_) {
    if (alone_run_ == run) alone_run_ = nullptr;
    if (run->fenced) {
      note_end(*run, nullptr, Verdict::fenced);
      free_run(*run);
      continue;
    }
    std::string result;
    Failed failure;
    if (run->settle(limit, result, failure)) {
      request_.done.emplace_back(run->ref(), std::move(result));
      settling_done_.push_back(run);
    } else {
      request_.failed.push_back(std::move(failure));
      settling_failed_.push_back(run);
    }
  }
  finished_.clear();
}

void Session::add_alive(TimePoint now) {
  const bool beat = now >= beat_at();
  const bool progress = now >= progress_at_;
  beat_sent_ = beat;
  for (JobRun* run : to_report_) {
    request_.alive.emplace_back(run->ref());
    settling_alive_.push_back(run);
  }
  if (!beat && !progress) return;
  for (JobRun* run : running_) {
    if (run->fenced) continue;
    Alive alive(run->ref());
    const bool moved = run->take_progress(alive);
    if (!beat && !moved) continue;
    request_.alive.push_back(std::move(alive));
    settling_alive_.push_back(run);
  }
  progress_at_ = TimePoint::max();
  last_progress_ = now;
  if (!beat) return;
  last_beat_ = now;
  beat_soon_ = false;
}

Task<CycleReply> Session::ask() {
  CycleRequest copy(request_);  // the request stays here, to be repeated
  Task<CycleReply> answer = broker_->cycle(std::move(copy));
  co_return co_await std::move(answer);
}

/// No job is held, and none has ended that the broker was not told of.
bool Session::nothing_is_at_stake() const noexcept {
  return running_.empty() && finished_.empty() && to_report_.empty() && request_.done.empty() &&
         request_.failed.empty() && request_.alive.empty();
}

/// Until when a broker that does not answer is waited for.
std::optional<TimePoint> Session::patience() const {
  if (!draining_) return std::nullopt;
  return (nothing_is_at_stake() ? drained_at_ : drained_by_) + farewell;
}

/// TimeoutError when a drain does not wait for it any longer.
Task<CycleReply> Session::ask_patiently() {
  CycleReply reply;
  const auto body = [this, &reply](Timeout& limit) -> Task<void> {
    patience_ = &limit;
    Outcome<CycleReply> answer = co_await outcome(ask());
    patience_ = nullptr;
    reply = std::move(answer.get());
  };
  co_await timeout_at(patience(), body);
  co_return reply;
}

Task<void> Session::pause_patiently(Duration pause) {
  const auto body = [this, pause](Timeout& limit) -> Task<void> {
    patience_ = &limit;
    const Outcome<void> slept = co_await outcome(sleep(pause));
    patience_ = nullptr;
    slept.get();
  };
  co_await timeout_at(patience(), body);
}

Task<void> Session::call() {
  const TimePoint first = lease_now();
  TimePoint sent = first;
  Duration delay = first_repeat;
  std::string trouble;  // what the broker said last, if it refused
  for (;;) {
    Outcome<CycleReply> answer = co_await outcome(ask_patiently());
    if (answer.has_value()) {
      reply_ = std::move(answer.get());
      if (metrics_) metrics_->broker_answered(reply_.now);
      granted_at_ = reply_.repeated ? first : sent;
      if (!trouble.empty()) log(LogLevel::info, "the broker answers again: " + broker_->url());
      co_return;
    }
    if (answer.cancelled()) {
      // Whether it was applied is open; the repetition will tell. Only our own cancel comes here.
      note_cancel(answer.error());
      continue;
    }
    try {
      std::rethrow_exception(answer.error());
    } catch (const BrokerUnavailable& error) {
      if (loop_.now() >= patience().value_or(TimePoint::max())) throw;
      if (trouble.empty())
        warn("the broker does not answer, trying again: " + with_url(broker_->url(), error.what()));
      trouble = error.what();
    } catch (const TimeoutError&) {
      throw BrokerUnavailable((trouble.empty() ? broker_->url() : trouble) +
                              ": nothing better was heard since the worker was told to stop; jobs that it "
                              "had, or was about to be given, run again when their leases end");
    }
    const double part =
        0.5 + 0.5 * static_cast<double>(random_()) / static_cast<double>(std::minstd_rand::max());
    const Duration wait(static_cast<Duration::rep>(static_cast<double>(delay.count()) * part));
    const Outcome<void> paused = co_await outcome(pause_patiently(wait));
    if (paused.cancelled()) note_cancel(paused.error());
    delay = std::min(delay * 2, last_repeat);
    look_at_clock();
    sent = lease_now();
  }
}

void Session::take() {
  const TimePoint now = loop_.now();
  if (pulse_) pulse_->collect();
  take_verdicts();
  check_leases_if_due(now);
  start_allowed(now);
  heed_cancels();
  version_ = reply_.version;
  note_suspects(reply_.suspects, now);
  plan_next(now);
  for (const std::string& name : reply_.unhandled) note_unhandled(name);
  for (Lease& lease : reply_.leases) accept(std::move(lease), now);
  if (!reply_.leases.empty()) beat_soon_ = true;
  show_leases();
}

void Session::take_verdicts() {
  const auto at = [](const std::vector<Verdict>& verdicts, std::size_t i) {
    return i < verdicts.size() ? verdicts[i] : Verdict::unknown;
  };
  for (std::size_t i = 0; i < settling_done_.size(); ++i) {
    JobRun& run = *settling_done_[i];
    note_end(run, nullptr, at(reply_.done, i));
    if (observer_) {
      JobEnd end;
      end.succeeded = true;
      end.result = request_.done[i].result;
      end.verdict = at(reply_.done, i);
      end.ran = run.ran();
      report(run, end);
    }
    free_run(run);
  }
  for (std::size_t i = 0; i < settling_failed_.size(); ++i) {
    JobRun& run = *settling_failed_[i];
    note_end(run, &request_.failed[i], at(reply_.failed, i));
    if (pulse_ && may_be_dead(run, request_.failed[i])) pulse_->note_death();
    if (observer_) {
      JobEnd end;
      end.kind = request_.failed[i].kind;
      end.error = request_.failed[i].error;
      end.verdict = at(reply_.failed, i);
      end.ran = run.ran();
      report(run, end);
    }
    free_run(run);
  }
  std::vector<JobRun*> reported;
  reported.swap(to_report_);
  for (std::size_t i = 0; i < settling_alive_.size(); ++i) {
    JobRun& run = *settling_alive_[i];
    const Verdict verdict = at(reply_.alive, i);
    take_alive(run, verdict, std::find(reported.begin(), reported.end(), &run) != reported.end());
  }
}

void Session::heed_cancels() {
  for (const JobId& id : reply_.cancel) {
    for (JobRun* run : settling_alive_) {
      if (run->id() != id || run->fenced || run->cancel_heard) continue;
      run->cancel_heard = true;
      run->stop(Stop::requested, "cancelled on request");
    }
  }
}

void Session::take_alive(JobRun& run, Verdict verdict, bool reported) {
  if (verdict == Verdict::accepted || verdict == Verdict::already_accepted) {
    run.lease_until = std::max(run.lease_until, granted_at_ + options_.lease());
    if (reported) allowed_.push_back(&run);
    return;
  }
  run.fenced = true;
  if (reported)
    free_run(run);
  else
    lose(run);
}

/// Those that were to be reported before they begin.
void Session::start_allowed(TimePoint now) {
  for (JobRun* run : allowed_) {
    if (run->lease_until <= lease_time(now))  // the loop was held up: another worker may have it by now
      give_back(*run, JobError("lease lost", "the reply that allowed its start came too late"),
                Milliseconds{0});
    else
      launch(*run, now);
  }
  allowed_.clear();
}

/// Many workers wait for the same moment; the call of the first brings what is due to be ready for all.
Duration Session::due_jitter() {
  return std::chrono::microseconds(random_() % 5000);
}

/// When to ask for work again, by what this call brought.
void Session::plan_next(TimePoint now) {
  if (request_.want == 0) return;
  if (reply_.repeated) {
    // Its leases are of an earlier moment than its version: what came between must not be missed.
    poll_at_ = now;
    return;
  }
  if (request_.alone && reply_.leases.empty()) alone_at_ = now + std::chrono::seconds(1);
  if (reply_.leases.size() >= request_.want) {
    fruitless_ = 0;
    poll_at_ = now;  // there may be more; a slot must become free first
    return;
  }
  std::uint64_t bytes = broker_->limits().payload_bytes;
  for (const Lease& lease : reply_.leases) bytes += lease.payload.size();
  if (!reply_.leases.empty() && bytes > request_.max_bytes) {
    poll_at_ = now;  // it was the bytes that ended the reply
    return;
  }
  fruitless_ = reply_.leases.empty() ? std::min(fruitless_ + 1, 100U) : 0;
  quiet_until_ = now + quiet_after(fruitless_);
  Duration until_due = look_every_;
  if (reply_.next_due != 0)
    until_due =
        std::min<Duration>(until_due, Milliseconds(std::max<std::int64_t>(reply_.next_due - reply_.now, 0)));
  const bool more_due = until_due == Duration::zero() && !reply_.leases.empty();
  poll_at_ = more_due ? now : now + until_due + due_jitter();
}

}  // namespace coterie::queue

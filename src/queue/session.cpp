// The jobs that a session holds: from lease to task, and what ends them early.
#include "src/queue/session.hpp"

#include <algorithm>

#include "coterie/core/callback.hpp"
#include "src/queue/beat.hpp"
#include "src/queue/validate.hpp"

namespace coterie::queue {
namespace {

RunOutcome outcome_of(const JobRun& run, const Failed* failure, Verdict verdict) {
  if (verdict == Verdict::fenced || verdict == Verdict::unknown) return RunOutcome::lost;
  if (failure == nullptr) return RunOutcome::success;
  if (failure->kind == FailKind::give_back) return RunOutcome::given_back;
  if (failure->kind == FailKind::cancelled) return RunOutcome::cancelled;
  if (failure->kind == FailKind::dead || run.last_attempt()) return RunOutcome::dead;
  return run.why_stopped() == Stop::timeout ? RunOutcome::timeout : RunOutcome::retry;
}

}  // namespace

void WorkerObserver::log(LogLevel level, std::string_view line) {
  if (level == LogLevel::debug) return;
  std::fprintf(stderr, "coterie: %.*s\n", static_cast<int>(line.size()), line.data());
}

void WorkerObserver::loop_stalled(std::string_view line) {
  WorkerObserver::log(LogLevel::error, line);
}

template <class Fn>
void SessionGate::on_loop(Fn fn) noexcept {
  try {
    if (EventLoop::current_or_null() == loop_) {
      if (const auto alive = session.lock()) fn(*alive);
      return;
    }
    inbox_->post(make_posted([self = std::static_pointer_cast<SessionGate>(shared_from_this()), fn] {
      if (const auto alive = self->session.lock()) fn(*alive);
    }));
  } catch (const std::bad_alloc&) {  // the next call of its kind does it
  }
}

void SessionGate::progress_noted() noexcept {
  if (progress_pending_.exchange(true)) return;
  on_loop([this](Session& alive) {
    progress_pending_ = false;
    alive.progress_noted();
  });
}

void SessionGate::drain() noexcept {
  on_loop([](Session& alive) { alive.drain(alive.grace()); });
}

void SessionGate::warn(std::string line) noexcept {
  on_loop([line = std::move(line)](Session& alive) { alive.warn(line); });
}

Session::Session(std::shared_ptr<Broker> broker, WorkerOptions options,
                 std::shared_ptr<const HandlerMap> handlers, EventLoop& loop, Surroundings around)
    : broker_(std::move(broker)),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      loop_(loop),
      observer_(options_.observer()),
      metrics_(std::move(around.metrics)),
      redaction_(std::move(around.redaction)),
      beat_every_(beats_every(Duration(options_.lease()))),
      look_every_(looks_every(Duration(options_.lease()))),
      watchdog_loop_(around.watchdog),
      control_loop_(around.control),
      suspended_(std::move(around.suspended)) {
  request_.worker.name = options_.name();
  request_.worker.incarnation = new_uuid();
  request_.worker.process = this_process();
  request_.queues = options_.queues();
  request_.max_bytes = options_.max_bytes();
  request_.lease = options_.lease();
  if (handlers_->size() <= names_per_cycle) {  // else it takes any job, and gives back what it cannot run
    for (const auto& [name, handler] : *handlers_) request_.names.push_back(name);
    std::sort(request_.names.begin(), request_.names.end());
  }
  random_.seed(static_cast<std::uint32_t>(std::hash<Uuid>()(request_.worker.incarnation)) | 1U);
}

Session::~Session() {
  // Where the loop is closed by force, under serve(): the watchdog looks at it.
  if (control_) control_.cancel();
  if (watchdog_ && watchdog_.cancel()) watchdog_gone_.wait();
  drain_timer_.cancel();
  lease_timer_.cancel();
  shown_.clear();
  if (pulse_) pulse_->show(shown_);
  for (const auto& run : records_) run->release();
}

const std::shared_ptr<SessionGate>& Session::open_gate() {
  gate_ = std::make_shared<SessionGate>(loop_);
  gate_->session = weak_from_this();
  return gate_;
}

JobRun& Session::new_run(Lease&& lease) {
  if (free_.empty()) {
    records_.push_back(std::make_shared<JobRun>(*this, gate_));
    records_.back()->slot = records_.size() - 1;
    free_.push_back(records_.back().get());
  }
  JobRun& run = *free_.back();
  free_.pop_back();
  run.begin(std::move(lease));
  return run;
}

void Session::free_run(JobRun& run) {
  run.release();
  if (alone_run_ == &run) alone_run_ = nullptr;
  std::shared_ptr<JobRun>& record = records_[run.slot];
  if (record.use_count() == 1) {
    free_.push_back(&run);
    return;
  }
  // A thread still has it: that job's record stays with the thread.
  if (pulse_) pulse_->forget(run);
  const std::size_t slot = run.slot;
  record = std::make_shared<JobRun>(*this, gate_);
  record->slot = slot;
  free_.push_back(record.get());
}

void Session::accept(Lease&& lease, TimePoint now) {
  const bool alone = lease.alone;
  const bool report_first = alone || lease.lost_before;
  JobRun& run = new_run(std::move(lease));
  run.lease_until = granted_at_ + options_.lease();
  if (!handlers_->contains(run.name())) {
    note_unhandled(run.name());
    give_back(run, JobError("unknown handler", "this worker has no handler '" + run.name() + "'"),
              options_.unknown_handler_delay());
  } else if (draining_) {
    give_back(run, JobError("drain", "its worker was told to stop"), Milliseconds{0});
  } else if (run.lease_until <= lease_time(now)) {
    give_back(run, JobError("lease lost", "the reply that brought it came too late"), Milliseconds{0});
  } else if (report_first) {
    if (alone) alone_run_ = &run;
    to_report_.push_back(&run);
  } else {
    launch(run, now);
  }
}

void Session::note_unhandled(const std::string& name) {
  if (unhandled_.size() < 1000 && unhandled_.insert(name).second)
    warn("no handler for jobs named '" + name + "': they wait for a worker that has one");
}

void Session::give_back(JobRun& run, JobError error, Milliseconds delay) {
  run.refuse(FailKind::give_back, std::move(error), delay);
  finished_.push_back(&run);
}

void Session::launch(JobRun& run, TimePoint now) {
  const auto handler = handlers_->find(run.name());
  if (running_.empty()) last_beat_ = now;
  if (observer_) {
    try {
      observer_->job_started(run);
    } catch (...) {
      loop_.report(ErrorContext("Exception in a worker's observer", std::current_exception()));
    }
  }
  if (metrics_)
    run.cells = &metrics_->run_starts(run, Milliseconds(reply_.now - run.run_at()), run.lost_before());
  try {
    run.launch(*handler->second, now);
  } catch (const std::exception& error) {
    run.refuse(FailKind::retry, JobError("exception", error.what()), Milliseconds{-1});
    finished_.push_back(&run);
    return;
  } catch (...) {
    run.refuse(FailKind::retry,
               JobError("exception", "its handler threw something that is no std::exception"),
               Milliseconds{-1});
    finished_.push_back(&run);
    return;
  }
  run.handler_name = &handler->first;
  run.place = running_.size();
  running_.push_back(&run);
  if (metrics_) metrics_->running(running_.size());
  if (run.lease_until < lease_timer_at_) arm_lease_timer(run.lease_until);
}

void Session::ended(JobRun& run) noexcept {
  run.handler_name = nullptr;
  JobRun* const last = running_.back();
  running_[run.place] = last;
  last->place = run.place;
  running_.pop_back();
  if (metrics_) {
    metrics_->running(running_.size());
    if (run.why_stopped() != Stop::none) metrics_->cancel_took(run.stop_took());
  }
  finished_.push_back(&run);
  wakeup_.notify();
}

void Session::stop_running(Stop why, const char* message) {
  for (JobRun* run : running_) run->stop(why, message);
}

void Session::lose(JobRun& run) {
  if (std::exchange(run.loss_heard, true)) return;
  warn("lease of job " + run.id().str() + " ('" + run.name() + "') was lost: it is cancelled here");
  run.stop(Stop::lease_lost, "lease lost");
}

/// Cancels the jobs whose leases have run out by our clock. Leases only ever move later, so the timer is set
/// once for the earliest and looks again then.
void Session::check_leases() {
  if (pulse_) pulse_->collect();
  look_at_clock();
  const TimePoint now = lease_now();
  TimePoint earliest = TimePoint::max();
  for (JobRun* run : running_) {
    if (run->loss_heard) continue;
    if (run->lease_until <= now)
      lose(*run);
    else
      earliest = std::min(earliest, run->lease_until);
  }
  lease_timer_at_ = TimePoint::max();
  if (earliest != TimePoint::max()) arm_lease_timer(earliest);
}

void Session::arm_lease_timer(TimePoint until) {
  lease_timer_.cancel();
  lease_timer_at_ = until;
  lease_timer_ = loop_.call_at(until - suspended_for_, [this] { check_leases(); });
}

/// A process that was stopped wakes with all that came meanwhile before its timers: what has run out is
/// cancelled before anything is told or begun.
void Session::check_leases_if_due(TimePoint now) {
  look_at_clock();
  if (lease_time(now) < lease_timer_at_) return;
  lease_timer_.cancel();
  check_leases();
}

void Session::show_leases() {
  if (!pulse_) return;
  shown_.clear();
  for (const std::vector<JobRun*>* const runs : {&running_, &finished_, &to_report_}) {
    for (JobRun* run : *runs) {
      if (run->fenced) continue;
      Pulse::Held& held = shown_.emplace_back();
      held.lease = run->ref();
      held.until = run->lease_until;
      held.run = run;
      held.number = run->number();
      held.handler = run->handler_name;
      held.task = run->task();
      held.secrets = run->secrets();
    }
  }
  pulse_->show(shown_);
}

void Session::drain(Milliseconds grace) {
  const TimePoint by = loop_.now() + Duration(grace);
  if (draining_ && by >= drained_by_) return;
  if (!std::exchange(draining_, true)) drained_at_ = loop_.now();
  drained_by_ = by;
  for (JobRun* run : to_report_)
    give_back(*run, JobError("drain", "its worker was told to stop"), Milliseconds{0});
  to_report_.clear();
  drain_timer_.cancel();
  if (grace > Milliseconds{0} && !running_.empty())
    log(LogLevel::info, "draining: " +
                            (running_.size() == 1 ? "one running job has "
                                                  : std::to_string(running_.size()) + " running jobs have ") +
                            std::to_string(grace.count()) + " ms to end");
  if (grace <= Milliseconds{0})
    stop_running(Stop::drain, "drain");
  else
    drain_timer_ = loop_.call_at(by, [this] { stop_running(Stop::drain, "drain"); });
  if (patience_ != nullptr) patience_->reschedule(patience());
  wakeup_.notify();
}

void Session::progress_noted() noexcept {
  if (progress_at_ != TimePoint::max()) return;
  progress_at_ = std::max(loop_.now(), last_progress_ + Duration(options_.progress_interval()));
  wakeup_.notify();
}

void Session::report(const JobRun& run, const JobEnd& end) {
  if (!observer_ || !run.was_started()) return;
  try {
    observer_->job_finished(run, end);
  } catch (...) {
    loop_.report(ErrorContext("Exception in a worker's observer", std::current_exception()));
  }
}

/// For metrics and traces. `failure`: what the broker was told where it did not succeed.
void Session::note_end(JobRun& run, const Failed* failure, Verdict verdict) {
  if (run.cells == nullptr && !run.is_traced()) return;  // it never began, or nobody wants to know
  const RunOutcome outcome = outcome_of(run, failure, verdict);
  if (run.cells != nullptr) metrics_->run_ended(*run.cells, outcome, run.ran(), run.attempt());
  run.end_span(to_string(outcome), failure);
}

void Session::warn(const std::string& line) {
  log(LogLevel::warning, line);
}

void Session::log(LogLevel level, const std::string& line) {
  static WorkerObserver to_stderr;
  try {
    (observer_ ? *observer_ : to_stderr).log(level, line);
  } catch (...) {
    loop_.report(ErrorContext("Exception in a worker's observer", std::current_exception()));
  }
}

}  // namespace coterie::queue

#include "src/queue/watchdog.hpp"

#include <algorithm>
#include <cstdlib>

#include "coterie/await_outcome.hpp"
#include "coterie/core/duration.hpp"
#include "coterie/timeout.hpp"
#include "src/queue/wakeup.hpp"

namespace coterie::queue {
namespace {

constexpr std::size_t jobs_named = 10;

}  // namespace

Watchdog::Watchdog(std::shared_ptr<Broker> broker, const WorkerOptions& options, const Uuid& incarnation,
                   std::shared_ptr<Pulse> pulse, EventLoop& watched, SuspendedTime suspended)
    : broker_(std::move(broker)),
      options_(options),
      incarnation_(incarnation),
      pulse_(std::move(pulse)),
      watched_(watched),
      inbox_(watched.inbox()),
      suspended_(std::move(suspended)),
      lease_(options.lease()),
      limit_(options.stall_limit()) {}

Task<void> Watchdog::watch(std::shared_ptr<Watchdog> self, std::shared_ptr<std::promise<void>> /*there*/) {
  EventLoop& loop = EventLoop::current();
  self->progress_at_ = self->next_ = loop.now();
  Wakeup nobody_notifies;
  for (;;) {
    co_await self->look(loop.now());
    co_await nobody_notifies.until(self->next_);
    self->progress_at_ += std::max(loop.now() - self->next_, Duration::zero());
  }
}

Task<void> Watchdog::look(TimePoint now) {
  note_progress(now);
  const Duration suspended = suspended_();
  const TimePoint first = pulse_->give_up(now + suspended);
  next_ = now + lease_ / 2;
  if (first == Pulse::nothing_held) {
    progress_at_ = now;
    co_return;
  }
  const bool keeps = first != Pulse::all_over;
  if (keeps && first - suspended - lease_ / 2 > now) {
    next_ = std::min(next_, first - suspended - lease_ / 2);
    co_return;
  }
  ask_for_progress();
  if (now - progress_at_ >= limit_) {
    stall(now);
    next_ = now + lease_ / 8;
    if (keeps) next_ = std::min(next_, first - suspended);
    co_return;
  }
  if (keeps) {
    co_await extend();
    next_ = next_after_extending(now, suspended);
  }
  next_ = std::min(next_, progress_at_ + limit_);
}

/// Half a lease later; sooner where that did not succeed. Never later than a lease ends.
TimePoint Watchdog::next_after_extending(TimePoint now, Duration suspended) const {
  const TimePoint end = pulse_->give_up(EventLoop::current().now() + suspended);
  if (end == Pulse::nothing_held || end == Pulse::all_over) return next_;
  return std::min(std::max(end - suspended - lease_ / 2, now + lease_ / 8), end - suspended);
}

Task<std::vector<Verdict>> Watchdog::ask(std::vector<LeaseRef> leases) {
  Task<std::vector<Verdict>> answer = broker_->extend(incarnation_, std::move(leases), options_.lease());
  co_return co_await std::move(answer);
}

/// A broker that is away is the session's to complain of; here it is asked again.
Task<void> Watchdog::extend() {
  const TimePoint sent = EventLoop::current().now() + suspended_();
  const std::vector<LeaseRef> leases = pulse_->held();
  Task<std::vector<Verdict>> call = ask(leases);
  Outcome<std::vector<Verdict>> answer = co_await outcome(wait_for(lease_ / 4, std::move(call)));
  if (answer.has_value())
    pulse_->extended(leases, answer.get(), sent + lease_);
  else if (answer.cancelled())
    answer.get();
}

/// Tasks that block one after the other in one turn of the loop answer nothing in between; that another one
/// has its step shows that none of them hangs.
void Watchdog::note_progress(TimePoint now) {
  const std::uint64_t progress = pulse_->progress();
  const bool turned = std::exchange(progress_, progress) != progress;
  const TaskRec* const task = watched_.current_task();
  if (std::exchange(task_, task) == task && !turned) return;
  if (turned) asked_ = false;
  if (std::exchange(stalled_, false))
    tell("worker '" + options_.name() + "': its loop goes on, after " +
         coterie::detail::seconds_text(now - progress_at_));
  progress_at_ = now;
}

void Watchdog::ask_for_progress() {
  if (std::exchange(asked_, true)) return;
  try {
    const auto answer = [pulse = pulse_] { pulse->note_progress(); };
    inbox_->post(make_posted(answer));
  } catch (const std::bad_alloc&) {
    asked_ = false;
  }
}

void Watchdog::stall(TimePoint now) {
  if (std::exchange(stalled_, true)) return;
  tell(description(now));
  if (options_.on_stall() == StallAction::exit) std::_Exit(stalled_exit_code);
}

/// Which coroutine it is in, and which plain function below, only that thread could tell: frames must not be
/// looked into while they run.
std::string Watchdog::description(TimePoint now) const {
  const TaskRec* const task = watched_.current_task();
  const Pulse::Running running = pulse_->running(task);
  std::string text = "worker '" + options_.name() + "' stands still: for " +
                     coterie::detail::seconds_text(now - progress_at_) + " its loop has been in one step, ";
  if (!running.busy_with.empty())
    text += "of " + running.busy_with;
  else
    text += task != nullptr ? "of a task that is none of its jobs' own" : "of no task";
  text += "; it runs ";
  for (std::size_t i = 0; i < std::min(running.jobs.size(), jobs_named); ++i)
    text += (i == 0 ? "" : ", ") + running.jobs[i];
  if (running.jobs.empty()) text += "nothing";
  if (running.jobs.size() > jobs_named)
    text += " and " + std::to_string(running.jobs.size() - jobs_named) + " more";
  text += ". Its leases are extended no more";
  if (options_.on_stall() == StallAction::exit)
    text += ", and the process exits with code " + std::to_string(stalled_exit_code);
  return text +
         ". A handler that computes for long or calls what blocks is to be a plain function, which runs on "
         "the pool";
}

void Watchdog::tell(const std::string& line) const {
  static WorkerObserver to_stderr;
  try {
    (options_.observer() ? *options_.observer() : to_stderr).loop_stalled(line);
  } catch (...) {
    EventLoop::report_anywhere(ErrorContext("Exception in a worker's observer", std::current_exception()));
  }
}

}  // namespace coterie::queue

// When a session calls its broker, when it sleeps, and how it ends.
#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/threads/spawn_on.hpp"
#include "coterie/timeout.hpp"
#include "src/queue/remote_control.hpp"
#include "src/queue/session.hpp"
#include "src/queue/watchdog.hpp"

namespace coterie::queue {
namespace {

/// With every slot taken, changes at the broker matter only for cancels: a job that runs so long is worth it.
constexpr Duration watch_busy_after = std::chrono::milliseconds(200);
constexpr Milliseconds watch_at_most{60'000};
constexpr Duration watch_again_after = std::chrono::seconds(1);
/// Suspects run alone, so serving them costs a worker all its slots, or its life. Where there is other work,
/// it gives them a fifth of its time: it works for so many times as long as it was taken up with them…
constexpr int work_per_hold = 4;
/// …and in the beginning for about so long, for one of them may have killed its predecessor.
constexpr Milliseconds work_first{5000};
/// Once they are seen, workers do not all run empty for them in the same moment, but about so much later…
constexpr Milliseconds suspects_wait{2000};
/// …for so long at most, and once empty they serve them for so long.
constexpr Duration run_empty_at_most = std::chrono::seconds(30);
constexpr Duration serve_suspects = std::chrono::seconds(1);
/// Nothing depends on it.
constexpr Duration goodbye_at_most = std::chrono::seconds(1);
/// A broker that does not answer is the first call's to complain of.
constexpr Duration warnings_at_most = std::chrono::seconds(1);

}  // namespace

Task<void> Session::serve() {
  const std::shared_ptr<Session> self = shared_from_this();
  start_helpers();
  co_await pass_on_warnings();
  Outcome<void> end = co_await outcome(work());
  co_await wind_up();
  if (end.has_value()) co_await say_goodbye();
  co_await stop(watchdog_);
  co_await stop(control_);
  end.get();
  if (cancelled_) std::rethrow_exception(cancelled_);
}

Task<void> Session::pass_on_warnings() {
  Task<std::vector<std::string>> asking = broker_->warnings();
  Task<std::vector<std::string>> limited = wait_for(warnings_at_most, std::move(asking));
  Outcome<std::vector<std::string>> told = co_await outcome(std::move(limited));
  if (told.cancelled()) note_cancel(told.error());
  if (!told.has_value()) co_return;
  for (const std::string& line : told.get()) warn(line);
}

Task<void> Session::work() {
  poll_at_ = loop_.now();
  hold_at_ = poll_at_ + about(work_first);
  for (;;) {
    const TimePoint now = loop_.now();
    if (draining_ && running_.empty() && finished_.empty() && to_report_.empty()) co_return;
    consider_suspects(now);
    if (must_call(now)) {
      prepare(now);
      co_await call();
      take();
      if (options_.stop_when_idle() && request_.want > 0 && reply_.leases.empty() && suspects_ == 0 &&
          running_.empty() && finished_.empty()) {
        const bool left = co_await anything_left();
        if (!left) co_return;
      }
      // One tick, in which everything that was just started has its first step: what it ends goes together.
      Outcome<void> yielded = co_await outcome(yield());
      if (yielded.cancelled()) note_cancel(yielded.error());
      continue;
    }
    watch_if_useful(now);
    Outcome<void> woke = co_await outcome(wakeup_.until(next_time(now)));
    if (woke.cancelled()) note_cancel(woke.error());
  }
}

/// Whatever ended the work: nothing of it runs on.
Task<void> Session::wind_up() {
  draining_ = true;
  stop_running(Stop::drain, "the worker has stopped");
  while (!running_.empty()) {
    Outcome<void> woke = co_await outcome(wakeup_.until(TimePoint::max()));
    if (woke.cancelled()) note_cancel(woke.error());
  }
  drain_timer_.cancel();
  lease_timer_.cancel();
  if (watching_) watch_.cancel();
  while (watch_ && !watch_.done()) {
    Outcome<void> woke = co_await outcome(watch_.wait());
    if (woke.cancelled()) note_cancel(woke.error());
  }
}

/// The broker may count on one that sleeps to look at what is due next: now it is told otherwise.
Task<void> Session::say_goodbye() {
  if (request_.want == 0 || reply_.leases.size() >= request_.want) co_return;
  prepare(loop_.now());
  Task<CycleReply> last = ask();
  Task<CycleReply> limited = wait_for(goodbye_at_most, std::move(last));
  Outcome<CycleReply> said = co_await outcome(std::move(limited));
  if (said.cancelled()) note_cancel(said.error());
}

void Session::start_helpers() {
  if (watchdog_loop_ != nullptr || control_loop_ != nullptr) pulse_ = std::make_shared<Pulse>();
  if (control_loop_ != nullptr) {
    auto control = std::make_shared<RemoteControl>(
        broker_, options_, request_.worker, handlers_->size(), pulse_, redaction_,
        [gate = gate_](const std::string& line) { gate->warn(line); });
    control_ = spawn_on(*control_loop_, named("remote control"), &RemoteControl::serve, std::move(control));
  }
  if (watchdog_loop_ == nullptr) return;
  auto watchdog =
      std::make_shared<Watchdog>(broker_, options_, request_.worker.incarnation, pulse_, loop_, suspended_);
  auto there = std::make_shared<std::promise<void>>();
  watchdog_gone_ = there->get_future();
  watchdog_ =
      spawn_on(*watchdog_loop_, named("watchdog"), &Watchdog::watch, std::move(watchdog), std::move(there));
}

Task<void> Session::stop(RemoteHandle<void>& helper) {
  if (!helper) co_return;
  helper.cancel();
  while (!helper.done()) {
    Outcome<void> woke = co_await outcome(helper.wait());
    if (woke.cancelled()) note_cancel(woke.error());
  }
}

void Session::note_cancel(const std::exception_ptr& error) {
  if (!cancelled_) cancelled_ = error;
  drain(Milliseconds{0});
}

bool Session::may_ask() const noexcept {
  return !draining_ && alone_run_ == nullptr;
}

bool Session::asks_alone() const noexcept {
  return holding_ && running_.empty() && to_report_.empty();
}

bool Session::must_call(TimePoint now) const noexcept {
  if (!finished_.empty() || !to_report_.empty()) return true;
  if (now >= beat_at() || now >= progress_at_) return true;
  if (!may_ask()) return false;
  if (holding_) return asks_alone() && now >= alone_at_;
  return running_.size() < options_.concurrency() && now >= poll_at_;
}

TimePoint Session::beat_at() const noexcept {
  if (running_.empty()) return TimePoint::max();
  return last_beat_ + (beat_soon_ ? std::min(beat_every_, Duration(options_.cancel_latency())) : beat_every_);
}

TimePoint Session::next_time(TimePoint now) const noexcept {
  TimePoint next = std::min(beat_at(), progress_at_);
  const bool free = running_.size() < options_.concurrency();
  if (may_ask()) {
    if (holding_)
      next = std::min(next, running_.empty() ? alone_at_ : hold_since_ + run_empty_at_most);
    else if (free)
      next = std::min(next, poll_at_);
    if (!holding_ && suspects_ > 0) next = std::min(next, hold_at_);
  }
  if (!watching_) next = std::min(next, std::max(watch_at_, now + watch_busy_after));
  return next;
}

/// From half of it to half as much again.
Duration Session::about(Milliseconds time) {
  return time / 2 + Milliseconds(random_() % static_cast<std::uint64_t>(time.count()));
}

void Session::note_suspects(std::uint64_t count, TimePoint now) {
  if (std::exchange(suspects_, count) == 0 && count > 0)
    hold_at_ = std::max(hold_at_, now + about(suspects_wait));
}

void Session::consider_suspects(TimePoint now) {
  const bool needed = suspects_ > 0 && !draining_;
  if (!holding_) {
    const bool nothing_else = request_.want > 0 && !request_.alone && reply_.leases.empty();
    if (!needed || (now < hold_at_ && !nothing_else)) return;
    holding_ = true;
    hold_since_ = alone_at_ = now;
    serve_until_ = TimePoint::max();
    return;
  }
  const bool empty = asks_alone();
  if (!empty && alone_run_ != nullptr) return;
  if (empty) serve_until_ = std::min(serve_until_, now + serve_suspects);
  const bool over = now >= (empty ? serve_until_ : hold_since_ + run_empty_at_most);
  if (needed && !over) return;
  holding_ = false;
  hold_at_ = now + work_per_hold * (now - hold_since_);
  poll_at_ = now;  // whether there is other work, this call tells
}

void Session::watch_if_useful(TimePoint now) {
  if (watching_ || now < watch_at_) return;
  const bool busy = running_.size() >= options_.concurrency() || !may_ask();
  if (busy && (running_.empty() || now < last_beat_ + watch_busy_after)) return;
  watching_ = true;
  watch_ = coterie::detail::spawn_borrowing(watch(version_), named("changes at the broker"));
}

/// Waits for a change on behalf of the session, which goes on meanwhile.
Task<void> Session::watch(std::uint64_t version) {
  Task<std::uint64_t> changed = broker_->changed_for(request_.worker.incarnation, version, watch_at_most);
  Outcome<std::uint64_t> seen = co_await outcome(std::move(changed));
  watching_ = false;
  if (!seen.has_value()) {
    watch_at_ = loop_.now() + watch_again_after;  // a call will tell what is wrong, or has
  } else if (seen.get() != version_) {
    version_ = seen.get();
    beat_soon_ = true;
    poll_at_ = std::min(poll_at_, std::max(loop_.now(), quiet_until_));
  }
  wakeup_.notify();
}

Task<bool> Session::anything_left() {
  Task<std::vector<QueueInfo>> asked = broker_->queues();
  Outcome<std::vector<QueueInfo>> answer = co_await outcome(std::move(asked));
  if (answer.cancelled()) note_cancel(answer.error());
  if (!answer.has_value()) {
    poll_at_ = std::min(poll_at_, loop_.now() + watch_again_after);
    co_return true;
  }
  for (const QueueInfo& queue : answer.get()) {
    if (std::find(request_.queues.begin(), request_.queues.end(), queue.name) == request_.queues.end())
      continue;
    for (const auto& [state, count] : queue.counts)
      if (!is_final(state) && count > 0) co_return true;
  }
  co_return false;
}

}  // namespace coterie::queue

#pragma once
#include <future>
#include <memory>
#include <string>

#include "coterie/loop.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/task.hpp"
#include "src/queue/clock.hpp"
#include "src/queue/pulse.hpp"

namespace coterie::queue {

/// Heartbeats that a handler cannot stop: a task of another loop, on a thread that the process's workers
/// share, that looks after the leases of one session.
///
///     the session's loop goes round: each call of the broker shows a new list of leases, and every third of
///     a lease one of them extends all. The watchdog sleeps until a lease has less than half of it left,
///     which does not come; it costs the session a lock a call, and the broker nothing.
///
///     it is blocked, or a call takes long: at half of the lease the watchdog extends the leases itself, by
///     Broker::extend(), and leaves a message with the loop. A loop that answers goes on: it is the call that
///     takes long.
///
///     it has not answered for the stall limit, and was in the step of one task all the while (several that
///     block one after the other go on): nothing is extended any more; it is said what runs there, and the
///     process ends, where WorkerOptions::on_stall() says so. Runs see lease_lost() when their leases end.
///
/// Time in which this thread did not run either (SIGSTOP, a debugger) is not the loop's fault and does not
/// count; leases that ended in it are over all the same.
class Watchdog {
 public:
  /// `options`: the lease, the limit, the name, the observer. `suspended`: see Session::lease_time().
  Watchdog(std::shared_ptr<Broker> broker, const WorkerOptions& options, const Uuid& incarnation,
           std::shared_ptr<Pulse> pulse, EventLoop& watched, SuspendedTime suspended);

  /// Until it is cancelled. `there` goes with the task: its future is ready when nothing of `self` runs any
  /// more.
  static Task<void> watch(std::shared_ptr<Watchdog> self, std::shared_ptr<std::promise<void>> there);

 private:
  Task<void> look(TimePoint now);
  [[nodiscard]] TimePoint next_after_extending(TimePoint now, Duration suspended) const;
  Task<void> extend();
  Task<std::vector<Verdict>> ask(std::vector<LeaseRef> leases);
  void ask_for_progress();
  void note_progress(TimePoint now);
  void stall(TimePoint now);
  [[nodiscard]] std::string description(TimePoint now) const;
  void tell(const std::string& line) const;

  const std::shared_ptr<Broker> broker_;
  const WorkerOptions options_;
  const Uuid incarnation_;
  const std::shared_ptr<Pulse> pulse_;
  EventLoop& watched_;
  const std::shared_ptr<Inbox> inbox_;
  const SuspendedTime suspended_;
  const Duration lease_;
  const Duration limit_;

  TimePoint next_;         // look
  TimePoint progress_at_;  // less what this thread has slept through
  std::uint64_t progress_ = 0;
  const TaskRec* task_ = nullptr;  // in whose step the loop was; to be compared only
  bool asked_ = false;             // since it last answered
  bool stalled_ = false;
};

}  // namespace coterie::queue

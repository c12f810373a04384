#pragma once
#include <memory>
#include <string>

#include "coterie/queue/worker.hpp"
#include "coterie/task.hpp"
#include "src/queue/janitor.hpp"
#include "src/queue/pulse.hpp"
#include "src/queue/self_dump.hpp"

namespace coterie::queue {

/// Says at the broker that a worker is there, and answers what it is asked: a task of another loop, on the
/// thread of the worker's Watchdog, so that it goes on while the worker's own loop is blocked.
///
/// Questions are one line: `ping`, which is answered `pong`, and those of the debug socket, see
/// debug::Request. Where WorkerOptions::remote_debug() is off it only says that it is there.
class RemoteControl {
 public:
  /// `options`: the name, the queues, the lease. `pulse`: how many leases the worker holds. `redaction`: what
  /// it declares, and so takes out of its answers. `warn`: is told what the Janitor has to say, which looks
  /// after each announcement; on this task's thread.
  RemoteControl(std::shared_ptr<Broker> broker, const WorkerOptions& options, WorkerRef worker,
                std::size_t handlers, std::shared_ptr<Pulse> pulse,
                std::shared_ptr<const Redaction> redaction, Janitor::Warn warn);

  /// Until it is cancelled: then it says that the worker ends.
  static Task<void> serve(std::shared_ptr<RemoteControl> self);

 private:
  Task<void> work();
  Task<void> go_on_announcing();
  Task<void> go_on_answering();
  Task<void> declare_redaction();
  Task<void> announce(bool ends);
  Task<void> answer(const Question* question);
  Task<WorkerAnswer> answer_to(std::string text);

  const std::shared_ptr<Broker> broker_;
  const std::shared_ptr<Pulse> pulse_;
  const std::shared_ptr<const Redaction> redaction_;
  WorkerReport report_;
  SelfDump dump_;
  Janitor janitor_;
  bool announced_ = false;  // the last time it was tried…
  TimePoint announced_at_;  // …which was then
  bool declared_ = false;
};

}  // namespace coterie::queue

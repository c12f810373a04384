#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coterie/log.hpp"
#include "coterie/metrics/registry.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/queue/context.hpp"
#include "coterie/queue/handler.hpp"
#include "coterie/queue/redaction.hpp"
#include "coterie/trace/tracer.hpp"

namespace coterie::queue {

/// How a run ended and what the broker said to it.
struct JobEnd {
  bool succeeded = false;
  FailKind kind = FailKind::retry;  ///< where it did not
  JobError error;                   ///< where it did not
  std::string_view result;          ///< JSON text, where it did; valid during the call
  Verdict verdict = Verdict::accepted;
  Duration ran{0};  ///< from its start to its end
  JobEnd() = default;
};

using coterie::LogLevel;

/// What a worker does about a loop that stands still for longer than WorkerOptions::stall_limit().
enum class StallAction : std::uint8_t {
  exit,  ///< says so, and ends the process at once with `stalled_exit_code`
  log,   ///< says so
};
/// EX_SOFTWARE of sysexits.h.
inline constexpr int stalled_exit_code = 70;

/// What a worker tells about itself: for progress displays, logs and metrics. All calls but loop_stalled()
/// come from the worker's loop, between two steps, so they must be quick and must not block; what they throw
/// is reported and ignored.
class WorkerObserver {
 public:
  WorkerObserver() = default;
  WorkerObserver(const WorkerObserver&) = delete;
  WorkerObserver& operator=(const WorkerObserver&) = delete;
  virtual ~WorkerObserver() = default;

  /// Its handler is about to begin.
  virtual void job_started(const JobContext& /*job*/) {}
  /// It has ended and the broker has answered; its slot is free. Not called for a job that was never started.
  virtual void job_finished(const JobContext& /*job*/, const JobEnd& /*end*/) {}
  /// One line for people, the sink of the worker's log: the broker cannot be reached, a job has no handler, a
  /// lease was lost, the worker drains. By default everything but `debug` goes to stderr as "coterie: …".
  virtual void log(LogLevel level, std::string_view line);
  /// One line: the worker's loop stands still, since when, and what runs on it; see
  /// WorkerOptions::stall_limit(). Comes from another thread, which looks after all workers of the process
  /// and must not be held up, while the loop's may be anywhere. By default it goes to stderr as "coterie: …".
  virtual void loop_stalled(std::string_view line);
};

/// How a worker works. Each setter returns the options, to be chained: `WorkerOptions().concurrency(64)`.
class WorkerOptions {
 public:
  WorkerOptions() = default;

  /// Jobs that it holds at most, from the moment when the broker leased them until the broker has accepted
  /// their acknowledgement; so a worker that is killed leaves at most so many to be run again. More hides the
  /// broker's latency and costs memory: with a broker that needs 5 ms for a call, n gives at most 200 n jobs
  /// a second. For handlers that wait on I/O, dozens to thousands; blocking handlers also need threads, and
  /// the pool has min(32, cores + 4). At least 1; default 32.
  WorkerOptions& concurrency(std::uint32_t jobs) { return set(concurrency_, jobs); }
  [[nodiscard]] std::uint32_t concurrency() const noexcept { return concurrency_; }

  /// The queues to take from, first served first: a job of the second is taken only while the first has none
  /// ready. Default: "default" alone.
  WorkerOptions& queues(std::vector<std::string> names) { return set(queues_, std::move(names)); }
  [[nodiscard]] const std::vector<std::string>& queues() const noexcept { return queues_; }

  /// How long a job stays this worker's without a sign of life. Heartbeats extend it every third of it, see
  /// also stall_limit().
  /// Shorter: a crashed worker's jobs run again sooner (on the same machine the broker sees the crash at once
  /// anyway). Longer: fewer heartbeats, and pauses of the process or the network are survived. 100 ms to 24
  /// h; default 30 s.
  WorkerOptions& lease(Milliseconds time) { return set(lease_, time); }
  [[nodiscard]] Milliseconds lease() const noexcept { return lease_; }

  /// A handler that blocks its loop (a long computation, a system call that waits) stops the heartbeats of
  /// all that runs there. A thread of the worker then makes them, until the loop has stood still for so long;
  /// then it says so and what runs there (WorkerObserver::loop_stalled()), extends these leases no more, so
  /// that other workers get the jobs, and does what on_stall() says. Longer: slow handlers are forgiven, and
  /// the jobs of one that hangs for ever wait longer. 0: nobody makes them; a loop that is blocked for longer
  /// than a lease loses its jobs. Else at least the lease. The time in which the process itself was stopped
  /// does not count. A loop in virtual time has no such thread. Default: five leases.
  WorkerOptions& stall_limit(Milliseconds time) { return set(stall_limit_, std::optional(time)); }
  [[nodiscard]] Milliseconds stall_limit() const noexcept { return stall_limit_.value_or(5 * lease_); }

  /// What follows then. Default: StallAction::exit, for nothing else ends what blocks a thread: it would keep
  /// its slots and its memory for ever, while whatever supervises the process starts a new one. To the jobs
  /// that is a crash: one that hangs each time ends in quarantine. StallAction::log where the process does
  /// other work too.
  WorkerOptions& on_stall(StallAction action) { return set(on_stall_, action); }
  [[nodiscard]] StallAction on_stall() const noexcept { return on_stall_; }

  /// How long drain() lets running jobs go on before it cancels them. Set what stops the process (systemd's
  /// TimeoutStopSec, Kubernetes' terminationGracePeriodSeconds) to some seconds more. Default 25 s.
  WorkerOptions& grace(Milliseconds time) { return set(grace_, time); }
  [[nodiscard]] Milliseconds grace() const noexcept { return grace_; }

  /// For people, in `coterie jobs` and in errors; need not be unique. At most 255 bytes. Default: host and
  /// pid.
  WorkerOptions& name(std::string text) { return set(name_, std::move(text)); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Payload bytes that one call may bring, so that a thousand slots and big payloads do not fill the memory
  /// at once; a single job larger than it still comes. Default 16 MiB.
  WorkerOptions& max_bytes(std::uint64_t bytes) { return set(max_bytes_, bytes); }
  [[nodiscard]] std::uint64_t max_bytes() const noexcept { return max_bytes_; }

  /// A worker is given only jobs that it has handlers for; others stay where they are, and it warns of each
  /// name once. One without handlers, or with more than 1,024, is given any job: one that it cannot run it
  /// gives back, which costs the job no attempt, and nobody takes that job again for so long. Default 10 s.
  WorkerOptions& unknown_handler_delay(Milliseconds time) { return set(unknown_handler_delay_, time); }
  [[nodiscard]] Milliseconds unknown_handler_delay() const noexcept { return unknown_handler_delay_; }

  /// How often a job's progress() goes to the broker at most; each time is a write. Default 500 ms.
  WorkerOptions& progress_interval(Milliseconds time) { return set(progress_interval_, time); }
  [[nodiscard]] Milliseconds progress_interval() const noexcept { return progress_interval_; }

  /// How soon a running job hears at the latest that somebody asked to cancel it, while the broker says that
  /// anything has changed; each look is a heartbeat of all that runs. Never later than the heartbeats.
  /// Default 1 s.
  WorkerOptions& cancel_latency(Milliseconds time) { return set(cancel_latency_, time); }
  [[nodiscard]] Milliseconds cancel_latency() const noexcept { return cancel_latency_; }

  /// Whoever may use the broker may ask this worker what its process does: the tasks of all its loops with
  /// their stacks, which holds names of functions and paths of sources, and no arguments. So `coterie dump`
  /// and the dashboard show it, also while all slots are taken or the loop is blocked. It is answered by the
  /// thread of stall_limit(), at most one question at a time. Default true.
  WorkerOptions& remote_debug(bool allowed) { return set(remote_debug_, allowed); }
  [[nodiscard]] bool remote_debug() const noexcept { return remote_debug_; }

  /// So many dead jobs are kept of each of its queues. A worker counts them when it starts and when it has
  /// had one die, once a minute at most: it warns that there are any, once an hour, and forgets the oldest of
  /// too many before their result_ttl is over, with a warning too. `enqueue` knows their ids for 24 h. 0: no
  /// limit but result_ttl, and no count. A worker in virtual time does not count. Default 100,000.
  WorkerOptions& dead_jobs(std::uint64_t most) { return set(dead_jobs_, most); }
  [[nodiscard]] std::uint64_t dead_jobs() const noexcept { return dead_jobs_; }

  /// Names of fields that are not for eyes, beside the usual ones (Redaction::usual_names()): of the
  /// arguments, results and headers of all jobs. Their values are taken out of what the worker says of a job:
  /// error, progress note, span, dump; and it leaves the names at the broker, so that dashboards hide these
  /// fields. Handlers get their arguments, and clients their results, as they are. See docs/dashboard.md.
  WorkerOptions& redact(std::vector<std::string> fields) { return set(redact_, std::move(fields)); }
  [[nodiscard]] const std::vector<std::string>& redact() const noexcept { return redact_; }

  /// serve() returns when every job of its queues is final: none running anywhere, none waiting for its time.
  /// For programs that enqueue, work and exit. Default false: it serves until drain().
  WorkerOptions& stop_when_idle(bool stop = true) { return set(stop_when_idle_, stop); }
  [[nodiscard]] bool stop_when_idle() const noexcept { return stop_when_idle_; }

  /// Who is told of starts, ends and trouble. Default: nobody of the jobs, stderr of trouble.
  WorkerOptions& observer(std::shared_ptr<WorkerObserver> sink) { return set(observer_, std::move(sink)); }
  [[nodiscard]] const std::shared_ptr<WorkerObserver>& observer() const noexcept { return observer_; }

  /// What a handler says through a Logger, and the tasks that it spawns, carries the fields job, handler,
  /// queue and attempt; see set_log_field(). Costs a context a job, a dozen allocations. Default false.
  WorkerOptions& log_fields(bool on = true) { return set(log_fields_, on); }
  [[nodiscard]] bool log_fields() const noexcept { return log_fields_; }

  /// Whose spans tell of its runs, after OpenTelemetry's conventions for messages: one for each run, under
  /// that of the enqueue which made the job, where that was traced; see docs/tracing.md. Without one a job
  /// that came with a trace still goes on in it: what its handler says, spawns and enqueues belongs to that
  /// trace. Default: none.
  WorkerOptions& tracer(std::shared_ptr<trace::Tracer> sender) { return set(tracer_, std::move(sender)); }
  [[nodiscard]] const std::shared_ptr<trace::Tracer>& tracer() const noexcept { return tracer_; }

  /// Where it counts its jobs for Prometheus, see docs/metrics.md; run() watches its loop there too. Costs a
  /// look at the clock and some twenty stores a job. Names that are no handler's when it begins to serve are
  /// counted as `_other`. Default: nowhere.
  WorkerOptions& metrics(std::shared_ptr<coterie::metrics::Registry> registry) {
    return set(metrics_, std::move(registry));
  }
  [[nodiscard]] const std::shared_ptr<coterie::metrics::Registry>& metrics() const noexcept {
    return metrics_;
  }

 private:
  template <class T>
  WorkerOptions& set(T& field, T value) {
    field = std::move(value);
    return *this;
  }

  std::uint32_t concurrency_ = 32;
  std::vector<std::string> queues_{"default"};
  Milliseconds lease_{30'000};
  std::optional<Milliseconds> stall_limit_;
  StallAction on_stall_ = StallAction::exit;
  Milliseconds grace_{25'000};
  std::string name_;
  std::uint64_t max_bytes_ = std::uint64_t{16} << 20;
  Milliseconds unknown_handler_delay_{10'000};
  Milliseconds progress_interval_{500};
  Milliseconds cancel_latency_{1000};
  bool remote_debug_ = true;
  std::vector<std::string> redact_;
  bool stop_when_idle_ = false;
  bool log_fields_ = false;
  std::shared_ptr<WorkerObserver> observer_;
  std::shared_ptr<coterie::metrics::Registry> metrics_;
  std::shared_ptr<trace::Tracer> tracer_;
  std::uint64_t dead_jobs_ = 100'000;
};

/// Takes jobs from a broker and runs their handlers as tasks of one loop.
///
/// One call of the broker at a time: what ends while it is in flight, and the slots that are free by then, go
/// with the next one. A call that got no answer is repeated with the same number until it has one; jobs whose
/// leases run out meanwhile are cancelled, for another worker may have them.
///
/// What becomes of a run:
///  * its handler returns: `done`, whatever was asked of it meanwhile.
///  * it throws: a retry with the type "exception", or what its AttemptError says.
///  * it ends by a cancel: of the job → `cancelled`; of its timeout → a retry, "timeout"; of drain() → given
///  back;
///    of its own → a retry, "cancelled".
///  * its result is larger than the broker allows, or its payload does not fit the handler: `dead`.
///
/// Belongs to the loop that serves, but drain(). Must outlive serve().
class Worker {
 public:
  /// Throws BadRequest when an option makes no sense.
  explicit Worker(std::shared_ptr<Broker> broker, WorkerOptions options = WorkerOptions());
  /// On a broker of its own, see open_broker(): throws what that throws.
  explicit Worker(std::string_view url, WorkerOptions options = WorkerOptions());
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Jobs of this name are run by `fn`: a coroutine `Task<R>(JobContext&, Args)` on the loop, or a function
  /// `R(JobContext&, Args)` that blocks, on the pool; see make_typed_handler(). Needs coterie/queue/json.hpp.
  /// A name has one handler: the last. Throws std::logic_error while serving.
  template <class Fn>
  Worker& handle(std::string name, Fn&& fn) {
    return handle_with(std::move(name), make_typed_handler(std::forward<Fn>(fn)));
  }
  /// The same on JSON text: `Task<std::string>(JobContext&, std::string)`, or without Task; see
  /// make_raw_handler().
  template <class Fn>
  Worker& handle_raw(std::string name, Fn&& fn) {
    return handle_with(std::move(name), make_raw_handler(std::forward<Fn>(fn)));
  }
  Worker& handle_with(std::string name, std::shared_ptr<Handler> handler);
  /// Fields of this handler's jobs that are not for eyes, see WorkerOptions::redact(); "*" is all of them.
  /// May be called several times. Throws BadRequest for what is no name, std::logic_error while serving.
  Worker& redact(const std::string& handler, const std::vector<std::string>& fields);

  /// Works on the loop of the caller until it was drained, or is idle with `stop_when_idle`. Once at a time;
  /// each call is a new incarnation to the broker.
  ///
  /// A cancel of the caller is a drain without grace: jobs are cancelled, awaited and given back, and then
  /// `Cancelled` is thrown. Throws BrokerUnavailable when the broker stayed away while draining, and what
  /// else the broker threw; running jobs are cancelled and awaited before.
  Task<void> serve();

  /// Takes no more jobs; running ones may end within the grace period, are then cancelled, and given back;
  /// serve() returns when the broker has heard of all of them. Jobs that ignore the cancel are waited for.
  /// Any thread; before serve() it makes that return at once; idempotent.
  void drain() noexcept;

  /// serve() on a loop of its own, for main(): SIGINT or SIGTERM drains. 0 when it ended well; else one line
  /// on stderr, and 3 where the broker is the reason, 1 otherwise.
  int run();

  [[nodiscard]] const std::shared_ptr<Broker>& broker() const noexcept { return broker_; }
  [[nodiscard]] const WorkerOptions& options() const noexcept { return options_; }
  /// Jobs whose handlers run now. Loop thread.
  [[nodiscard]] std::size_t running() const noexcept;

 private:
  struct State;
  std::shared_ptr<Broker> broker_;
  WorkerOptions options_;
  std::shared_ptr<State> state_;
};

}  // namespace coterie::queue

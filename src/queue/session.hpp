#pragma once
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coterie/loop.hpp"
#include "coterie/queue/broker.hpp"
#include "coterie/queue/redaction.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/spawn.hpp"
#include "coterie/threads/remote_handle.hpp"
#include "coterie/timeout.hpp"
#include "src/queue/clock.hpp"
#include "src/queue/job_run.hpp"
#include "src/queue/pulse.hpp"
#include "src/queue/wakeup.hpp"
#include "src/queue/worker_metrics.hpp"

namespace coterie::queue {

using HandlerMap = std::unordered_map<std::string, std::shared_ptr<Handler>>;
class Session;

/// The part of a session that other threads touch: it only leaves a letter with the loop.
class SessionGate final : public detail::JobHost {
 public:
  explicit SessionGate(EventLoop& loop) : loop_(&loop), inbox_(loop.inbox()) {}
  void progress_noted() noexcept override;
  void drain() noexcept;
  void warn(std::string line) noexcept;

  std::weak_ptr<Session> session;  ///< locked on the loop's thread only, so that it dies there

 private:
  template <class Fn>
  void on_loop(Fn fn) noexcept;
  EventLoop* loop_;
  std::shared_ptr<Inbox> inbox_;
  std::atomic<bool> progress_pending_{false};
};

/// What a session needs beside its loop.
struct Surroundings {
  EventLoop* watchdog = nullptr;  ///< on whose thread its watchdog lives, as long as the session; null: none
  EventLoop* control = nullptr;   ///< the same for its remote control
  SuspendedTime suspended = [] { return Duration::zero(); };
  std::shared_ptr<WorkerMetrics> metrics;  ///< null: nothing is counted
  std::shared_ptr<const Redaction> redaction = std::make_shared<Redaction>();
  Surroundings() = default;
};

/// One serve() of a worker: an incarnation, its conversation with the broker, and the jobs that it holds.
///
///     ┌──▶ what is due?  ended jobs, a heartbeat, progress, free slots and work to expect
///     │        │ nothing: sleep until one of them, a change at the broker, or drain
///     │        ▼
///     │    prepare(): one request with all that has gathered, and as many slots as it frees
///     │        ▼
///     │    call(): until there is an answer; the same seq every time
///     │        ▼
///     └──── take(): verdicts free slots, leases become tasks
///
/// A slot is taken from the reply that brings a lease to the reply that answers its acknowledgement.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Broker> broker, WorkerOptions options, std::shared_ptr<const HandlerMap> handlers,
          EventLoop& loop, Surroundings around = Surroundings());
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Connects the gate; a constructor cannot.
  const std::shared_ptr<SessionGate>& open_gate();
  Task<void> serve();
  void drain(Milliseconds grace);

  [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }
  /// Somebody wants to know how long runs take.
  [[nodiscard]] bool observed() const noexcept { return observer_ != nullptr || metrics_ != nullptr; }
  [[nodiscard]] bool names_jobs_in_logs() const noexcept { return options_.log_fields(); }
  /// Null: nobody records spans.
  [[nodiscard]] const std::shared_ptr<trace::Tracer>& tracer() const noexcept { return options_.tracer(); }
  /// What is not for eyes.
  [[nodiscard]] const Redaction& redaction() const noexcept { return *redaction_; }
  [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
  [[nodiscard]] Milliseconds grace() const noexcept { return options_.grace(); }
  /// A job's task is over.
  void ended(JobRun& run) noexcept;
  void progress_noted() noexcept;
  void warn(const std::string& line);

 private:
  // --- session.cpp: the jobs it holds ----------------------------------------------------------------------
  JobRun& new_run(Lease&& lease);
  void free_run(JobRun& run);
  void accept(Lease&& lease, TimePoint now);
  void launch(JobRun& run, TimePoint now);
  void note_unhandled(const std::string& name);
  void give_back(JobRun& run, JobError error, Milliseconds delay);
  void stop_running(Stop why, const char* message);
  void lose(JobRun& run);
  void check_leases();
  void check_leases_if_due(TimePoint now);
  void arm_lease_timer(TimePoint until);
  /// By which leases are counted: the loop's time, and that in which the machine was suspended, as it was
  /// when look_at_clock() was called last.
  [[nodiscard]] TimePoint lease_time(TimePoint now) const noexcept { return now + suspended_for_; }
  [[nodiscard]] TimePoint lease_now() const noexcept { return lease_time(loop_.now()); }
  void look_at_clock() { suspended_for_ = suspended_(); }
  void show_leases();
  void report(const JobRun& run, const JobEnd& end);
  void note_end(JobRun& run, const Failed* failure, Verdict verdict);
  void log(LogLevel level, const std::string& line);

  // --- session_cycle.cpp: one call
  // ---------------------------------------------------------------------------
  void prepare(TimePoint now);
  void add_ended();
  void add_alive(TimePoint now);
  [[nodiscard]] std::uint32_t wanted() const noexcept;
  Task<CycleReply> ask();
  Task<CycleReply> ask_patiently();
  Task<void> pause_patiently(Duration pause);
  [[nodiscard]] std::optional<TimePoint> patience() const;
  [[nodiscard]] bool nothing_is_at_stake() const noexcept;
  Task<void> call();
  void take();
  void take_verdicts();
  void take_alive(JobRun& run, Verdict verdict, bool reported);
  void start_allowed(TimePoint now);
  void heed_cancels();
  void plan_next(TimePoint now);
  [[nodiscard]] Duration due_jitter();

  // --- session_serve.cpp: when to call
  // -----------------------------------------------------------------------
  Task<void> pass_on_warnings();
  Task<void> work();
  Task<void> wind_up();
  Task<void> say_goodbye();
  void start_helpers();
  Task<void> stop(RemoteHandle<void>& helper);
  Task<void> watch(std::uint64_t version);
  Task<bool> anything_left();
  [[nodiscard]] bool must_call(TimePoint now) const noexcept;
  [[nodiscard]] TimePoint next_time(TimePoint now) const noexcept;
  [[nodiscard]] TimePoint beat_at() const noexcept;
  [[nodiscard]] bool may_ask() const noexcept;
  [[nodiscard]] bool asks_alone() const noexcept;
  [[nodiscard]] Duration about(Milliseconds time);
  void note_suspects(std::uint64_t count, TimePoint now);
  void consider_suspects(TimePoint now);
  void watch_if_useful(TimePoint now);
  void note_cancel(const std::exception_ptr& error);

  const std::shared_ptr<Broker> broker_;
  const WorkerOptions options_;
  const std::shared_ptr<const HandlerMap> handlers_;
  EventLoop& loop_;
  const std::shared_ptr<WorkerObserver> observer_;
  const std::shared_ptr<WorkerMetrics> metrics_;
  const std::shared_ptr<const Redaction> redaction_;
  std::shared_ptr<SessionGate> gate_;
  const Duration beat_every_;
  const Duration look_every_;
  EventLoop* const watchdog_loop_;
  EventLoop* const control_loop_;
  const SuspendedTime suspended_;
  Duration suspended_for_{0};
  std::minstd_rand random_;

  // Every record, by slot; those that are free; those whose task runs; those that ended and wait for a
  // request; those that must be reported started before they run.
  std::vector<std::shared_ptr<JobRun>> records_;
  std::vector<JobRun*> free_;
  std::vector<JobRun*> running_;
  std::vector<JobRun*> finished_;
  std::vector<JobRun*> to_report_;
  std::vector<JobRun*> allowed_;               // within take(): reported, and now to run
  std::unordered_set<std::string> unhandled_;  // names that were warned about

  // The conversation. `settling_*` stand beside the request's vectors.
  CycleRequest request_;
  CycleReply reply_;
  TimePoint granted_at_;
  std::vector<JobRun*> settling_done_;
  std::vector<JobRun*> settling_failed_;
  std::vector<JobRun*> settling_alive_;
  bool beat_sent_ = false;

  // When to call next.
  TimePoint poll_at_;      // for work, when a slot is free
  TimePoint quiet_until_;  // changes at the broker that bring us nothing are not followed faster
  std::uint32_t fruitless_ = 0;
  TimePoint last_beat_;
  bool beat_soon_ = false;  // something changed: a cancel may be among it
  TimePoint progress_at_ = TimePoint::max();
  TimePoint last_progress_;
  std::uint64_t version_ = 0;
  Wakeup wakeup_;
  JoinHandle<void> watch_;
  bool watching_ = false;
  TimePoint watch_at_;

  // Suspects run alone.
  std::uint64_t suspects_ = 0;
  bool holding_ = false;  // runs empty, then takes suspects only
  TimePoint hold_at_;     // not before, while there is other work
  TimePoint hold_since_;
  TimePoint serve_until_;
  TimePoint alone_at_;
  JobRun* alone_run_ = nullptr;

  // The end.
  bool draining_ = false;
  TimePoint drained_at_ = TimePoint::max();
  TimePoint drained_by_ = TimePoint::max();
  Timeout* patience_ = nullptr;  // while the broker is waited for
  std::exception_ptr cancelled_;
  CallbackHandle drain_timer_;
  CallbackHandle lease_timer_;
  TimePoint lease_timer_at_ = TimePoint::max();  // a lease time; max(): not armed

  // For the watchdog and the remote control; null without.
  std::shared_ptr<Pulse> pulse_;
  std::vector<Pulse::Held> shown_;
  RemoteHandle<void> watchdog_;
  std::future<void> watchdog_gone_;
  RemoteHandle<void> control_;
};

}  // namespace coterie::queue

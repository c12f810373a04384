#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coterie/context.hpp"
#include "coterie/queue/context.hpp"
#include "coterie/queue/handler.hpp"
#include "coterie/queue/redaction.hpp"
#include "coterie/spawn.hpp"
#include "coterie/trace/tracer.hpp"
#include "src/queue/worker_metrics.hpp"

namespace coterie::queue {

class Session;

/// Why a running job was cancelled; the first reason counts, whatever comes while it cleans up.
enum class Stop : std::uint8_t { none, requested, timeout, drain, lease_lost };

/// One lease that a worker holds, from the reply that brought it to the reply that took its acknowledgement.
/// A record is used for many jobs, one after the other.
///
///     reply ─▶ (to report: started first) ─▶ running ─▶ finished ─▶ in a request ─▶ reply: free
class JobRun final : public JobContext, private DoneHook, private Timer {
 public:
  JobRun(Session& session, std::weak_ptr<detail::JobHost> host) : session_(&session) {
    host_ = std::move(host);
  }
  ~JobRun();

  /// For the next job.
  void begin(Lease&& lease);
  /// Starts the handler as a task. Whatever happens, session.ended() follows.
  void launch(Handler& handler, TimePoint now);
  /// Cancels the task; again, if it was stopped before: that cuts its cleanup short.
  void stop(Stop why, const char* message);
  /// It is over: what to tell the broker. Fills `result` or `failure`, true for a result.
  bool settle(std::size_t result_limit, std::string& result, Failed& failure);
  /// The timer and the task's record, given back.
  void release() noexcept;

  [[nodiscard]] const LeaseRef& ref() const noexcept { return lease_.ref; }
  /// Which of the record's runs this is.
  [[nodiscard]] std::uint64_t number() const noexcept { return run_; }
  /// That run has lost its lease. Any thread; nothing happens where it is over by now.
  void note_lost(std::uint64_t number) noexcept;
  [[nodiscard]] const TaskRec* task() const noexcept { return task_; }
  [[nodiscard]] Milliseconds timeout() const noexcept { return lease_.timeout; }
  [[nodiscard]] Stop why_stopped() const noexcept { return stop_; }
  [[nodiscard]] bool was_started() const noexcept { return started_at_ != TimePoint{} || task_ != nullptr; }
  [[nodiscard]] Duration ran() const noexcept { return ended_at_ - started_at_; }
  /// Since it was stopped, where it was.
  [[nodiscard]] Duration stop_took() const noexcept { return ended_at_ - stopped_at_; }
  [[nodiscard]] UnixMillis run_at() const noexcept { return lease_.run_at; }
  [[nodiscard]] bool lost_before() const noexcept { return lease_.lost_before; }
  /// What must not be told of it; null: nothing of it is hidden.
  [[nodiscard]] const std::shared_ptr<const Secrets>& secrets() const noexcept { return secrets_; }
  /// Moves the newest progress into `alive`; false when there is none.
  bool take_progress(Alive& alive);
  /// Somebody will see its span.
  [[nodiscard]] bool is_traced() const noexcept { return span_ != nullptr; }
  /// The broker has answered, or was not asked: tells its span. `failure`: null where it succeeded.
  void end_span(std::string_view outcome, const Failed* failure);
  /// It will not be run: what to say instead.
  void refuse(FailKind kind, JobError error, Milliseconds delay);

  /// The name that the session keeps; null while the handler has not begun.
  const std::string* handler_name = nullptr;
  WorkerMetrics::Cells* cells = nullptr;  ///< where it is counted, once it has begun
  std::size_t slot = 0;                   ///< in the session's records
  std::size_t place = 0;                  ///< among the running ones
  TimePoint lease_until;                  ///< a lease time, counted from before the call that gave it
  bool fenced = false;                    ///< the broker gave it to another: nothing more to say
  bool cancel_heard = false;              ///< the request to cancel it was acted upon
  bool loss_heard = false;                ///< that its lease is lost was acted upon

 private:
  /// The current one, with the fields that lines of its handler carry, and the span that it works for.
  [[nodiscard]] Context own_context();
  /// What its task ended with, as settle() gives it.
  bool read_outcome(std::size_t result_limit, std::string& result, Failed& failure);
  void task_done(TaskRec& task) noexcept override;
  void run() noexcept override;

  Session* session_;
  coterie::detail::TaskState<std::string>* task_ = nullptr;
  std::optional<Failed> refusal_;
  TimePoint started_at_;
  TimePoint ended_at_;
  TimePoint stopped_at_;
  Stop stop_ = Stop::none;
  std::shared_ptr<const Secrets> secrets_;
  std::unique_ptr<trace::SpanData> span_;
  std::string exception_type_;  // of what its handler threw, for the span
};

}  // namespace coterie::queue

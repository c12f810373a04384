#include "src/queue/job_run.hpp"

#include <algorithm>

#include "coterie/core/duration.hpp"
#include "coterie/core/thrown_in.hpp"
#include "coterie/log.hpp"
#include "src/queue/session.hpp"
#include "src/queue/tracing.hpp"

namespace coterie::queue {
namespace {
// What a handler computes wrongly must not make the broker refuse the whole call.
constexpr Milliseconds longest_delay = std::chrono::hours(24 * 365);

/// The coroutines that an exception came out of, a line each. An AttemptError does without: it says what the
/// queue is to know.
std::string origin_of(const std::exception_ptr& error) {
  const std::optional<ThrownIn> thrown = thrown_in(error);
  return thrown ? thrown->str() : std::string();
}
}  // namespace

JobRun::~JobRun() {
  release();
}

void JobRun::release() noexcept {
  if (span_) session_->tracer()->end(std::move(span_));  // what became of it nobody knows
  unhook();
  if (task_ == nullptr) return;
  if (armed() || queued()) task_->loop().disarm(*this);
  task_->release();
  task_ = nullptr;
}

void JobRun::begin(Lease&& lease) {
  lease_ = std::move(lease);
  deadline_ = TimePoint::max();
  cancelled_.store(false, std::memory_order_relaxed);
  ++run_;
  progress_dirty_ = false;
  fenced = cancel_heard = loss_heard = false;
  handler_name = nullptr;
  cells = nullptr;
  refusal_.reset();
  started_at_ = ended_at_ = TimePoint{};
  exception_type_.clear();
  secrets_.reset();
  stop_ = Stop::none;
}

void JobRun::launch(Handler& handler, TimePoint now) {
  EventLoop& loop = session_->loop();
  started_at_ = now;
  if (lease_.timeout > Milliseconds{0}) deadline_ = now + lease_.timeout;
  // Now, for a raw handler takes the arguments away.
  if (Secrets secrets = session_->redaction().secrets(lease_.name, lease_.payload); !secrets.empty())
    secrets_ = std::make_shared<const Secrets>(std::move(secrets));
  std::string label;
  label.reserve(lease_.name.size() + 37);
  label.append(lease_.name).append(1, ' ').append(lease_.ref.id.str());
  SpawnOptions options(std::move(label), std::source_location());
  if (session_->names_jobs_in_logs() || session_->tracer() != nullptr || has_trace(lease_.headers))
    options.context(own_context());
  task_ = coterie::detail::TaskState<std::string>::spawn_on(loop, handler.run(*this), &options);
  task_->add_ref();
  task_->add_hook(*this);
  if (deadline_ != TimePoint::max()) loop.arm(*this, deadline_);
}

Context JobRun::own_context() {
  Context context = copy_context();
  context.run([this] {
    if (session_->names_jobs_in_logs()) {
      LogFields fields;
      fields.reserve(4);
      fields.emplace_back("job", id().str());
      fields.emplace_back("handler", name());
      fields.emplace_back("queue", queue());
      fields.emplace_back("attempt", std::to_string(attempt()));
      set_log_fields(std::move(fields));
    }
    if (auto current = begin_run(session_->tracer(), lease_, span_))
      trace::detail::exchange_current(std::move(current));
  });
  return context;
}

void JobRun::end_span(std::string_view outcome, const Failed* failure) {
  if (!span_) return;
  describe_end(*span_, outcome, failure, exception_type_);
  session_->tracer()->end(std::move(span_));
}

void JobRun::refuse(FailKind kind, JobError error, Milliseconds delay) {
  refusal_.emplace(lease_.ref, kind, std::move(error));
  refusal_->delay = std::min(delay, longest_delay);
}

void JobRun::stop(Stop why, const char* message) {
  if (stop_ == Stop::none) {
    stop_ = why;
    if (session_->observed()) stopped_at_ = session_->loop().now();
  }
  if (why == Stop::lease_lost) note_lost(run_);
  cancelled_.store(true, std::memory_order_release);
  if (task_ != nullptr) task_->cancel(std::make_shared<const std::string>(message));
}

void JobRun::note_lost(std::uint64_t number) noexcept {
  std::uint64_t newest = lost_run_.load(std::memory_order_relaxed);
  while (newest < number && !lost_run_.compare_exchange_weak(newest, number, std::memory_order_release,
                                                             std::memory_order_relaxed)) {
  }
}

void JobRun::task_done(TaskRec& task) noexcept {
  task.mark_retrieved();
  if (armed() || queued()) task.loop().disarm(*this);
  ended_at_ = session_->observed() ? task.loop().now() : started_at_;
  if (span_) span_->end = std::chrono::system_clock::now();
  session_->ended(*this);
}

void JobRun::run() noexcept {
  if (task_ != nullptr && !task_->done()) stop(Stop::timeout, "timeout");
}

bool JobRun::take_progress(Alive& alive) {
  const std::lock_guard lock(progress_mutex_);
  if (!progress_dirty_) return false;
  progress_dirty_ = false;
  alive.progress = progress_;
  alive.note = secrets_ ? secrets_->scrub(note_) : note_;
  return true;
}

bool JobRun::settle(std::size_t result_limit, std::string& result, Failed& failure) {
  if (refusal_) {
    failure = std::move(*refusal_);
    return false;
  }
  if (read_outcome(result_limit, result, failure)) return true;
  if (secrets_) {
    failure.error.type = secrets_->scrub(failure.error.type);
    failure.error.message = secrets_->scrub(failure.error.message);
  }
  return false;
}

bool JobRun::read_outcome(std::size_t result_limit, std::string& result, Failed& failure) {
  failure.lease = lease_.ref;
  Outcome<std::string>& outcome = task_->outcome();
  if (outcome.has_value()) {
    if (outcome.get().size() <= result_limit) {
      result = std::move(outcome.get());
      return true;
    }
    failure.kind = FailKind::dead;
    failure.error = JobError("result too large",
                             std::to_string(outcome.get().size()) + " bytes of result, the limit is " +
                                 std::to_string(result_limit) + ": store it elsewhere and return where");
    return false;
  }
  try {
    std::rethrow_exception(outcome.error());
  } catch (const Cancelled& cancel) {
    switch (stop_) {
      case Stop::requested:
        failure.kind = FailKind::cancelled;
        failure.error = JobError("cancelled", "cancelled while it ran");
        break;
      case Stop::timeout:
        failure.error = JobError(
            "timeout", "it ran longer than its timeout of " + coterie::detail::seconds_text(lease_.timeout));
        break;
      case Stop::drain:
        failure.kind = FailKind::give_back;
        failure.error = JobError("drain", "its worker was told to stop");
        break;
      case Stop::lease_lost:
        failure.kind = FailKind::give_back;
        failure.error = JobError("lease lost", "its worker could not reach the broker in time");
        break;
      case Stop::none: {
        const std::string message = cancel.message();
        failure.error = JobError("cancelled", "its task was cancelled, and not by the queue" +
                                                  (message.empty() ? message : ": " + message));
        break;
      }
    }
  } catch (const AttemptError& error) {
    failure.kind = error.kind();
    failure.delay = std::min(error.delay(), longest_delay);
    failure.error = JobError(error.type(), error.what());
  } catch (const std::exception& error) {
    if (span_) exception_type_ = type_name(error);
    failure.error = JobError("exception", error.what());
    failure.error.stack = origin_of(outcome.error());
  } catch (...) {
    failure.error = JobError("exception", "it threw something that is no std::exception");
    failure.error.stack = origin_of(outcome.error());
  }
  return false;
}

}  // namespace coterie::queue

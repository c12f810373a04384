#include "src/cli/run_work.hpp"

#include <algorithm>

#include "coterie/await_outcome.hpp"
#include "coterie/sleep.hpp"
#include "coterie/spawn.hpp"
#include "src/cli/output.hpp"

namespace coterie::cli {

using queue::JobContext;
using queue::JobEnd;
using queue::Milliseconds;

namespace {

/// On one machine the broker sees a dead worker at once; elsewhere its commands start again this much later.
constexpr Milliseconds lease_time{15'000};
/// Looking at all pending lines for what others did to them takes at most this part of the time.
constexpr int look_part = 100;
constexpr Duration look_at_least = std::chrono::milliseconds(200);

}  // namespace

class RunWork::Observer final : public queue::WorkerObserver {
 public:
  explicit Observer(RunWork& work) : work_(work) {}
  void job_finished(const JobContext& job, const JobEnd& end) override { work_.finished(job, end); }
  void log(queue::LogLevel level, std::string_view line) override {
    if (level != queue::LogLevel::debug) work_.parts_.display->warn("coterie: " + std::string(line));
  }

 private:
  RunWork& work_;
};

RunWork::RunWork(const Parts& parts) : parts_(parts) {}
RunWork::~RunWork() = default;

void RunWork::finished(const JobContext& job, const JobEnd& end) {
  if (end.verdict != queue::Verdict::accepted && end.verdict != queue::Verdict::already_accepted) return;
  if (!end.succeeded && end.kind == queue::FailKind::give_back) return;
  ++executed_;
  const std::size_t line = parts_.jobs->find(job.id());
  if (line == parts_.jobs->size() || parts_.jobs->state(line) != LineState::pending) return;
  LineState state = LineState::done;
  if (!end.succeeded) {
    // Whether a failed attempt was the last one is the broker's to say; where it is not clear, watch() sees
    // it.
    const bool cancelled = end.kind == queue::FailKind::cancelled;
    const bool dead = end.kind == queue::FailKind::dead || (job.last_attempt() && !job.cancelled());
    if (!cancelled && !dead) return;
    state = cancelled ? LineState::cancelled : LineState::failed;
  }
  append(line, job, end);
  line_ended(line, state);
}

void RunWork::append(std::size_t line, const JobContext& job, const JobEnd& end) {
  if (parts_.results == nullptr || !parts_.results->append_error().empty()) return;
  ExecEnd how = end.succeeded ? read_exec_result(end.result) : read_exec_error(end.error);
  if (!how.duration_ms) how.duration_ms = std::chrono::duration_cast<Milliseconds>(end.ran).count();
  const char* state = end.succeeded ? "done" : end.kind == queue::FailKind::cancelled ? "cancelled" : "dead";
  if (parts_.results->append(result_line(job.id(), parts_.jobs->line(line), state, job.attempt(), how)))
    return;
  parts_.display->warn("coterie: cannot add to the results in '" + parts_.results->path() + "': " +
                       parts_.results->append_error() + "; the run goes on, the file is written at its end");
}

void RunWork::line_ended(std::size_t line, LineState state) {
  parts_.jobs->set_state(line, state);
  if (parts_.jobs->pending() == 0) worker_->drain();
}

Progress RunWork::progress() const {
  const RunJobs& jobs = *parts_.jobs;
  Progress now;
  now.total = jobs.size();
  now.ended = jobs.size() - jobs.pending();
  now.failed = jobs.count(LineState::failed) + jobs.count(LineState::cancelled);
  now.running = worker_->running();
  now.per_second = rate_.per_second();
  now.elapsed_s = std::chrono::duration<double>(EventLoop::current().now() - started_).count();
  return now;
}

Task<void> RunWork::draw() {
  for (;;) {
    co_await sleep(parts_.display->interval());
    rate_.note(EventLoop::current().now(), parts_.jobs->size() - parts_.jobs->pending());
    parts_.display->show(progress());
  }
}

/// Tells others that this run has an owner, and learns when it has another one.
Task<void> RunWork::beat() {
  for (;;) {
    co_await sleep(ManifestStore::beat_every);
    ++parts_.manifest->beat;
    Task<bool> saving = parts_.store->save(*parts_.manifest);
    const Outcome<bool> saved = co_await outcome(std::move(saving));
    if (saved.cancelled()) (void)saved.get();
    if (!saved.has_value() || saved.get()) continue;  // a broker that cannot answer now: the worker says so
    taken_over_ = true;
    serving_.cancel("another process has taken over the run");
    co_return;
  }
}

/// Sees what others do to our lines: another worker on the same queue, a `coterie cancel`.
Task<void> RunWork::watch() {
  for (;;) {
    Outcome<void> end = co_await outcome(watch_changes());
    if (end.cancelled()) end.get();
    co_await sleep(std::chrono::seconds(1));  // the broker cannot answer now: the worker says so
  }
}

Task<void> RunWork::watch_changes() {
  std::uint64_t version = co_await parts_.broker->version();
  const std::function<void(std::size_t, LineState)> ended = [this](std::size_t line, LineState state) {
    line_ended(line, state);
  };
  for (;;) {
    const TimePoint before = EventLoop::current().now();
    co_await parts_.jobs->look(ended);
    const Duration took = EventLoop::current().now() - before;
    co_await sleep(worker_->running() == 0 ? look_at_least : std::max(look_at_least, took * look_part));
    version = co_await parts_.broker->changed(version, Milliseconds(60'000));
  }
}

Task<void> RunWork::serve() {
  co_await worker_->serve();
}

/// Ends one of those who watch; what it threw is not the run's trouble.
Task<void> RunWork::stop(JoinHandle<void> task) {
  task.cancel();
  while (!task.done()) co_await task.wait();
  if (!task.cancelled()) (void)task.exception();
}

Task<void> RunWork::run() {
  started_ = EventLoop::current().now();
  rate_.note(started_, parts_.jobs->size() - parts_.jobs->pending());
  queue::WorkerOptions options;
  options.concurrency(parts_.concurrency).lease(lease_time).observer(std::make_shared<Observer>(*this));
  options.dead_jobs(0);  // they are the run's report
  std::vector<std::string> queues;
  queues.push_back(parts_.manifest->queue);
  options.queues(std::move(queues));
  worker_ = std::make_unique<queue::Worker>(parts_.broker, options);
  ExecOptions exec;
  exec.grace = grace_of(*parts_.manifest);
  worker_->handle_with(exec_handler_name, make_exec_handler(exec));

  serving_ = spawn(named("worker"), [this] { return serve(); });
  const JoinHandle<void> drawing = spawn(named("progress"), [this] { return draw(); });
  const JoinHandle<void> beating = spawn(named("heartbeat of the run"), [this] { return beat(); });
  const JoinHandle<void> watching = spawn(named("watch"), [this] { return watch(); });

  // Not the handle itself: a cancel is passed on by hand, so that the user hears of it while commands end.
  Outcome<void> waited = co_await outcome(serving_.wait());
  if (waited.cancelled()) {
    if (const std::size_t running = worker_->running(); running > 0) {
      parts_.display->say("Stopping " + counted(running, "running command") + "; once more to kill at once.");
    }
    serving_.cancel();
  }
  Outcome<void> end = co_await outcome(serving_);
  co_await stop(drawing);
  co_await stop(beating);
  co_await stop(watching);
  parts_.display->clear();
  if (taken_over_)
    throw UsageError("another process has taken over run '" + parts_.manifest->name +
                     "': this one has stopped");
  waited.get();
  end.get();
}

}  // namespace coterie::cli

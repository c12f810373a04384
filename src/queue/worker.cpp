#include "coterie/queue/worker.hpp"

#include <unistd.h>

#include <mutex>
#include <stdexcept>

#include "coterie/await_outcome.hpp"
#include "coterie/runtime.hpp"
#include "src/queue/session.hpp"

namespace coterie::queue {
namespace {

std::string default_name() {
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  return std::string(host[0] != '\0' ? host : "localhost") + ":" + std::to_string(getpid());
}

void require(bool sane, const std::string& problem) {
  if (!sane) throw BadRequest("worker options: " + problem);
}

void check(const WorkerOptions& options, const Limits& limits) {
  require(options.concurrency() >= 1, "concurrency 0 would never run a job, give at least 1");
  require(options.concurrency() <= limits.batch_jobs, "concurrency " + std::to_string(options.concurrency()) +
                                                          ", the broker's limit is " +
                                                          std::to_string(limits.batch_jobs));
  require(!options.queues().empty(), "no queue to take from, name at least one");
  require(options.lease() >= Milliseconds{100} && options.lease() <= std::chrono::hours(24),
          "the lease is " + std::to_string(options.lease().count()) + " ms, it must be 100 ms to 24 h");
  require(options.stall_limit() == Milliseconds{0} || options.stall_limit() >= options.lease(),
          "the stall limit is " + std::to_string(options.stall_limit().count()) + " ms and the lease " +
              std::to_string(options.lease().count()) +
              " ms: give at least the lease, or 0 for no heartbeats while the loop is blocked");
  require(options.stall_limit() <= std::chrono::hours(24 * 365), "the stall limit is longer than a year");
  require(options.grace() >= Milliseconds{0}, "the grace period is negative");
  require(options.unknown_handler_delay() >= Milliseconds{0}, "the unknown handler delay is negative");
  require(options.progress_interval() >= Milliseconds{0}, "the progress interval is negative");
  require(options.cancel_latency() >= Milliseconds{1}, "the cancel latency must be at least 1 ms");
}

/// The process's thread for watchdogs and remote control: made for the first worker that serves, gone with
/// the last. One for all, for these only ever wait. A child of fork() has none of its parent's threads and
/// makes its own.
std::shared_ptr<Runtime> helpers_thread() {
  struct Shared {
    std::mutex mutex;
    std::weak_ptr<Runtime> thread;
    pid_t process = 0;
  };
  static Shared shared;
  const std::lock_guard lock(shared.mutex);
  std::shared_ptr<Runtime> thread = shared.process == getpid() ? shared.thread.lock() : nullptr;
  if (!thread) {
    RuntimeOptions one;
    one.loops = 1;
    one.name = "coterie-watch";
    shared.thread = thread = std::make_shared<Runtime>(one);
    shared.process = getpid();
  }
  return thread;
}

/// For a loop that lives in the system's time; else null.
std::shared_ptr<Runtime> helpers_for(EventLoop& loop) {
  return loop.poller().is_virtual() ? nullptr : helpers_thread();
}

}  // namespace

struct Worker::State {
  std::shared_ptr<HandlerMap> handlers = std::make_shared<HandlerMap>();
  std::shared_ptr<Redaction> redaction = std::make_shared<Redaction>();
  std::shared_ptr<WorkerMetrics> metrics;  // from the first serve() on
  std::weak_ptr<Session> session;
  std::mutex mutex;  // of what drain() reads from other threads
  bool draining = false;
  std::shared_ptr<SessionGate> gate;
};

Worker::Worker(std::shared_ptr<Broker> broker, WorkerOptions options)
    : broker_(std::move(broker)), options_(std::move(options)), state_(std::make_shared<State>()) {
  if (!broker_) throw BadRequest("a worker needs a broker, and was given a null pointer");
  if (options_.name().empty()) options_.name(default_name());
  check(options_, broker_->limits());
  for (const std::string& field : options_.redact()) state_->redaction->hide(field);
}

Worker::Worker(std::string_view url, WorkerOptions options) : Worker(open_broker(url), std::move(options)) {}

Worker::~Worker() = default;

Worker& Worker::handle_with(std::string name, std::shared_ptr<Handler> handler) {
  if (!handler) throw BadRequest("the handler of '" + name + "' is a null pointer");
  if (!state_->session.expired())
    throw std::logic_error("Worker::handle() while it serves: name all handlers before");
  (*state_->handlers)[std::move(name)] = std::move(handler);
  return *this;
}

Worker& Worker::redact(const std::string& handler, const std::vector<std::string>& fields) {
  if (!state_->session.expired())
    throw std::logic_error("Worker::redact() while it serves: name all fields before");
  for (const std::string& field : fields) state_->redaction->hide(handler, field);
  return *this;
}

Task<void> Worker::serve() {
  if (!state_->session.expired()) throw std::logic_error("this Worker already serves: one serve() at a time");
  const std::shared_ptr<State> state = state_;
  EventLoop& loop = EventLoop::current();
  const std::shared_ptr<Runtime> helpers = helpers_for(loop);  // ends after the session
  Surroundings around;
  if (helpers) around.control = &helpers->loop(0);
  if (helpers && options_.stall_limit() > Milliseconds{0}) around.watchdog = around.control;
  if (!loop.poller().is_virtual()) around.suspended = suspended_from_now();
  if (options_.metrics() && !state->metrics) {
    std::vector<std::string> tasks;
    for (const auto& [name, handler] : *state->handlers) tasks.push_back(name);
    state->metrics = std::make_shared<WorkerMetrics>(options_, std::move(tasks));
    options_.metrics()->add(state->metrics);
  }
  around.metrics = state->metrics;
  around.redaction = state->redaction;
  auto session = std::make_shared<Session>(broker_, options_, state->handlers, loop, around);
  state->session = session;
  bool drained = false;
  {
    const std::lock_guard lock(state->mutex);
    state->gate = session->open_gate();
    drained = state->draining;
  }
  if (drained) session->drain(options_.grace());
  Outcome<void> end = co_await outcome(session->serve());
  {
    const std::lock_guard lock(state->mutex);
    state->gate.reset();
    state->draining = false;
  }
  end.get();
}

void Worker::drain() noexcept {
  std::shared_ptr<SessionGate> gate;
  {
    const std::lock_guard lock(state_->mutex);
    state_->draining = true;
    gate = state_->gate;
  }
  if (gate) gate->drain();
}

std::size_t Worker::running() const noexcept {
  const std::shared_ptr<Session> session = state_->session.lock();
  return session ? session->running() : 0;
}

}  // namespace coterie::queue

#include "coterie/runtime.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include "coterie/run.hpp"
#include "coterie/threads/cores.hpp"
#include "coterie/threads/settlement.hpp"
#include "src/debug/alternate_stack.hpp"
#include "src/debug/server.hpp"
#include "src/io/asio_poller.hpp"
#include "src/threads/native_thread.hpp"

namespace coterie {
namespace {

// So that the number survives the system's limit on names.
std::string thread_name(const std::string& name, std::size_t index) {
  const std::string number = "-" + std::to_string(index);
  return name.substr(0, 15 - std::min<std::size_t>(number.size(), 15)) + number;
}

struct Ended final : detail::Settlement {};

}  // namespace

struct Runtime::State {
  struct Worker {
    explicit Worker(const RuntimeOptions& options) : loop(new_event_loop(options.loop)) {
      loop->set_exception_handler(options.exception_handler);
      asio_poller(*loop).set_linger(options.linger);
    }
    detail::LoopLoad load;  // before the loop, whose tasks on their way count in it
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<detail::NativeThread> thread;
    std::atomic<bool> serves{true};
    void end_alone(Duration within) {
      serves = false;
      refused = loop->cancel_all_and_run(within);
    }
    // The thread's, until it has ended.
    std::vector<std::string> refused;
    std::exception_ptr error;
    bool arrived = false;
    bool quiet = false;
  };

  explicit State(const RuntimeOptions& options) : limit(options.shutdown_timeout) {
    const std::size_t count = options.loops != 0 ? options.loops : usable_cores();
    for (std::size_t i = 0; i < count; ++i) workers.push_back(std::make_unique<Worker>(options));
    if (options.debug_socket) eyes = debug::serve_this_process(options.native_stacks, 0);
    busy = open = count;
  }

  /// std::out_of_range.
  [[nodiscard]] Worker& worker(std::size_t index) const;

  void wake_all() noexcept {
    for (auto& worker : workers) worker->loop->inbox()->post(make_posted([] {}));
  }

  void serve(Worker& worker) noexcept {
    EventLoop& loop = *worker.loop;
    debug::use_alternate_stack();
    try {
      loop.run_until([&] {
        worker.load.count(loop.task_count());
        return stop_requested.load(std::memory_order_acquire);
      });
      if (stop_requested.load(std::memory_order_acquire))
        end_together(worker);
      else  // this loop alone was stopped
        worker.end_alone(limit);
    } catch (...) {
      worker.serves = false;
      worker.error = std::current_exception();
      loop.report(ErrorContext("An event loop failed", worker.error));
    }
    if (!std::exchange(worker.quiet, true)) now_quiet();
    {
      const std::lock_guard lock(mutex);
      if (!std::exchange(worker.arrived, true)) ++arrived;
      all_arrived.notify_all();
    }
    loop.close();
    if (open.fetch_sub(1) == 1) ended.settle([] {});
  }

  void end_together(Worker& worker) {
    EventLoop& loop = *worker.loop;
    const bool limited = limit < Duration::max();
    const TimePoint deadline = limited ? loop.now() + limit : TimePoint::max();
    const auto left = [&] { return limited ? std::max(deadline - loop.now(), Duration::zero()) : limit; };
    // What was posted before the stop is there now; what comes later is others' cleanup.
    bool taken = false;
    loop.inbox()->post(make_posted([&taken] { taken = true; }));
    loop.run_until([&taken] { return taken; });
    begin_together(worker);
    loop.cancel_round(left());  // one: what others' tasks sent since is their cleanup
    worker.quiet = true;
    now_quiet();
    // What the others' tasks clean up with this loop is still served.
    CallbackHandle alarm;
    if (limited) alarm = loop.call_at(deadline, [] {});
    loop.run_until([&] { return busy.load() == 0 || loop.now() >= deadline; });
    alarm.cancel();
    worker.refused = loop.cancel_all_and_run(left());
  }

  /// Blocks until all loops have come here, so that none cancels what another's tasks sent it to clean up.
  /// One that is stuck in a step is not waited for long.
  void begin_together(Worker& worker) {
    constexpr Duration patience = std::chrono::seconds(1);
    std::unique_lock lock(mutex);
    worker.arrived = true;
    ++arrived;
    all_arrived.notify_all();
    all_arrived.wait_for(lock, std::min(patience, limit), [this] { return arrived == workers.size(); });
  }

  /// The tasks of one loop have ended.
  void now_quiet() noexcept {
    if (busy.fetch_sub(1) == 1) wake_all();
  }

  std::shared_ptr<debug::DebugServer> eyes;
  std::vector<std::unique_ptr<Worker>> workers;
  const Duration limit;
  std::atomic<bool> stop_requested{false};
  std::atomic<std::size_t> busy{0};  // loops whose tasks have not all ended since the stop
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_arrived;
  std::size_t arrived = 0;  // at begin_together(), or past it
  Ended ended;
  std::mutex joining;
};

Runtime::Runtime(RuntimeOptions options) : state_(std::make_unique<State>(options)) {
  State& state = *state_;
  for (std::size_t i = 0; i < state.workers.size(); ++i) {
    State::Worker& worker = *state.workers[i];
    try {
      worker.thread = std::make_unique<detail::NativeThread>(
          thread_name(options.name, i), options.stack_bytes, [&state, &worker] { state.serve(worker); });
    } catch (...) {
      const std::size_t missing = state.workers.size() - i;
      state.busy -= missing;
      state.open -= missing;
      {
        const std::lock_guard lock(state.mutex);
        state.arrived += missing;
      }
      request_stop();
      for (auto& started : state.workers)
        if (started->thread) started->thread->join();
      throw;
    }
  }
}

Runtime::~Runtime() {
  try {
    (void)stop();
  } catch (const std::exception& error) {
    EventLoop::report_anywhere(ErrorContext(error.what(), nullptr));
  }
}

std::size_t Runtime::size() const noexcept {
  return state_->workers.size();
}

Runtime::State::Worker& Runtime::State::worker(std::size_t index) const {
  if (index < workers.size()) return *workers[index];
  throw std::out_of_range("loop " + std::to_string(index) + " of a Runtime that has " +
                          std::to_string(workers.size()) + ": they are counted from 0");
}

EventLoop& Runtime::loop(std::size_t index) const {
  return *state_->worker(index).loop;
}

std::size_t Runtime::load(std::size_t index) const {
  return load_of(index).get();
}

detail::LoopLoad& Runtime::load_of(std::size_t index) const {
  return state_->worker(index).load;
}

bool Runtime::serves(std::size_t index) const {
  return state_->worker(index).serves.load(std::memory_order_relaxed);
}

std::optional<std::size_t> Runtime::here() const noexcept {
  const EventLoop* current = EventLoop::current_or_null();
  for (std::size_t i = 0; i < size(); ++i)
    if (state_->workers[i]->loop.get() == current) return i;
  return std::nullopt;
}

EventLoop& Runtime::next_loop() noexcept {
  return loop(state_->next.fetch_add(1, std::memory_order_relaxed) % size());
}

std::vector<ClassTimes> Runtime::class_times() const {
  std::map<SchedClass, ClassTimes> sums;
  for (const auto& worker : state_->workers)
    for (const ClassTimes& its : worker->loop->class_times()) sums[its.sched_class] += its;
  std::vector<ClassTimes> all;
  for (const auto& [sched_class, sum] : sums) all.push_back(sum);
  return all;
}

void Runtime::request_stop() noexcept {
  if (!state_->stop_requested.exchange(true, std::memory_order_acq_rel)) state_->wake_all();
}

Task<void> Runtime::stopped() const {
  co_await detail::SettledAwaiter(state_->ended);
}

std::vector<std::string> Runtime::stop() {
  for (const auto& worker : state_->workers)
    if (worker->thread->is_current())
      throw std::logic_error("stop() on a thread of this Runtime would wait for itself: call request_stop()");
  request_stop();
  const std::lock_guard lock(state_->joining);
  std::vector<std::string> refused;
  for (auto& worker : state_->workers) {
    worker->thread->join();
    refused.insert(refused.end(), worker->refused.begin(), worker->refused.end());
  }
  for (auto& worker : state_->workers)
    if (worker->error) std::rethrow_exception(std::exchange(worker->error, nullptr));
  return refused;
}

}  // namespace coterie

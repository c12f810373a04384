#include "coterie/run.hpp"

#include <unistd.h>
#include <csignal>

#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "coterie/debug/crash.hpp"
#include "coterie/debug/dump.hpp"
#include "coterie/io/signal.hpp"
#include "src/debug/server.hpp"
#include "src/io/asio_poller.hpp"
#include "src/io/child.hpp"
#include "src/io/signal_hub.hpp"

namespace coterie {
namespace {

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 20;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i) text += (i == 0 ? "'" : ", '") + names[i] + "'";
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

[[noreturn]] void end_at_once(const EventLoop& loop, int signo) {
  std::vector<std::string> names;
  for (const TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    names.push_back(task->name());
  std::fprintf(stderr, "coterie: %s again: ending at once, unfinished: %s\n", io::signal_name(signo).c_str(),
               names.empty() ? "nothing" : list_names(names).c_str());
  if (!names.empty()) std::fputs(debug::dump(loop).c_str(), stderr);
  std::fflush(stderr);
  io::detail::kill_all_groups();
  ::_exit(128 + signo);
}

std::string seconds(Duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(time).count());
  return text;
}

// Who ends a process group, as timeout(1) does, signals the process and then its group: that is one request.
constexpr Duration same_request = std::chrono::milliseconds(100);

}  // namespace

std::unique_ptr<EventLoop> new_event_loop(LoopOptions options, std::unique_ptr<ReadyQueue> ready) {
  return std::make_unique<EventLoop>(std::make_unique<AsioPoller>(), std::move(ready), options);
}

Interrupted::Interrupted(int signo)
    : std::runtime_error("interrupted by " + io::signal_name(signo)), signo_(signo) {}

struct Runner::State {
  RunOptions options;
  std::unique_ptr<EventLoop> loop;
  std::optional<Context> context;
  std::shared_ptr<debug::DebugServer> eyes;
  bool closed = false;
  TaskRec* main = nullptr;  // that runs
  int interrupted = 0;      // by which signal it was cancelled
  TimePoint interrupted_at;
  std::optional<io::detail::SignalWatcher> signals;

  explicit State(RunOptions given) : options(std::move(given)) {}

  void on_signal(int signo) {
    if (signo == SIGTERM && interrupted == SIGTERM && loop->now() < interrupted_at + same_request) return;
    if (main == nullptr || main->done() || interrupted != 0) end_at_once(*loop, signo);
    interrupted = signo;
    interrupted_at = loop->now();
    main->cancel(std::make_shared<const std::string>(io::signal_name(signo)));
  }
  [[nodiscard]] bool is_default_loop() const { return dynamic_cast<AsioPoller*>(&loop->poller()) != nullptr; }
  void open_eyes() {
    if (options.debug_socket && is_default_loop())
      eyes = debug::serve_this_process(options.native_stacks, options.dump_signal);
  }
  void watch_signals() {
    if (!options.handle_signals || ::gettid() != ::getpid() || !is_default_loop()) return;
    signals.emplace(*loop, io::detail::signal_bit(SIGINT) | io::detail::signal_bit(SIGTERM),
                    io::detail::SignalWatcher::Role::last_resort, [this](int signo) { on_signal(signo); });
  }
  void shut_down() {
    struct Closes {
      EventLoop& loop;
      ~Closes() { loop.close(); }
    } const closes{*loop};
    const std::vector<std::string> refused = loop->cancel_all_and_run(options.shutdown_timeout);
    if (!refused.empty())
      std::fprintf(stderr, "coterie: still running %s after it was cancelled, and destroyed: %s\n%s",
                   seconds(options.shutdown_timeout).c_str(), list_names(refused).c_str(),
                   debug::dump(*loop).c_str());
  }
};

Runner::Runner(RunOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Runner::~Runner() {
  try {
    close();
  } catch (...) {
    EventLoop::report_anywhere(
        ErrorContext("Exception while a Runner was being closed", std::current_exception()));
  }
}

EventLoop& Runner::loop() {
  State& state = *state_;
  if (state.closed) throw std::logic_error("Runner is closed");
  if (!state.loop) {
    state.loop =
        state.options.loop_factory ? state.options.loop_factory() : new_event_loop(state.options.loop);
    state.context = copy_context();
    state.open_eyes();
  }
  return *state.loop;
}

EventLoop& Runner::idle_loop() {
  if (EventLoop::current_or_null() != nullptr)
    throw std::logic_error("a Runner cannot run inside a running event loop: co_await the task instead");
  return loop();
}

const Context& Runner::context() const noexcept {
  return *state_->context;
}

bool Runner::closed() const noexcept {
  return state_->closed;
}

void Runner::drive(TaskRec& main) {
  State& state = *state_;
  struct Run {
    State& state;
    ~Run() {
      state.signals.reset();
      state.main = nullptr;
    }
  } const run{state};
  state.main = &main;
  state.interrupted = 0;
  state.watch_signals();
  detail::cancel_on_stop(state.options.stop_token, main);
  state.loop->run_until([&main] { return main.done(); });
  if (!main.done()) throw std::logic_error("Event loop stopped before Future completed.");
  if (!main.cancelled() && main.error() != nullptr) debug::report_uncaught();  // it is about to leave run()
  // As asyncio: a cancel that somebody else asked for too is theirs.
  if (state.interrupted != 0 && main.cancelled() && main.uncancel() == 0)
    throw Interrupted(state.interrupted);
}

void Runner::close() {
  State& state = *state_;
  if (state.loop && EventLoop::current_or_null() != nullptr)
    throw std::logic_error("a Runner cannot be closed inside a running event loop");
  if (std::exchange(state.closed, true) || !state.loop) return;
  struct Closing {
    State& state;
    ~Closing() { state.signals.reset(); }
  } const closing{state};
  state.watch_signals();
  state.shut_down();
}

}  // namespace coterie

#include "coterie/run.hpp"

#include <unistd.h>
#include <csignal>

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "coterie/io/signal.hpp"
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

[[noreturn]] void end_at_once(EventLoop& loop, int signo) {
  std::vector<std::string> names;
  for (TaskRec* task = loop.first_task(); task != nullptr; task = task->next_task())
    names.push_back(task->name());
  std::fprintf(stderr, "coterie: %s again: ending at once, unfinished: %s\n", io::signal_name(signo).c_str(),
               names.empty() ? "nothing" : list_names(names).c_str());
  std::fflush(stderr);
  io::detail::kill_all_groups();
  ::_exit(128 + signo);
}

std::string seconds(Duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(time).count());
  return text;
}

}  // namespace

std::unique_ptr<EventLoop> new_event_loop(LoopOptions options, std::unique_ptr<ReadyQueue> ready) {
  return std::make_unique<EventLoop>(std::make_unique<AsioPoller>(), std::move(ready), options);
}

Interrupted::Interrupted(int signo)
    : std::runtime_error("interrupted by " + io::signal_name(signo)), signo_(signo) {}

struct detail::MainRunner::State {
  RunOptions options;
  std::unique_ptr<EventLoop> loop;
  TaskRec* main = nullptr;
  int interrupted = 0;  // by which signal main was cancelled
  int ended_by = 0;
  std::optional<io::detail::SignalWatcher> signals;

  explicit State(const RunOptions& given) : options(given), loop(new_event_loop(given.loop)) {}

  void on_signal(int signo) {
    if (interrupted != 0 || main->done()) end_at_once(*loop, signo);
    interrupted = signo;
    main->cancel(std::make_shared<const std::string>(io::signal_name(signo)));
  }
};

detail::MainRunner::MainRunner(const RunOptions& options) {
  if (EventLoop::current_or_null() != nullptr)
    throw std::logic_error("run() was called inside a running event loop: co_await the task instead");
  state_ = std::make_unique<State>(options);
}

detail::MainRunner::~MainRunner() = default;

EventLoop& detail::MainRunner::loop() noexcept {
  return *state_->loop;
}

int detail::MainRunner::interrupted_by() const noexcept {
  return state_->ended_by;
}

void detail::MainRunner::drive(TaskRec& main) {
  State& state = *state_;
  EventLoop& loop = *state.loop;
  state.main = &main;
  if (state.options.handle_signals && ::gettid() == ::getpid())
    state.signals.emplace(loop, io::detail::signal_bit(SIGINT) | io::detail::signal_bit(SIGTERM),
                          io::detail::SignalWatcher::Role::last_resort,
                          [&state](int signo) { state.on_signal(signo); });
  loop.run_until([&main] { return main.done(); });
  const bool stopped = !main.done();
  // As asyncio: a cancel that somebody else asked for too is theirs.
  if (state.interrupted != 0 && main.cancelled() && main.uncancel() == 0) state.ended_by = state.interrupted;

  const std::vector<std::string> refused = loop.cancel_all_and_run(state.options.shutdown_timeout);
  if (!refused.empty())
    std::fprintf(stderr, "coterie: still running %s after it was cancelled, and destroyed: %s\n",
                 seconds(state.options.shutdown_timeout).c_str(), list_names(refused).c_str());
  loop.close();
  state.signals.reset();
  if (stopped) throw std::logic_error("the event loop was stopped before its main task had ended");
}

}  // namespace coterie

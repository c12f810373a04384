// A process's output, and its orderly end.
#include <sys/ioctl.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "src/io/process_state.hpp"

namespace coterie::io::detail {

void Tail::append(std::string_view text) {
  total_ += text.size();
  if (text.size() > limit_) text.remove_prefix(text.size() - limit_);
  if (text_.size() + text.size() > 2 * limit_) {
    const std::size_t keep = std::min(text_.size(), limit_ - text.size());
    text_.erase(0, text_.size() - keep);
  }
  text_.append(text);
}

std::string Tail::take() && {
  if (text_.size() > limit_) text_.erase(0, text_.size() - limit_);
  return std::move(text_);
}

namespace {

constexpr std::size_t chunk = std::size_t{64} << 10;

// One read, so that a process that never stops writing leaves the loop to others. Closes the pipe at its end.
std::size_t read_once(Descriptor& pipe, char* buffer, std::size_t size, Tail& tail) {
  if (!pipe) return 0;
  const ssize_t got = ::read(pipe.fd(), buffer, size);
  if (got > 0) {
    tail.append(std::string_view(buffer, static_cast<std::size_t>(got)));
    return static_cast<std::size_t>(got);
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) pipe.close();
  return 0;
}

// What is there now: at the exit, all that the process itself wrote.
void read_present(Descriptor& pipe, char* buffer, Tail& tail) {
  int present = 0;
  if (!pipe || ::ioctl(pipe.fd(), FIONREAD, &present) != 0) return;
  auto left = static_cast<std::size_t>(std::max(present, 0));
  while (left > 0) {
    const std::size_t got = read_once(pipe, buffer, std::min(left, chunk), tail);
    if (got == 0) return;
    left -= got;
  }
  (void)read_once(pipe, buffer, 1, tail);  // is it the end?
}

TimePoint after(TimePoint start, Duration time) {
  return time >= TimePoint::max() - start ? TimePoint::max() : start + time;
}

}  // namespace

Task<bool> pump(std::shared_ptr<Process::State> state, Tail& tail, Duration after_exit, TimePoint deadline) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(chunk);
  Descriptor& out = state->pipes[1];
  Descriptor& err = state->pipes[2];
  EventLoop& loop = EventLoop::current();
  bool exited = false;
  for (;;) {
    if (!exited && state->look()) {
      exited = true;
      read_present(out, buffer.get(), tail);
      read_present(err, buffer.get(), tail);
      deadline = std::min(deadline, after(loop.now(), after_exit));
    }
    if (exited && !out && !err) break;
    if (deadline != TimePoint::max() && loop.now() >= deadline) break;
    AnyReadable news(WaitKind::process, state.get());
    if (!exited) news.add(state->exit_event);
    if (out) news.add(out.state());
    if (err) news.add(err.state());
    news.until(deadline);
    co_await news;
    (void)read_once(out, buffer.get(), chunk, tail);
    (void)read_once(err, buffer.get(), chunk, tail);
  }
  co_return exited;
}

Task<ExitStatus> stop_group(std::shared_ptr<Process::State> state, Duration grace, Tail* tail) {
  if (state->reaped) co_return *state->status;
  struct Stopping {
    explicit Stopping(Process::State& stopped) : state(stopped) { ++state.stopping; }
    ~Stopping() {  // also when a cancel cuts the grace short: what is left of the group dies here
      if (state.stopping == 0) return;
      state.kill(SIGKILL);
      if (--state.stopping == 0) state.end();
    }
    Process::State& state;
  };
  const Stopping stopping(*state);
  state->kill(SIGTERM);
  state->kill(SIGCONT);  // one that is stopped would not hear it
  const TimePoint deadline = after(EventLoop::current().now(), grace);
  if (tail != nullptr) {
    (void)co_await pump(state, *tail, grace, deadline);
  } else {
    while (!state->look() && EventLoop::current().now() < deadline) {
      AnyReadable exit(WaitKind::process, state.get());
      exit.add(state->exit_event);
      exit.until(deadline);
      co_await exit;
    }
  }
  state->kill(SIGKILL);
  while (!state->look()) {
    AnyReadable exit(WaitKind::process, state.get());
    exit.add(state->exit_event);
    co_await exit;
  }
  co_return *state->status;
}

}  // namespace coterie::io::detail

namespace coterie::io {

Task<ShellResult> run_shell(std::string line, ShellOptions options) {
  ProcessOptions command;
  command.argv.emplace_back("/bin/sh");
  command.argv.emplace_back("-c");
  command.argv.push_back(std::move(line));
  command.cwd = std::move(options.cwd);
  command.env = std::move(options.env);
  command.out = Stdio::pipe;
  command.err = Stdio::merge;
  command.group_watcher = options.group_watcher;

  const auto state = std::make_shared<Process::State>(command);
  // Whatever way this is left, the group has ended: the state's last owner sees to it.
  detail::Tail tail(options.output_limit);
  TimePoint deadline = TimePoint::max();
  if (options.timeout > Duration::zero()) deadline = EventLoop::current().now() + options.timeout;
  ShellResult result;
  std::exception_ptr error;
  try {
    result.timed_out = !co_await detail::pump(state, tail, detail::linger, deadline);
  } catch (...) {
    error = std::current_exception();
  }
  if (error || result.timed_out)
    result.status = co_await detail::stop_group(state, options.grace, &tail);
  else
    result.status = *state->status;
  if (error) std::rethrow_exception(error);
  state->reap();
  result.output_bytes = tail.total();
  result.output = std::move(tail).take();
  co_return result;
}

}  // namespace coterie::io

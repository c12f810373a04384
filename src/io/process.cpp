#include "coterie/io/process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>

#include "coterie/io/signal.hpp"
#include "coterie/loop.hpp"
#include "src/io/process_state.hpp"

namespace coterie::io {

std::string ExitStatus::str() const {
  switch (kind_) {
    case Kind::exited:
      return "exit code " + std::to_string(value_);
    case Kind::signalled:
      return "killed by " + signal_name(value_);
    case Kind::lost:
      break;
  }
  return "exit code unknown: somebody else reaped it";
}

Process::State::State(const ProcessOptions& options) : group_watcher_(options.group_watcher) {
  AsioPoller& poller = current_asio_poller();
  detail::Child child = detail::start_child(options);
  pid = child.pid;
  try {
    detail::remember_group(pid);
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0)
      detail::throw_errno(errno, "cannot watch process " + std::to_string(pid) + " (pidfd_open)");
    exit_event = detail::DescriptorState::watch(poller, pidfd);
    for (std::size_t i = 0; i < 3; ++i)
      if (child.pipes.at(i).get() >= 0) pipes.at(i) = Descriptor(child.pipes.at(i).release());
  } catch (...) {
    end();
    throw;
  }
}

Process::State::~State() {
  end();
}

bool Process::State::look() noexcept {
  if (status) return true;
  siginfo_t info{};
  // The zombie stays until reap(): as long as it is there, its number and its group's are nobody else's.
  int result = 0;
  do result = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  while (result != 0 && errno == EINTR);
  if (result != 0)
    lose();
  else if (info.si_pid != 0)
    status = ExitStatus(info.si_code == CLD_EXITED ? ExitStatus::Kind::exited : ExitStatus::Kind::signalled,
                        info.si_status);
  return status.has_value();
}

void Process::State::lose() noexcept {
  status = ExitStatus(ExitStatus::Kind::lost, 255);
  reaped = true;
  leave_group();
}

void Process::State::leave_group() noexcept {
  detail::forget_group(pid);
  detail::tell_group_ends(group_watcher_, pid);
}

void Process::State::reap() noexcept {
  if (reaped || stopping > 0) return;
  leave_group();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
  reaped = true;
}

bool Process::State::kill(int signo) noexcept {
  return !reaped && ::kill(-pid, signo) == 0;
}

void Process::State::end() noexcept {
  if (!reaped) {
    kill(SIGKILL);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    (void)look();
    stopping = 0;
    reap();
  }
  if (exit_event) exit_event->close();
}

namespace {

using StatePtr = std::shared_ptr<Process::State>;

Task<ExitStatus> wait_for_exit(StatePtr state) {
  while (!state->look()) {
    detail::AnyReadable exit(WaitKind::process, state.get());
    exit.add(state->exit_event);
    co_await exit;
  }
  co_return *state->status;
}

Task<ExitStatus> wait(StatePtr state) {
  const ExitStatus status = co_await wait_for_exit(state);
  state->reap();
  co_return status;
}

Task<ExitStatus> stop(StatePtr state, Duration grace) {
  // Pipes are not read here: they may be somebody's.
  co_return co_await detail::stop_group(state, grace, nullptr);
}

Task<std::string> read_output(StatePtr state, std::size_t limit) {
  detail::Tail tail(limit);
  co_await detail::pump(state, tail, detail::linger, TimePoint::max());
  state->reap();
  co_return std::move(tail).take();
}

}  // namespace

Process::Process(const ProcessOptions& options) : state_(std::make_shared<State>(options)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    if (state_) state_->end();
    state_ = std::move(other.state_);
  }
  return *this;
}

Process::~Process() {
  if (state_) state_->end();
}

pid_t Process::pid() const noexcept {
  return state_->pid;
}
Descriptor& Process::in() noexcept {
  return state_->pipes[0];
}
Descriptor& Process::out() noexcept {
  return state_->pipes[1];
}
Descriptor& Process::err() noexcept {
  return state_->pipes[2];
}
Task<ExitStatus> Process::wait() {
  return io::wait(state_);
}
std::optional<ExitStatus> Process::status() const noexcept {
  return state_->status;
}
bool Process::kill(int signo) noexcept {
  return state_->kill(signo);
}
Task<ExitStatus> Process::stop(Duration grace) {
  return io::stop(state_, grace);
}
Task<std::string> Process::read_output(std::size_t limit) {
  return io::read_output(state_, limit);
}

}  // namespace coterie::io

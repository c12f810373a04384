#include "coterie/io/fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "src/io/descriptor.hpp"

namespace coterie::io {
namespace detail {
namespace {

using StatePtr = std::shared_ptr<DescriptorState>;

int open_fd(const StatePtr& state, const char* what) {
  const int fd = state ? state->fd() : -1;
  if (fd < 0) throw_errno(EBADF, std::string("cannot ") + what + " a descriptor that is closed");
  return fd;
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// The state, not the Descriptor: that may be moved while a call is under way.
Task<std::size_t> read_some(StatePtr state, std::span<std::byte> buffer) {
  for (;;) {
    const int fd = open_fd(state, "read from");
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got >= 0) co_return static_cast<std::size_t>(got);
    if (would_block(errno))
      co_await ReadyAwaiter(state, Direction::read, WaitKind::io_readable);
    else if (errno != EINTR)
      throw_errno(errno, "cannot read from descriptor " + std::to_string(fd));
  }
}

Task<void> write_all(StatePtr state, std::span<const std::byte> data) {
  while (!data.empty()) {
    const int fd = open_fd(state, "write to");
    const std::ptrdiff_t wrote = write_without_sigpipe(fd, data);
    if (wrote >= 0)
      data = data.subspan(static_cast<std::size_t>(wrote));
    else if (would_block(errno))
      co_await ReadyAwaiter(state, Direction::write, WaitKind::io_writable);
    else if (errno != EINTR)
      throw_errno(errno, "cannot write to descriptor " + std::to_string(fd));
  }
}

Task<std::string> read_to_end(StatePtr state, std::size_t limit) {
  std::string text;
  std::array<std::byte, 16384> chunk{};
  for (;;) {
    // One byte more than allowed is asked for, to see whether the limit is passed.
    const std::size_t want = std::min(chunk.size(), limit - text.size() + 1);
    const std::size_t got = co_await read_some(state, std::span(chunk).first(want));
    if (got == 0) co_return text;
    if (got > limit - text.size())
      throw std::length_error("more than " + std::to_string(limit) + " bytes came from a descriptor");
    text.append(reinterpret_cast<const char*>(chunk.data()), got);
  }
}

}  // namespace

ReadyAwaiter::ReadyAwaiter(std::shared_ptr<DescriptorState> state, Direction direction, WaitKind kind)
    : Leaf(kind, state != nullptr ? state->shown() : nullptr),
      state_(std::move(state)),
      direction_(direction) {}

ReadyAwaiter::~ReadyAwaiter() = default;

void ReadyAwaiter::attach() {
  (void)open_fd(state_, "wait at");
  state_->attach(*this, direction_);
}

void ReadyAwaiter::on_ready(std::error_code error) noexcept {
  error_ = error;
  wake();
}

void ReadyAwaiter::await_resume() {
  deliver();
  if (error_) throw std::system_error(error_, "while a task waited at a descriptor");
}

BorrowedWait::BorrowedWait(int fd, Direction direction) : direction_(direction) {
  AsioPoller& poller = current_asio_poller();
  UniqueFd watch(::epoll_create1(EPOLL_CLOEXEC));
  if (watch.get() < 0) throw_errno(errno, "cannot make an epoll");
  epoll_event event{};
  event.events = direction == Direction::read ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
  if (::epoll_ctl(watch.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error = errno;
    struct stat info{};
    // EPERM: of a kind that is always ready. Waiting at such a file itself gives just that.
    if (error == EPERM && ::fstat(fd, &info) == 0) {
      watch.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
      if (watch.get() < 0) throw_errno(errno, "cannot duplicate descriptor " + std::to_string(fd));
    } else {
      throw_errno(error, "cannot wait at descriptor " + std::to_string(fd));
    }
  }
  watch_ = DescriptorState::watch(poller, watch.release());
  watch_->show_as(fd);
}

// What an epoll has to tell makes it readable, whichever direction it watches.
ReadyAwaiter BorrowedWait::operator co_await() const {
  return ReadyAwaiter(watch_, Direction::read,
                      direction_ == Direction::read ? WaitKind::io_readable : WaitKind::io_writable);
}

}  // namespace detail

Descriptor::Descriptor(int fd) {
  detail::UniqueFd guard(fd);
  AsioPoller& poller = current_asio_poller();
  state_ = detail::DescriptorState::watch(poller, guard.release());
}

int Descriptor::fd() const noexcept {
  return state_ ? state_->fd() : -1;
}

void Descriptor::close() noexcept {
  if (state_) state_->close();
  state_.reset();
}

int Descriptor::release() {
  const int fd = state_ ? state_->release() : -1;
  state_.reset();
  return fd;
}

Task<std::size_t> Descriptor::read_some(std::span<std::byte> buffer) {
  return detail::read_some(state_, buffer);
}

Task<void> Descriptor::write_all(std::span<const std::byte> data) {
  return detail::write_all(state_, data);
}

Task<void> Descriptor::write_all(std::string_view text) {
  return detail::write_all(state_, std::as_bytes(std::span(text)));
}

Task<std::string> Descriptor::read_to_end(std::size_t limit) {
  return detail::read_to_end(state_, limit);
}

std::ptrdiff_t write_without_sigpipe(int fd, std::span<const std::byte> data) noexcept {
  // A signal that write() raises goes to this thread: held back meanwhile, then taken out of the pending set,
  // unless it was pending before.
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t wrote = ::write(fd, data.data(), data.size());
  const int error = errno;
  if (wrote < 0 && error == EPIPE && !was_pending) {
    const timespec now{};
    while (sigtimedwait(&pipe_signal, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return wrote;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) detail::throw_errno(errno, "cannot make a pipe");
  detail::UniqueFd write_end(ends[1]);
  Pipe pipe;
  pipe.read_end = Descriptor(ends[0]);
  pipe.write_end = Descriptor(write_end.release());
  return pipe;
}

}  // namespace coterie::io

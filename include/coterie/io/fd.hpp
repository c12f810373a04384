#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "coterie/core/leaf.hpp"
#include "coterie/task.hpp"

namespace coterie::io {

enum class Direction : unsigned char { read, write };

namespace detail {

class DescriptorState;

/// One that stands at a descriptor until it is ready. Leaves the list by itself when destroyed.
class ReadyNode {
 public:
  ReadyNode() = default;
  ReadyNode(const ReadyNode&) = delete;
  ReadyNode& operator=(const ReadyNode&) = delete;
  [[nodiscard]] bool attached() const noexcept { return list_ != nullptr; }
  void detach() noexcept;

 protected:
  virtual ~ReadyNode() { detach(); }
  /// Once per attachment, out of the list already: ready, or `error`. Inside the loop's poll, or close().
  virtual void on_ready(std::error_code error) noexcept = 0;

 private:
  friend class ReadyList;
  class ReadyList* list_ = nullptr;
  ReadyNode* next_ = nullptr;
  ReadyNode* prev_ = nullptr;
};

class ReadyAwaiter final : public Leaf, private ReadyNode {
 public:
  ReadyAwaiter(std::shared_ptr<DescriptorState> state, Direction direction, WaitKind kind);
  ~ReadyAwaiter() override;
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> caller) {
    attach();
    suspend(caller);
  }
  void await_resume();
  CancelReply cancel(const CancelMessage&) override {
    detach();
    return CancelReply::detached;
  }

 private:
  void attach();
  void on_ready(std::error_code error) noexcept override;
  std::shared_ptr<DescriptorState> state_;
  Direction direction_;
  std::error_code error_;
};

}  // namespace detail

/// A file descriptor that a loop watches: owned, made non-blocking, closed by the destructor. Move-only;
/// belongs to the loop that runs when it is made, and to its thread. When the loop closes, so does the
/// descriptor.
///
/// Every wait can be cancelled: the task leaves at once, and nothing that has arrived is lost, for nothing
/// was read. Several tasks may wait at once; all are woken and the quickest gets the data.
///
/// Pipes, sockets, terminals, eventfds, pidfds. A regular file is always ready (its reads block: use
/// to_thread).
class Descriptor {
 public:
  /// Refers to nothing.
  Descriptor() noexcept = default;
  /// Takes `fd`, also when it throws: std::system_error when the kernel refuses to watch it, std::logic_error
  /// when no loop with real I/O runs on this thread.
  explicit Descriptor(int fd);
  Descriptor(Descriptor&&) noexcept = default;
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  /// -1 when closed.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return fd() >= 0; }
  /// Tasks that wait at it get std::system_error, "operation canceled". Idempotent.
  void close() noexcept;
  /// No longer watched or owned; stays non-blocking. Tasks that wait at it: as close().
  [[nodiscard]] int release();

  /// Suspends until a read would not block: data, end of file or an error. A cancel detaches at once.
  [[nodiscard]] detail::ReadyAwaiter readable(WaitKind kind = WaitKind::io_readable) const {
    return detail::ReadyAwaiter(state_, Direction::read, kind);
  }
  [[nodiscard]] detail::ReadyAwaiter writable(WaitKind kind = WaitKind::io_writable) const {
    return detail::ReadyAwaiter(state_, Direction::write, kind);
  }

  /// Reads at least one byte; 0 at the end of file or for an empty buffer. Suspends only when nothing is
  /// there. The buffer must live until the call is over. Throws std::system_error; a cancel loses no data.
  Task<std::size_t> read_some(std::span<std::byte> buffer);
  /// Writes all of `data`, which must live until the call is over. Throws std::system_error (broken pipe:
  /// EPIPE, never SIGPIPE). After a cancel a part may have been written.
  Task<void> write_all(std::span<const std::byte> data);
  Task<void> write_all(std::string_view text);
  /// Reads to the end of file. More than `limit` bytes: std::length_error, the rest stays unread.
  Task<std::string> read_to_end(std::size_t limit = std::size_t{64} << 20);

  /// For the runtime; null when it refers to nothing.
  [[nodiscard]] const std::shared_ptr<detail::DescriptorState>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<detail::DescriptorState> state_;
};

namespace detail {
/// Waits at a descriptor that somebody else owns, through an epoll of its own: the descriptor's flags, which
/// it shares with other processes, stay as they are.
class BorrowedWait {
 public:
  BorrowedWait(int fd, Direction direction);
  ReadyAwaiter operator co_await() const;

 private:
  std::shared_ptr<DescriptorState> watch_;
  Direction direction_;
};
}  // namespace detail

/// Suspends until `fd`, which stays the caller's, is readable: for once and for descriptors of other
/// libraries. Who waits often makes a Descriptor. Close `fd` only when nobody waits at it: the kernel would
/// not tell. std::system_error when it is no open descriptor; a regular file is ready at once. A cancel
/// detaches at once.
[[nodiscard]] inline detail::BorrowedWait readable(int fd) {
  return detail::BorrowedWait(fd, Direction::read);
}
[[nodiscard]] inline detail::BorrowedWait writable(int fd) {
  return detail::BorrowedWait(fd, Direction::write);
}

/// write(2) that reports a broken pipe as EPIPE and raises no SIGPIPE, whatever the process does with it.
[[nodiscard]] std::ptrdiff_t write_without_sigpipe(int fd, std::span<const std::byte> data) noexcept;

/// The two ends of a pipe, both close-on-exec.
struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
  Pipe() = default;
};
/// Throws std::system_error.
[[nodiscard]] Pipe make_pipe();

}  // namespace coterie::io

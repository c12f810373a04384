#pragma once
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <array>
#include <memory>
#include <optional>
#include <system_error>

#include "coterie/io/fd.hpp"
#include "src/io/asio_poller.hpp"

namespace coterie::io::detail {

/// Who stands at one direction of a descriptor, in order of arrival.
class ReadyList {
 public:
  ReadyList() = default;
  ReadyList(const ReadyList&) = delete;
  ReadyList& operator=(const ReadyList&) = delete;
  ~ReadyList() = default;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void push_back(ReadyNode& node) noexcept;
  void remove(ReadyNode& node) noexcept;
  /// Tells all who stand here now.
  void wake_all(std::error_code error) noexcept;

 private:
  ReadyNode* first_ = nullptr;
  ReadyNode* last_ = nullptr;
};

/// A descriptor as Asio watches it, and who waits at it.
///
///     attach()                     Asio's handler
///     idle ───────────▶ armed ─────────────────────▶ idle, all waiters told
///                         │ a waiter leaves: still armed, at most one wait per direction is outstanding
///
/// Leaving costs nothing and needs no answer from Asio, so a cancel is delivered at once; the handler keeps
/// this object alive until it has run or the context has gone.
class DescriptorState final : public std::enable_shared_from_this<DescriptorState>,
                              private AsioPoller::Dependent {
 public:
  /// Takes `fd`, also when it throws.
  [[nodiscard]] static std::shared_ptr<DescriptorState> watch(AsioPoller& poller, int fd);
  DescriptorState(AsioPoller& poller, int fd);
  ~DescriptorState() override;

  [[nodiscard]] int fd() const noexcept;
  /// What dumps say of who waits here: the number that it had, or stands for.
  [[nodiscard]] const int* shown() const noexcept { return &shown_; }
  void show_as(int fd) noexcept { shown_ = fd; }
  void close() noexcept;
  [[nodiscard]] int release();
  /// Throws std::system_error when it is closed.
  void attach(ReadyNode& node, Direction direction);

 private:
  using Stream = boost::asio::posix::basic_stream_descriptor<AsioPoller::Context::executor_type>;
  struct Side {
    ReadyList waiters;
    bool armed = false;
  };
  [[nodiscard]] Side& side(Direction direction) noexcept {
    return sides_.at(static_cast<std::size_t>(direction));
  }
  void arm(Direction direction);
  void abandon() noexcept override;
  void drop_waiters() noexcept;

  std::optional<Stream> stream_;
  std::array<Side, 2> sides_;
  int shown_;
};

/// An open descriptor that is closed by its owner's end; -1: none.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

[[noreturn]] void throw_errno(int error, const std::string& what);

}  // namespace coterie::io::detail

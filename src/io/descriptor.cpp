#include "src/io/descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace coterie::io::detail {

void ReadyNode::detach() noexcept {
  if (list_ != nullptr) list_->remove(*this);
}

void ReadyList::push_back(ReadyNode& node) noexcept {
  node.list_ = this;
  node.prev_ = last_;
  node.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &node;
  last_ = &node;
}

void ReadyList::remove(ReadyNode& node) noexcept {
  (node.prev_ != nullptr ? node.prev_->next_ : first_) = node.next_;
  (node.next_ != nullptr ? node.next_->prev_ : last_) = node.prev_;
  node.list_ = nullptr;
  node.next_ = node.prev_ = nullptr;
}

void ReadyList::wake_all(std::error_code error) noexcept {
  // One that is told may attach again at once, and is then not of this round.
  ReadyNode* const last = last_;
  while (ReadyNode* node = first_) {
    const bool was_last = node == last;
    remove(*node);
    node->on_ready(error);
    if (was_last) break;
  }
}

std::shared_ptr<DescriptorState> DescriptorState::watch(AsioPoller& poller, int fd) {
  UniqueFd guard(fd);
  auto state = std::make_shared<DescriptorState>(poller, fd);
  (void)guard.release();
  return state;
}

DescriptorState::DescriptorState(AsioPoller& poller, int fd) : Dependent(poller), shown_(fd) {
  stream_.emplace(poller.context());
  boost::system::error_code error;
  stream_->assign(fd, error);
  if (error) throw std::system_error(error, "cannot watch descriptor " + std::to_string(fd));
  stream_->native_non_blocking(true, error);
  if (error) {
    (void)stream_->release();
    throw std::system_error(error, "cannot make descriptor " + std::to_string(fd) + " non-blocking");
  }
}

DescriptorState::~DescriptorState() {
  close();
}

int DescriptorState::fd() const noexcept {
  // native_handle() is no const member of Asio's.
  return stream_ && stream_->is_open() ? const_cast<Stream&>(*stream_).native_handle() : -1;
}

void DescriptorState::attach(ReadyNode& node, Direction direction) {
  if (fd() < 0) throw_errno(EBADF, "cannot wait at a descriptor that is closed");
  Side& here = side(direction);
  if (!here.armed) arm(direction);
  here.waiters.push_back(node);
}

void DescriptorState::arm(Direction direction) {
  const auto what = direction == Direction::read ? Stream::wait_read : Stream::wait_write;
  stream_->async_wait(what, [self = shared_from_this(), direction](const boost::system::error_code& error) {
    Side& here = self->side(direction);
    here.armed = false;
    // A regular file: epoll does not watch it, poll(2) calls it always ready.
    const bool unwatchable = error == boost::asio::error::operation_not_supported;
    here.waiters.wake_all(unwatchable ? std::error_code() : std::error_code(error));
  });
  side(direction).armed = true;
}

void DescriptorState::close() noexcept {
  if (stream_) {
    boost::system::error_code ignored;
    stream_->close(ignored);
  }
  drop_waiters();
}

int DescriptorState::release() {
  const int fd = stream_ && stream_->is_open() ? stream_->release() : -1;
  drop_waiters();
  return fd;
}

void DescriptorState::abandon() noexcept {
  stream_.reset();
  drop_waiters();
}

void DescriptorState::drop_waiters() noexcept {
  for (Side& here : sides_) here.waiters.wake_all(std::make_error_code(std::errc::operation_canceled));
}

void UniqueFd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

void throw_errno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace coterie::io::detail

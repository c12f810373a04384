#include "src/io/socket_transport.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "src/io/descriptor.hpp"

namespace coterie::io::detail {

Task<void> SocketTransport::shutdown_write() {
  if (::shutdown(socket_.fd(), SHUT_WR) != 0 && errno != ENOTCONN)
    throw_errno(errno, "cannot shut down the connection to " + peer_);
  co_return;
}

std::size_t SocketTransport::try_write(std::span<const std::byte> data) noexcept {
  const ssize_t sent = ::send(socket_.fd(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void set_no_delay(int fd, int family, bool on) noexcept {
  const int value = on ? 1 : 0;
  if (on && family != AF_UNIX) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

}  // namespace coterie::io::detail

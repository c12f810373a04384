#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "coterie/core/duration.hpp"
#include "coterie/exception_group.hpp"
#include "coterie/io/dns.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/io/unix.hpp"
#include "coterie/race.hpp"
#include "coterie/timeout.hpp"
#include "src/io/descriptor.hpp"

namespace coterie::io {
namespace {

class SocketTransport final : public Transport {
 public:
  SocketTransport(Descriptor socket, std::string peer) : socket_(std::move(socket)), peer_(std::move(peer)) {}
  Task<std::size_t> read_some(std::span<std::byte> buffer) override { return socket_.read_some(buffer); }
  Task<void> write_all(std::span<const std::byte> data) override { return socket_.write_all(data); }
  Task<void> shutdown_write() override {
    if (::shutdown(socket_.fd(), SHUT_WR) != 0 && errno != ENOTCONN)
      detail::throw_errno(errno, "cannot shut down the connection to " + peer_);
    co_return;
  }
  void close() noexcept override { socket_.close(); }
  [[nodiscard]] std::string peer() const override { return peer_; }

 private:
  Descriptor socket_;
  std::string peer_;
};

Task<Descriptor> connect(Endpoint to, bool no_delay) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) detail::throw_errno(errno, to.str());
  Descriptor socket(fd);
  const int on = 1;
  if (no_delay && to.family() != AF_UNIX) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int error = ::connect(fd, to.address(), to.bytes()) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    co_await socket.writable();
    socklen_t bytes = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0) error = errno;
  }
  if (error != 0) detail::throw_errno(error, to.str());
  co_return socket;
}

[[noreturn]] void throw_none_answers(const std::string& whom, const ExceptionGroup& group) {
  std::string why;
  std::error_code first;
  for (const std::exception_ptr& each : group.errors()) {
    try {
      std::rethrow_exception(each);
    } catch (const std::system_error& error) {
      if (!first) first = error.code();
      why += (why.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  throw std::system_error(first, "cannot connect to " + whom + " (" + why + ")");
}

Task<Descriptor> connect_any(std::string host, std::uint16_t port, ConnectOptions options) {
  std::vector<Endpoint> addresses = co_await resolve(host, port);
  std::vector<Task<Descriptor>> attempts;
  attempts.reserve(addresses.size());
  for (const Endpoint& at : addresses) attempts.push_back(connect(at, options.no_delay));
  auto race = staggered_race(options.attempt_delay, std::move(attempts));
  auto end = co_await outcome(race);
  try {
    co_return std::move(std::move(end).get().value);
  } catch (const ExceptionGroup& group) {
    throw_none_answers(host + ":" + std::to_string(port), group);
  }
}

Task<Stream> within(Task<Descriptor> connecting, std::string whom, ConnectOptions options) {
  Outcome<Descriptor> end;
  if (options.timeout == Duration::max()) {
    end = co_await outcome(std::move(connecting));
  } else {
    Task<Descriptor> limited = wait_for(options.timeout, std::move(connecting));
    end = co_await outcome(std::move(limited));
  }
  try {
    auto transport = std::make_unique<SocketTransport>(std::move(end).get(), whom);
    co_return Stream(std::move(transport), options.stream);
  } catch (const TimeoutError&) {
    throw TimeoutError("cannot connect to " + whom + " within " +
                       coterie::detail::seconds_text(options.timeout));
  }
}

}  // namespace

Task<Stream> connect_tcp(std::string host, std::uint16_t port, ConnectOptions options) {
  std::string whom = host + ":" + std::to_string(port);
  return within(connect_any(std::move(host), port, options), std::move(whom), options);
}

Task<Stream> connect_unix(std::string path, ConnectOptions options) {
  const Endpoint to = Endpoint::unix_path(path);
  return within(connect(to, false), std::move(path), options);
}

}  // namespace coterie::io

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
#include "src/io/connect.hpp"
#include "src/io/descriptor.hpp"
#include "src/io/socket_transport.hpp"

namespace coterie::io {
namespace {

Task<Descriptor> connect(Endpoint to, bool no_delay) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) detail::throw_errno(errno, to.str());
  Descriptor socket(fd);
  detail::set_no_delay(fd, to.family(), no_delay);
  int error = ::connect(fd, to.address(), to.bytes()) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    co_await socket.writable();
    socklen_t bytes = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0) error = errno;
  }
  if (error != 0) detail::throw_errno(error, to.str());
  co_return socket;
}

/// "cannot connect to localhost:80 ([::1]:80: Network is unreachable; 127.0.0.1:80: Connection refused)"; an
/// address that was named itself, and what is the same for all of them, is said once.
[[noreturn]] void throw_none_answers(const std::string& whom, const std::vector<Endpoint>& addresses,
                                     const ExceptionGroup& group) {
  std::string each_why;
  std::error_code first;
  bool same = true;
  for (const std::exception_ptr& each : group.errors()) {
    try {
      std::rethrow_exception(each);
    } catch (const std::system_error& error) {
      if (!first) first = error.code();
      same = same && error.code() == first;
      each_why += (each_why.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  const std::string what = "cannot connect to " + whom;
  if (!same) throw std::system_error(first, what + " (" + each_why + ")");
  std::string all;
  for (const Endpoint& at : addresses) all += (all.empty() ? "" : ", ") + at.str();
  throw std::system_error(first, all == whom ? what : what + " (" + all + ")");
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
    throw_none_answers(host + ":" + std::to_string(port), addresses, group);
  }
}

Task<Stream> connect_path(Endpoint to, std::string path, StreamOptions options) {
  Descriptor socket = co_await connect(to, false);
  co_return Stream(std::make_unique<detail::SocketTransport>(std::move(socket), std::move(path)), options);
}

Task<Stream> connect_plain(std::string host, std::uint16_t port, ConnectOptions options) {
  std::unique_ptr<Transport> socket = co_await detail::connect_transport(std::move(host), port, options);
  co_return Stream(std::move(socket), options.stream);
}

std::string cannot_connect(const std::string& whom) {
  return "cannot connect to " + whom;
}

}  // namespace

Task<std::unique_ptr<Transport>> detail::connect_transport(std::string host, std::uint16_t port,
                                                           ConnectOptions options) {
  std::string peer = host + ":" + std::to_string(port);
  Descriptor socket = co_await connect_any(std::move(host), port, options);
  co_return std::make_unique<SocketTransport>(std::move(socket), std::move(peer));
}

Task<Stream> detail::within(Task<Stream> connecting, std::string what, Duration limit) {
  if (limit == Duration::max()) co_return co_await std::move(connecting);
  Task<Stream> limited = wait_for(limit, std::move(connecting));
  Outcome<Stream> end = co_await outcome(std::move(limited));
  try {
    co_return std::move(end).get();
  } catch (const TimeoutError&) {
    throw TimeoutError(what + " within " + coterie::detail::seconds_text(limit));
  }
}

Task<Stream> connect_tcp(std::string host, std::uint16_t port, ConnectOptions options) {
  std::string whom = cannot_connect(host + ":" + std::to_string(port));
  return detail::within(connect_plain(std::move(host), port, options), std::move(whom), options.timeout);
}

Task<Stream> connect_unix(std::string path, ConnectOptions options) {
  const Endpoint to = Endpoint::unix_path(path);
  std::string whom = cannot_connect(path);
  return detail::within(connect_path(to, std::move(path), options.stream), std::move(whom), options.timeout);
}

}  // namespace coterie::io

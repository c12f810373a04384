#include "coterie/io/listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "coterie/await_outcome.hpp"
#include "coterie/loop.hpp"
#include "coterie/spawn.hpp"
#include "coterie/timeout.hpp"
#include "src/io/any_ready.hpp"
#include "src/io/listener_state.hpp"
#include "src/io/socket_transport.hpp"

namespace coterie::io {
namespace {

using detail::Accepted;
using detail::ListenerState;
using detail::UniqueFd;
using StatePtr = std::shared_ptr<ListenerState>;

std::string cannot_listen(const Endpoint& at) {
  return "cannot listen at " + at.str();
}

bool is_any(const Endpoint& at) {
  if (at.family() != AF_INET6) return false;
  const auto* const address = reinterpret_cast<const sockaddr_in6*>(at.address());
  return IN6_IS_ADDR_UNSPECIFIED(&address->sin6_addr);
}

Endpoint with_port(const Endpoint& at, std::uint16_t port) {
  sockaddr_storage storage{};
  std::memcpy(&storage, at.address(), at.bytes());
  if (at.family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  if (at.family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
  return {reinterpret_cast<const sockaddr*>(&storage), at.bytes()};
}

/// All of `addresses` at one port. Nothing: a free one was found for the first, and is taken at another.
StatePtr listen_at(const std::vector<Endpoint>& addresses, const ListenOptions& options) {
  auto state = std::make_shared<ListenerState>(options);
  std::uint16_t port = addresses.front().port();
  for (const Endpoint& address : addresses) {
    const Endpoint at = with_port(address, port);
    try {
      state->add(detail::bound_socket(at, options), at);
    } catch (const std::system_error& error) {
      const bool found = addresses.front().port() == 0 && !state->sockets.empty();
      if (found && error.code() == std::errc::address_in_use) return nullptr;
      throw;
    }
    port = state->endpoints.back().port();
  }
  return state;
}

StatePtr listen_at_one_port(const std::vector<Endpoint>& addresses, const ListenOptions& options) {
  for (int tries = 0; tries < 50; ++tries)
    if (StatePtr state = listen_at(addresses, options)) return state;
  throw std::system_error(EADDRINUSE, std::generic_category(),
                          cannot_listen(addresses.front()) + ": no port is free at all its addresses");
}

/// "::" for everything where that is possible; else each family has its own.
StatePtr listen_everywhere(std::uint16_t port, const ListenOptions& options) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  const Endpoint any6(reinterpret_cast<const sockaddr*>(&six), sizeof six);
  const Endpoint any4(reinterpret_cast<const sockaddr*>(&four), sizeof four);
  const bool has_six = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).get() >= 0;
  std::vector<Endpoint> addresses;
  if (has_six) addresses.push_back(any6);
  if (!has_six || !options.dual_stack) addresses.push_back(any4);
  return listen_at_one_port(addresses, options);
}

/// Nothing to accept, or one that came and went; EMFILE and its like need a pause.
enum class Refusal : unsigned char { later, next, exhausted, closed };
Refusal refusal(int error) {
  switch (error) {
    case EAGAIN:
      return Refusal::later;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Refusal::exhausted;
    case EBADF:
    case EINVAL:
      return Refusal::closed;
    // ECONNABORTED, EPROTO and errors of the network that Linux hands on: of one connection, not of ours.
    default:
      return Refusal::next;
  }
}

/// One look at every socket, the next one first each time. EAGAIN when there is nothing.
UniqueFd take_one(ListenerState& state, sockaddr_storage& from, socklen_t& bytes, int& error) {
  error = EAGAIN;
  for (std::size_t i = 0; i < state.sockets.size(); ++i) {
    const Descriptor& socket = state.sockets.at(state.turn++ % state.sockets.size());
    bytes = sizeof from;
    const int fd =
        ::accept4(socket.fd(), reinterpret_cast<sockaddr*>(&from), &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EAGAIN) {
      error = errno;
      return {};
    }
  }
  return {};
}

std::string peer_name(const ListenerState& state, const sockaddr_storage& from, socklen_t bytes) {
  if (!state.path.empty()) return state.path;  // who connects to a Unix socket has no name
  const auto* const six = reinterpret_cast<const sockaddr_in6*>(&from);
  if (from.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
    sockaddr_in four{};  // "127.0.0.1:80", not "[::ffff:127.0.0.1]:80"
    four.sin_family = AF_INET;
    four.sin_port = six->sin6_port;
    std::memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, sizeof four.sin_addr);
    return Endpoint(reinterpret_cast<const sockaddr*>(&four), sizeof four).str();
  }
  return Endpoint(reinterpret_cast<const sockaddr*>(&from), bytes).str();
}

void tell_exhausted(ListenerState& state, int error) {
  if (std::exchange(state.exhausted, true)) return;
  const std::string what = "No connection can be accepted at " + state.name + "; trying again";
  EventLoop::current().report(ErrorContext(
      what, std::make_exception_ptr(std::system_error(error, std::generic_category(), "accept"))));
}

/// The pause, or until close().
Task<void> rest(StatePtr state) {
  const auto closed = [](StatePtr of) -> Task<void> { co_await of->closed.wait(); };
  Task<void> resting = wait_for(state->options.exhausted_pause, closed(state));
  const Outcome<void> end = co_await outcome(std::move(resting));
  if (end.cancelled()) (void)end.get();
}

Task<Accepted> accept_one(StatePtr state) {
  for (;;) {
    if (state->sockets.empty())
      detail::throw_errno(ECANCELED, "the listener at " + state->name + " was closed");
    sockaddr_storage from{};
    socklen_t bytes = 0;
    int error = 0;
    UniqueFd fd = take_one(*state, from, bytes, error);
    if (fd.get() >= 0) {
      state->exhausted = false;
      detail::set_no_delay(fd.get(), from.ss_family, state->options.no_delay);
      co_return Accepted(Descriptor(fd.release()), peer_name(*state, from, bytes), state->options.stream);
    }
    switch (refusal(error)) {
      case Refusal::next:
        break;
      case Refusal::closed:
        detail::throw_errno(error, "cannot accept a connection at " + state->name);
      case Refusal::exhausted:
        tell_exhausted(*state, error);
        co_await rest(state);
        break;
      case Refusal::later: {
        detail::AnyReadable any;
        for (const Descriptor& socket : state->sockets) any.add(socket.state());
        co_await any;
        break;
      }
    }
  }
}

Task<Stream> accept_stream(StatePtr state) {
  Accepted accepted = co_await accept_one(std::move(state));
  auto transport =
      std::make_unique<detail::SocketTransport>(std::move(accepted.socket), std::move(accepted.peer));
  co_return Stream(std::move(transport), accepted.options);
}

}  // namespace

UniqueFd detail::bound_socket(const Endpoint& at, const ListenOptions& options) {
  UniqueFd fd(::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) throw_errno(errno, cannot_listen(at));
  const auto set = [&](int level, int option, bool on) {
    const int value = on ? 1 : 0;
    if (::setsockopt(fd.get(), level, option, &value, sizeof value) != 0)
      throw_errno(errno, cannot_listen(at));
  };
  if (at.family() != AF_UNIX) {
    set(SOL_SOCKET, SO_REUSEADDR, options.reuse_address);
    if (options.reuse_port) set(SOL_SOCKET, SO_REUSEPORT, true);
  }
  if (at.family() == AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, !(is_any(at) && options.dual_stack));
  if (::bind(fd.get(), at.address(), at.bytes()) != 0) throw_errno(errno, cannot_listen(at));
  return fd;
}

Endpoint detail::endpoint_of(int fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0)
    throw_errno(errno, "cannot tell where a socket is bound");
  return {reinterpret_cast<const sockaddr*>(&storage), bytes};
}

void detail::ListenerState::add(UniqueFd socket, const Endpoint& at) {
  if (::listen(socket.get(), options.backlog) != 0) throw_errno(errno, cannot_listen(at));
  Endpoint bound = endpoint_of(socket.get());
  sockets.emplace_back(socket.release());
  if (name.empty()) name = bound.str();
  endpoints.push_back(bound);
}

void detail::ListenerState::close() noexcept {
  struct stat info{};
  if (!path.empty() && ::lstat(path.c_str(), &info) == 0 && FileIdentity(info) == file)
    ::unlink(path.c_str());
  path.clear();
  std::vector<Descriptor> gone = std::move(sockets);
  sockets.clear();
  endpoints.clear();
  for (Descriptor& socket : gone) socket.close();
  closed.set();
}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}

Task<Stream> Listener::accept() const {
  check();
  return accept_stream(state_);
}
Task<Accepted> Listener::accept_socket() const {
  check();
  return accept_one(state_);
}
void Listener::check() const {
  if (!state_) throw InvalidState("this Listener was moved from: it listens nowhere");
}
void Listener::close() noexcept {
  if (state_) state_->close();
}
bool Listener::closed() const noexcept {
  return !state_ || state_->sockets.empty();
}
std::vector<Endpoint> Listener::endpoints() const {
  return state_ ? state_->endpoints : std::vector<Endpoint>();
}
std::uint16_t Listener::port() const {
  return closed() ? std::uint16_t{0} : state_->endpoints.front().port();
}
std::string Listener::str() const {
  return state_ ? state_->name : std::string();
}

Task<Listener> listen_tcp(std::string host, std::uint16_t port, ListenOptions options) {
  if (host.empty()) co_return Listener(listen_everywhere(port, options));
  const std::vector<Endpoint> addresses = co_await resolve(host, port);
  if (addresses.size() > ListenerState::most_sockets)
    throw std::invalid_argument("'" + host + "' has " + std::to_string(addresses.size()) +
                                " addresses, of which a listener takes at most " +
                                std::to_string(ListenerState::most_sockets) + "; give one of them");
  co_return Listener(listen_at_one_port(addresses, options));
}

}  // namespace coterie::io

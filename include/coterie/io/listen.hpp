#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coterie/io/dns.hpp"
#include "coterie/io/fd.hpp"
#include "coterie/io/stream.hpp"
#include "coterie/sleep.hpp"
#include "coterie/task.hpp"

namespace coterie::io {
namespace detail {
struct ListenerState;
struct Accepted;
}  // namespace detail

struct ListenOptions {
  /// How many connections wait in the kernel to be accepted; it may allow fewer (net.core.somaxconn).
  int backlog = 128;
  /// SO_REUSEADDR: a server that was restarted gets its port back at once. TCP.
  bool reuse_address = true;
  /// SO_REUSEPORT: several processes listen at one port and share what comes. TCP.
  bool reuse_port = false;
  /// Whether an IPv6 address that stands for all ("::", or no host) takes IPv4's connections as well. TCP.
  bool dual_stack = true;
  /// TCP_NODELAY of what is accepted.
  bool no_delay = true;
  /// Permissions of a Unix socket, 0600 say: who may write to it may connect. Nothing: as the umask leaves
  /// them.
  std::optional<unsigned> mode;
  /// How long accepting rests when the system has no more descriptors or memory for a connection.
  Duration exhausted_pause = std::chrono::seconds(1);
  StreamOptions stream;
  ListenOptions() = default;
};

/// Sockets that others connect to. Move-only; belongs to the loop that runs when it is made, and to its
/// thread. Its destructor closes.
class Listener {
 public:
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener() { close(); }

  /// The next connection; its peer() is the other end's address. Connections that were given up before they
  /// came here are passed over. When the system has no more descriptors or memory, it rests a while and goes
  /// on, and the loop's exception handler hears of it once. A cancel loses no connection: those that were
  /// not taken yet wait in the kernel. Several tasks may wait. std::system_error, ECANCELED: closed.
  [[nodiscard]] Task<Stream> accept() const;

  /// At once: who waits in accept() gets std::system_error, those that wait in the kernel are reset. A Unix
  /// socket's file goes, if it is still this one's. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;
  /// Where it listens, one for each socket; empty when closed.
  [[nodiscard]] std::vector<Endpoint> endpoints() const;
  /// TCP's port, the one that was found for port 0; 0 for a Unix socket, and when closed.
  [[nodiscard]] std::uint16_t port() const;
  /// For messages: "127.0.0.1:8080", or the path.
  [[nodiscard]] std::string str() const;

  /// For the runtime.
  explicit Listener(std::shared_ptr<detail::ListenerState> state) noexcept : state_(std::move(state)) {}
  [[nodiscard]] Task<detail::Accepted> accept_socket() const;

 private:
  void check() const;
  std::shared_ptr<detail::ListenerState> state_;
};

/// Listens for TCP at all addresses of `host` (at most 8), by name or address; no host: at every address of
/// this machine. Port 0: one that is free, the same for all. std::system_error, which names the address:
/// EADDRINUSE, EACCES. A cancel leaves nothing open.
[[nodiscard]] Task<Listener> listen_tcp(std::string host, std::uint16_t port, ListenOptions options = {});

/// Listens at a Unix socket. A socket's file that nobody listens at any more, left by a killed process, is
/// replaced; one where somebody does is EADDRINUSE, and so is whatever else stands there.
/// std::invalid_argument when the path is none.
[[nodiscard]] Listener listen_unix(const std::string& path, const ListenOptions& options = {});

}  // namespace coterie::io

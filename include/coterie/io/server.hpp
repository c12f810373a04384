#pragma once
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "coterie/core/callable.hpp"
#include "coterie/io/listen.hpp"
#include "coterie/io/stream.hpp"
#include "coterie/io/tls.hpp"
#include "coterie/sleep.hpp"
#include "coterie/task.hpp"

namespace coterie::io {
namespace detail {

class ConnectionHandler {
 public:
  ConnectionHandler() = default;
  ConnectionHandler(const ConnectionHandler&) = delete;
  ConnectionHandler& operator=(const ConnectionHandler&) = delete;
  virtual ~ConnectionHandler() = default;
  [[nodiscard]] virtual Task<void> handle(Stream stream) = 0;
};
template <class Fn>
class HandlerOf final : public ConnectionHandler {
 public:
  template <class F>
  HandlerOf(std::in_place_t, F&& fn) : fn_(std::forward<F>(fn)) {}
  [[nodiscard]] Task<void> handle(Stream stream) override { return fn_(std::move(stream)); }

 private:
  Fn fn_;
};

struct ServerState;

template <class Fn>
concept HandlesConnections = requires(std::decay_t<Fn>& fn, Stream stream) {
  { fn(std::move(stream)) } -> std::same_as<Task<void>>;
};

}  // namespace detail

struct ServerOptions {
  /// Connections at a time; those beyond it wait in the kernel, up to ListenOptions::backlog. The default
  /// stays below the usual limit of 1024 descriptors.
  std::size_t max_connections = 1000;
  /// Nothing: without TLS. A client that does not get through its handshake is dropped without a report, but
  /// in debug mode: it is its business.
  std::optional<TlsServerContext> tls;
  ServerOptions() = default;
};

/// Accepts connections and runs `handler(Stream)`, a coroutine function, as a task for each; the stream
/// closes when the handler ends.
///
///     io::Listener listener = co_await io::listen_tcp("127.0.0.1", 8080);
///     io::Server server(std::move(listener), echo);
///     co_await server.serve_forever();
///
/// What a handler throws goes to the loop's exception handler, once, and the server goes on; a handler that
/// was cancelled ends silently. The server owns the handler, which lives as long as it does. Of one loop and
/// its thread; it may not be destroyed while tasks of it are left (see TaskScope): let serve_forever(),
/// wait_closed() or stop() end first. (asyncio.start_server, asyncio.Server)
class Server {
 public:
  /// Begins at once. std::invalid_argument when no connection is allowed.
  template <class Handler>
    requires detail::HandlesConnections<Handler>
  Server(Listener listener, Handler&& handler, ServerOptions options = {})
      : Server(std::move(listener), make_handler(std::forward<Handler>(handler)), std::move(options)) {
    COTERIE_GUARD_CALLABLE(Handler);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Listens no more, at once; connections go on. Idempotent.
  void close() noexcept;
  /// Waits until close() was called and the last connection has ended, in whichever order. A cancel of the
  /// waiter comes out at once and changes nothing. InvalidState in a handler, which would wait for itself.
  [[nodiscard("co_await it: it does not wait by itself")]] Task<void> wait_closed();
  /// As wait_closed(), but a cancel closes the server, cancels the handlers, and comes out when they have
  /// ended.
  [[nodiscard("co_await it: it does not wait by itself")]] Task<void> serve_forever();
  /// Closes, lets handlers go on for `grace`, then cancels them and waits for their end. A cancel shortens
  /// the grace.
  [[nodiscard("co_await it: nothing is stopped before")]] Task<void> stop(Duration grace);
  /// Cancels the handlers, which clean up as they like.
  void close_clients();
  /// Closes the sockets of all connections: handlers that read or write get std::system_error, which is then
  /// not reported.
  void abort_clients() noexcept;

  [[nodiscard]] bool is_serving() const noexcept;
  /// Handlers that have not ended.
  [[nodiscard]] std::size_t connections() const noexcept;
  [[nodiscard]] const Listener& listener() const noexcept;

 private:
  Server(Listener listener, std::unique_ptr<detail::ConnectionHandler> handler, ServerOptions options);
  template <class Handler>
  static std::unique_ptr<detail::ConnectionHandler> make_handler(Handler&& handler) {
    return std::make_unique<detail::HandlerOf<std::decay_t<Handler>>>(std::in_place,
                                                                      std::forward<Handler>(handler));
  }
  std::unique_ptr<detail::ServerState> state_;
};

namespace detail {
template <class Handler>
Task<void> serve_block(Listener listener, Handler handler, ServerOptions options) {
  Server server(std::move(listener), handler, std::move(options));
  co_await server.serve_forever();
}
}  // namespace detail

/// Server::serve_forever() of a server that lives as long as this call: until it is cancelled.
template <class Handler>
  requires detail::HandlesConnections<Handler>
[[nodiscard]] Task<void> serve(Listener listener, Handler&& handler, ServerOptions options = {}) {
  COTERIE_GUARD_CALLABLE(Handler);
  return detail::serve_block<std::decay_t<Handler>>(std::move(listener), std::forward<Handler>(handler),
                                                    std::move(options));
}

}  // namespace coterie::io

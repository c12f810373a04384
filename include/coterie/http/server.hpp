#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "coterie/http/message.hpp"
#include "coterie/io/listen.hpp"
#include "coterie/io/tls.hpp"
#include "coterie/sleep.hpp"

namespace coterie::http {

/// What a client may ask of a server. Each has an answer of its own: 408, 413, 431, or a connection that
/// waits in the kernel.
struct ServerLimits {
  std::uint32_t header_bytes = std::uint32_t{16} << 10;  ///< request line and fields
  std::uint64_t body_bytes = std::uint64_t{1} << 20;
  /// At a time; where all but an eighth are taken, each new one closes the one that has asked nothing for the
  /// longest.
  std::size_t connections = 256;
  /// From a request's first byte to the end of it, however slowly it is sent.
  Duration request_time = std::chrono::seconds(15);
  /// Between two requests of a connection, and before the first.
  Duration idle_time = std::chrono::seconds(60);
  /// A client that takes nothing for so long is dropped.
  Duration write_time = std::chrono::seconds(30);
  ServerLimits() = default;
};

struct ServerOptions {
  ServerLimits limits;
  /// Fields of every response, those to requests that could not be read among them. A response's own come
  /// first.
  Headers headers;
  std::optional<io::TlsServerContext> tls;
  ServerOptions() = default;
};

/// Answers one request. What it throws is a 500, and goes to the loop's exception handler.
using Handler = std::function<Task<Response>(Request)>;

/// HTTP/1.1 and 1.0 on `listener`: a task for each connection, one request after the other, until this call
/// is cancelled; then handlers are cancelled too and it returns when they have ended. Of one loop.
///
/// Not here, on purpose: HTTP/2 (a proxy in front speaks it), CONNECT, targets that are whole URLs,
/// compression on the fly.
[[nodiscard]] Task<void> serve(io::Listener listener, Handler handler, ServerOptions options = {});

}  // namespace coterie::http

#include "coterie/io/tls.hpp"

#include <memory>
#include <utility>

#include "coterie/spawn.hpp"
#include "src/io/connect.hpp"
#include "src/io/stream_parts.hpp"
#include "src/io/tls_transport.hpp"

namespace coterie::io {
namespace {

using SettingsPtr = std::shared_ptr<const detail::TlsSettings>;

/// The transport closes whatever this ends with, but a Stream.
Task<Stream> shake_hands(std::unique_ptr<detail::TlsTransport> tls, StreamOptions options) {
  co_await tls->handshake();
  co_return Stream(std::move(tls), options);
}

Task<Stream> connect(std::string host, std::uint16_t port, SettingsPtr settings, ConnectOptions options) {
  std::unique_ptr<Transport> socket = co_await detail::connect_transport(host, port, options);
  auto tls = std::make_unique<detail::TlsTransport>(std::move(socket), *settings, host);
  co_return co_await shake_hands(std::move(tls), options.stream);
}

Task<Stream> upgrade(Stream stream, std::string host, SettingsPtr settings) {
  detail::StreamParts parts(std::move(stream));
  std::string whom = parts.transport->peer();
  auto tls = std::make_unique<detail::TlsTransport>(std::move(parts.transport), *settings, host);
  tls->feed(parts.buffered);
  Task<Stream> shaking = shake_hands(std::move(tls), parts.options);
  co_return co_await detail::within(std::move(shaking), "no TLS with " + whom, settings->handshake_timeout);
}

}  // namespace

Task<Stream> connect_tls(std::string host, std::uint16_t port, TlsContext tls, ConnectOptions options) {
  std::string whom = "cannot connect to " + host + ":" + std::to_string(port);
  return detail::within(connect(std::move(host), port, tls.settings(), options), std::move(whom),
                        options.timeout);
}

Task<Stream> start_tls(Stream stream, std::string host, TlsContext tls) {
  return upgrade(std::move(stream), std::move(host), tls.settings());
}

Task<Stream> start_tls(Stream stream, TlsServerContext tls) {
  return upgrade(std::move(stream), std::string(), tls.settings());
}

}  // namespace coterie::io

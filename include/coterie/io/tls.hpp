#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>

#include "coterie/io/stream.hpp"
#include "coterie/io/tcp.hpp"
#include "coterie/sleep.hpp"
#include "coterie/task.hpp"

namespace coterie::io {
namespace detail {
struct TlsSettings;
}

/// Why TLS gave up, as the code of the std::system_error that its functions throw; the error's text names the
/// other end, what was wrong and what to do.
enum class TlsErrc : int {
  protocol = 1,          ///< the other end broke the protocol, or answered with an alert
  truncated,             ///< the end came without TLS's own: what was read may be a part
  expired,               ///< a certificate's time is over
  not_yet_valid,         ///< a certificate's time has not come: a wrong clock?
  self_signed,           ///< the certificate vouches for itself
  unknown_issuer,        ///< no trusted CA vouches for the certificate
  wrong_host,            ///< the certificate is another host's
  bad_certificate,       ///< not acceptable for another reason, which the text gives
  certificate_required,  ///< the other end wants a certificate, and was shown none
  certificate_refused,   ///< the other end does not accept our certificate
  no_common_version,     ///< no version of TLS, or no cipher, that both ends allow
  not_tls,               ///< the other end speaks something else
};
[[nodiscard]] const std::error_category& tls_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(TlsErrc code) noexcept {
  return {static_cast<int>(code), tls_category()};
}

/// Whom a client trusts, and who it is. At least TLS 1.2, always.
struct TlsOptions {
  /// PEM file of the CAs to trust, instead of the system's: OpenSSL's default, or what SSL_CERT_FILE and
  /// SSL_CERT_DIR name, as they are when a process first asks for them.
  std::string ca_file;
  /// PEM files of the client's own certificate, with those between it and its CA behind it, and of its key,
  /// without a passphrase; for servers that ask for one. Both or none.
  std::string certificate_file;
  std::string key_file;
  /// The name, or the IP address, that the server's certificate must hold, and that is asked for by SNI;
  /// empty: the host that is connected to.
  std::string server_name;
  /// Takes any certificate: who stands between reads and changes everything. For tests on one machine.
  bool insecure_accept_any_certificate = false;
  /// For start_tls(); connect_tls() has ConnectOptions::timeout for everything together.
  Duration handshake_timeout = std::chrono::seconds(30);
  TlsOptions() = default;
};

/// TlsOptions with their files read: made once and used for many connections. A handle that is cheap to copy;
/// may be used on any thread.
class TlsContext {
 public:
  TlsContext() : TlsContext(TlsOptions()) {}
  /// Reads the files, which blocks for moments. std::invalid_argument names the option that does not fit, the
  /// file and why.
  // NOLINTNEXTLINE(google-explicit-constructor)
  TlsContext(const TlsOptions& options);

  /// For the runtime.
  [[nodiscard]] const std::shared_ptr<const detail::TlsSettings>& settings() const noexcept {
    return settings_;
  }

 private:
  std::shared_ptr<const detail::TlsSettings> settings_;
};

/// Who a server is, and whom it serves. At least TLS 1.2; no session is resumed, so that the end of a client
/// that only writes cannot destroy what it wrote.
struct TlsServerOptions {
  /// PEM files of the certificate, with those between it and its CA behind it, and of its key, without a
  /// passphrase. Both.
  std::string certificate_file;
  std::string key_file;
  /// Clients must show a certificate of one of the CAs in this PEM file; empty: they are not asked.
  std::string client_ca_file;
  Duration handshake_timeout = std::chrono::seconds(30);
  TlsServerOptions() = default;
};

/// TlsServerOptions with their files read. As TlsContext.
class TlsServerContext {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  TlsServerContext(const TlsServerOptions& options);

  /// For the runtime.
  [[nodiscard]] const std::shared_ptr<const detail::TlsSettings>& settings() const noexcept {
    return settings_;
  }

 private:
  std::shared_ptr<const detail::TlsSettings> settings_;
};

/// Connects as connect_tcp() and speaks TLS: the certificate must be valid, lead to a trusted CA and hold
/// `host`, a name or an IP address. All within ConnectOptions::timeout: TimeoutError. std::system_error with
/// a TlsErrc, or as connect_tcp(). A cancel closes what was begun.
///
/// The Stream that comes is as any other, and reads and writes go on at once, but
///  * an end without TLS's own end (close_notify) is an error, TlsErrc::truncated: somebody may have cut it;
///  * shutdown_write() sends that end and leaves the socket open both ways; close() sends it where it goes
///    out at once, unless a write was cut off in the middle, which the other end must not take for an end;
///  * a cancelled read loses nothing; after a cancelled write later ones are refused.
[[nodiscard]] Task<Stream> connect_tls(std::string host, std::uint16_t port, TlsContext tls = {},
                                       ConnectOptions options = {});

/// Goes on with TLS on a stream that began without (STARTTLS), as a client of `host`; bytes that had come
/// already are TLS's. Takes the stream, also when it throws: errors as of connect_tls(), TimeoutError after
/// TlsOptions::handshake_timeout; InvalidState while another call reads or writes. A cancel closes it.
/// (asyncio.StreamWriter.start_tls)
[[nodiscard]] Task<Stream> start_tls(Stream stream, std::string host, TlsContext tls = {});
/// The same as the server.
[[nodiscard]] Task<Stream> start_tls(Stream stream, TlsServerContext tls);

}  // namespace coterie::io

template <>
struct std::is_error_code_enum<coterie::io::TlsErrc> : std::true_type {};

#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "coterie/sleep.hpp"

namespace coterie::io::detail {

/// Deletes with OpenSSL's function of the type.
template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, Freed<&::SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<&::SSL_free>>;

/// TlsContext and TlsServerContext. Not changed any more, so that every thread may use it.
struct TlsSettings {
  SslContextPtr context;
  bool server = false;
  /// Whom the certificate must name, where it is not the host.
  std::string server_name;
  bool verify = true;
  Duration handshake_timeout{};
};

}  // namespace coterie::io::detail

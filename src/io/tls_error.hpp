#pragma once
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "coterie/io/tls.hpp"

namespace coterie::io::detail {

/// What was wrong with a chain of certificates: taken down while OpenSSL verifies, for it keeps less.
struct VerifyFailure {
  int code = X509_V_OK;
  int depth = 0;
  std::string subject;             // of the certificate at `depth`
  std::string issuer;              // the same
  std::string from;                // its time
  std::string until;               //
  std::vector<std::string> names;  // of the first certificate: those that count

  VerifyFailure() = default;
  [[nodiscard]] explicit operator bool() const noexcept { return code != X509_V_OK; }
  /// In a callback of OpenSSL.
  void take(X509_STORE_CTX* store);
};

/// Says where a failure happened: "no TLS connection to example.com:443".
[[noreturn]] void throw_unverified(const VerifyFailure& failure, const std::string& where,
                                   const std::string& name, bool server);
/// From OpenSSL's queue of errors, which is emptied.
[[noreturn]] void throw_tls_error(const std::string& where, bool server);
[[noreturn]] void throw_tls(TlsErrc code, const std::string& what);
/// The newest of OpenSSL's errors as text; the queue is emptied.
[[nodiscard]] std::string newest_tls_error();

}  // namespace coterie::io::detail

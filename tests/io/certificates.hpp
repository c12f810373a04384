#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

#include "coterie/io/tls.hpp"

namespace coterie::io_test {

struct FreeOpenSsl {
  void operator()(X509* certificate) const noexcept { ::X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, FreeOpenSsl>;
using Key = std::unique_ptr<EVP_PKEY, FreeOpenSsl>;

/// What a certificate of these tests says; without more it is good for a day.
struct Wanted {
  std::string common_name = "a server";
  std::string names = "DNS:server.test,IP:127.0.0.1,IP:::1";  // subjectAltName; empty: none
  int from_days = -1;
  int until_days = 1;
  bool authority = false;
  Wanted() = default;
};

/// A certificate and its key, also as files, which go with it.
class Identity {
 public:
  /// Signed by `issuer`; null: by itself.
  explicit Identity(const Wanted& wanted, const Identity* issuer = nullptr);
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  ~Identity();

  [[nodiscard]] X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] std::string certificate_file() const { return folder_ / "certificate.pem"; }
  [[nodiscard]] std::string key_file() const { return folder_ / "key.pem"; }
  /// The key with a passphrase.
  [[nodiscard]] std::string locked_key_file() const;

  [[nodiscard]] io::TlsServerOptions server() const;
  /// A client that trusts this one alone.
  [[nodiscard]] io::TlsOptions trusting() const;

 private:
  Key key_;
  Certificate certificate_;
  std::filesystem::path folder_;
};

/// Made once for all tests of a process.
struct Certificates {
  Identity authority;
  Identity server;
  Identity client;
  Certificates();
};
const Certificates& certificates();

}  // namespace coterie::io_test

#pragma once
#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>

#include "io/certificates.hpp"
#include "io/script_transport.hpp"

namespace coterie::io_test {

/// The other end of a TLS connection, by OpenSSL alone: what came goes in, what is to be sent comes out.
class TlsPeer {
 public:
  using Configure = std::function<void(SSL_CTX*)>;
  /// A server with that certificate; null: a client, which accepts any.
  explicit TlsPeer(const Identity* server, const Configure& configure = nullptr);
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;
  ~TlsPeer();

  /// Takes in what came, and reads what it holds into `received`.
  void feed(const std::string& bytes);
  /// All that is to be sent.
  [[nodiscard]] std::string output();
  void write(const std::string& text);
  /// Asks for new keys in both directions.
  void update_keys();
  void say_end();

  [[nodiscard]] bool ready() const;
  [[nodiscard]] std::string version() const;
  /// What the client asked for by SNI; empty: nothing.
  [[nodiscard]] std::string asked_name() const;

  std::string received;
  bool ended = false;  // close_notify came

 private:
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
};

/// Carries bytes between a Stream's script and the peer, all the time, until it is cancelled, or nothing has
/// come for long: then the loop tells who waits.
[[nodiscard]] Task<void> carry(Script& script, TlsPeer& peer);

}  // namespace coterie::io_test

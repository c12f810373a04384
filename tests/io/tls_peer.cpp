#include "io/tls_peer.hpp"

#include <openssl/err.h>

#include <array>

namespace coterie::io_test {

TlsPeer::TlsPeer(const Identity* server, const Configure& configure)
    : context_(::SSL_CTX_new(server != nullptr ? ::TLS_server_method() : ::TLS_client_method())) {
  if (server != nullptr) {
    ::SSL_CTX_use_certificate(context_, server->certificate());
    ::SSL_CTX_use_PrivateKey(context_, server->key());
    const unsigned char id = 1;
    ::SSL_CTX_set_session_id_context(context_, &id, 1);
  }
  if (configure) configure(context_);
  ssl_ = ::SSL_new(context_);
  in_ = ::BIO_new(::BIO_s_mem());
  out_ = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(ssl_, in_, out_);
  if (server != nullptr)
    ::SSL_set_accept_state(ssl_);
  else
    ::SSL_set_connect_state(ssl_);
}

TlsPeer::~TlsPeer() {
  ::SSL_free(ssl_);
  ::SSL_CTX_free(context_);
}

void TlsPeer::feed(const std::string& bytes) {
  ::BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  std::array<char, 4096> chunk{};
  for (;;) {
    ::ERR_clear_error();
    const int got = ::SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    if (got > 0) {
      received.append(chunk.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (::SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN) ended = true;
    break;
  }
  ::ERR_clear_error();
}

std::string TlsPeer::output() {
  std::string bytes(::BIO_ctrl_pending(out_), '\0');
  ::BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void TlsPeer::write(const std::string& text) {
  ::SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
}

void TlsPeer::update_keys() {
  ::SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED);
  ::SSL_do_handshake(ssl_);
}

void TlsPeer::say_end() {
  ::SSL_shutdown(ssl_);
}

bool TlsPeer::ready() const {
  return ::SSL_is_init_finished(ssl_) == 1;
}

std::string TlsPeer::version() const {
  return ::SSL_get_version(ssl_);
}

std::string TlsPeer::asked_name() const {
  const char* const name = ::SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

Task<void> carry(Script& script, TlsPeer& peer) {
  for (int idle = 0; idle < 100'000; ++idle) {
    if (!script.written.empty()) {
      peer.feed(std::exchange(script.written, {}));
      idle = 0;
    }
    const std::string out = peer.output();
    if (!out.empty()) {
      feed(script, out);
      idle = 0;
    }
    co_await yield();
  }
}

}  // namespace coterie::io_test

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

#include "coterie/io/tls.hpp"
#include "src/io/descriptor.hpp"
#include "src/io/tls_error.hpp"
#include "src/io/tls_settings.hpp"

namespace coterie::io {
namespace {

using detail::TlsSettings;

[[noreturn]] void refuse(const std::string& option, const std::string& file, const std::string& why) {
  throw std::invalid_argument(option + ": '" + file + "' " + why);
}

/// OpenSSL says of such files little more than that there is none.
void check_readable(const std::string& option, const std::string& file) {
  const detail::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  if (fd.get() < 0 || ::read(fd.get(), &byte, 1) < 0)
    refuse(option, file, "cannot be read: " + std::generic_category().message(errno));
}

/// Instead of OpenSSL's, which asks at the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

detail::SslContextPtr new_context(const SSL_METHOD* method) {
  ::ERR_clear_error();
  detail::SslContextPtr context(::SSL_CTX_new(method));
  if (!context)
    throw std::runtime_error("TLS cannot be used: OpenSSL says '" + detail::newest_tls_error() +
                             "'; is its configuration (OPENSSL_CONF) in order?");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A write is repeated from another address; idle connections keep no buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  return context;
}

void show_certificate(SSL_CTX* context, const std::string& options, const std::string& certificate,
                      const std::string& key) {
  const std::string certificate_option = options + "::certificate_file";
  const std::string key_option = options + "::key_file";
  if (certificate.empty() || key.empty())
    throw std::invalid_argument((certificate.empty() ? certificate_option : key_option) +
                                ": a certificate and its key are needed, and this one is not named");
  check_readable(certificate_option, certificate);
  check_readable(key_option, key);
  if (::SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    refuse(certificate_option, certificate,
           "is no certificate in PEM that can be used: " + detail::newest_tls_error());
  if (::SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const unsigned long error = ::ERR_peek_last_error();
    const bool mismatch = ERR_GET_LIB(error) == ERR_LIB_X509;
    const std::string why = detail::newest_tls_error();
    if (mismatch) refuse(key_option, key, "is not the key of '" + certificate + "': " + why);
    refuse(key_option, key, "is no key in PEM without a passphrase: " + why);
  }
}

/// Read once in a process, for it takes 25 ms; used by every thread.
X509_STORE* system_store() {
  using StorePtr = std::unique_ptr<X509_STORE, detail::Freed<&::X509_STORE_free>>;
  static const StorePtr store = [] {
    ::ERR_clear_error();
    StorePtr read(::X509_STORE_new());
    if (!read || ::X509_STORE_set_default_paths(read.get()) != 1)
      throw std::invalid_argument("TlsOptions::ca_file: the system's CAs cannot be read (" +
                                  detail::newest_tls_error() + "); name a file of CAs");
    return read;
  }();
  return store.get();
}

void trust(SSL_CTX* context, const std::string& option, const std::string& ca_file) {
  check_readable(option, ca_file);
  if (::SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1)
    refuse(option, ca_file, "holds no certificates in PEM: " + detail::newest_tls_error());
}

}  // namespace

TlsContext::TlsContext(const TlsOptions& options) {
  auto settings = std::make_shared<TlsSettings>();
  settings->context = new_context(::TLS_client_method());
  SSL_CTX* const context = settings->context.get();
  if (!options.ca_file.empty())
    trust(context, "TlsOptions::ca_file", options.ca_file);
  else if (!options.insecure_accept_any_certificate)
    ::SSL_CTX_set1_cert_store(context, system_store());
  if (!options.certificate_file.empty() || !options.key_file.empty())
    show_certificate(context, "TlsOptions", options.certificate_file, options.key_file);
  settings->server_name = options.server_name;
  settings->verify = !options.insecure_accept_any_certificate;
  settings->handshake_timeout = options.handshake_timeout;
  settings_ = std::move(settings);
}

TlsServerContext::TlsServerContext(const TlsServerOptions& options) {
  auto settings = std::make_shared<TlsSettings>();
  settings->server = true;
  settings->context = new_context(::TLS_server_method());
  SSL_CTX* const context = settings->context.get();
  // No session is resumed. Tickets would stand unread at a client that only writes, and closing with unread
  // bytes resets the connection, with what it had written.
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_num_tickets(context, 0);
  show_certificate(context, "TlsServerOptions", options.certificate_file, options.key_file);
  settings->verify = !options.client_ca_file.empty();
  if (settings->verify) {
    trust(context, "TlsServerOptions::client_ca_file", options.client_ca_file);
    // The names of the CAs, by which clients choose what to show.
    STACK_OF(X509_NAME)* const names = ::SSL_load_client_CA_file(options.client_ca_file.c_str());
    ::SSL_CTX_set_client_CA_list(context, names);
  }
  settings->handshake_timeout = options.handshake_timeout;
  settings_ = std::move(settings);
}

}  // namespace coterie::io

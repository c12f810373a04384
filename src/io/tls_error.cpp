#include "src/io/tls_error.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "src/io/tls_settings.hpp"

namespace coterie::io {
namespace {

class TlsErrors final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<TlsErrc>(code)) {
      case TlsErrc::protocol:
        return "TLS failed";
      case TlsErrc::truncated:
        return "truncated";
      case TlsErrc::expired:
        return "certificate expired";
      case TlsErrc::not_yet_valid:
        return "certificate not valid yet";
      case TlsErrc::self_signed:
        return "self-signed certificate";
      case TlsErrc::unknown_issuer:
        return "unknown CA";
      case TlsErrc::wrong_host:
        return "certificate of another host";
      case TlsErrc::bad_certificate:
        return "bad certificate";
      case TlsErrc::certificate_required:
        return "certificate required";
      case TlsErrc::certificate_refused:
        return "certificate refused";
      case TlsErrc::no_common_version:
        return "no common version of TLS";
      case TlsErrc::not_tls:
        return "no TLS";
    }
    return "TLS error " + std::to_string(code);
  }
};

using BioPtr = std::unique_ptr<BIO, detail::Freed<&::BIO_free_all>>;

/// What `print` writes, without what would break a line of text or forge one.
template <class Print>
std::string printed(Print print) {
  const BioPtr memory(::BIO_new(::BIO_s_mem()));
  if (!memory || !print(memory.get())) return "?";
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(memory.get(), &data);
  std::string text(data, static_cast<std::size_t>(std::min(bytes, 200L)));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return text;
}

std::string name_text(X509_NAME* name) {
  return printed([&](BIO* out) { return ::X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0; });
}

std::string time_text(const ASN1_TIME* time) {
  return printed([&](BIO* out) { return ::ASN1_TIME_print(out, time) == 1; });
}

std::vector<std::string> names_of(const X509* certificate) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* names) const noexcept { ::GENERAL_NAMES_free(names); }
  };
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      found.push_back(printed([&](BIO* out) {
        return ::ASN1_STRING_print_ex(out, name->d.dNSName, ASN1_STRFLGS_ESC_CTRL) >= 0;
      }));
    } else if (name->type == GEN_IPADD) {
      const int family = ::ASN1_STRING_length(name->d.iPAddress) == 16 ? AF_INET6 : AF_INET;
      char text[INET6_ADDRSTRLEN];
      if (::inet_ntop(family, ::ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text) != nullptr)
        found.emplace_back(text);
    }
  }
  return found;
}

std::string list(const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

/// "certificate required" of "tlsv13 alert certificate required".
std::string alert_name(unsigned long error) {
  const char* const reason = ::ERR_reason_error_string(error);
  std::string name =
      reason != nullptr ? reason : std::to_string(ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET);
  const std::size_t at = name.find(" alert ");
  return at == std::string::npos ? name : name.substr(at + std::string_view(" alert ").size());
}

/// An alert of TLS that the other end sent (RFC 8446, 6.2).
std::pair<TlsErrc, std::string> explain_alert(unsigned long error, bool server) {
  const std::string said = "the other end refused it with the alert '" + alert_name(error) + "'";
  const std::string our = server ? "TlsServerOptions" : "TlsOptions";
  switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_NO_CERTIFICATE:
      return {TlsErrc::certificate_required,
              said + ": name the files of a certificate in " + our + "::certificate_file and key_file"};
    case SSL_AD_HANDSHAKE_FAILURE:
      return {TlsErrc::no_common_version, said + ": no cipher in common, or it wants a certificate (" + our +
                                              "::certificate_file and key_file)"};
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
      return {TlsErrc::certificate_refused, said + ": it does not accept our certificate"};
    case SSL_AD_PROTOCOL_VERSION:
      return {TlsErrc::no_common_version, said + ": it speaks no version that is allowed here, 1.2 or newer"};
    default:
      return {TlsErrc::protocol, said};
  }
}

std::pair<TlsErrc, std::string> explain(unsigned long error, bool server) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
      return explain_alert(error, server);
    switch (reason) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_HTTPS_PROXY_REQUEST:
      case SSL_R_UNKNOWN_PROTOCOL:
        return {TlsErrc::not_tls, "the other end speaks something else; is this the right port?"};
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_NO_PROTOCOLS_AVAILABLE:
      case SSL_R_VERSION_TOO_LOW:
        return {TlsErrc::no_common_version,
                "the other end speaks no version that is allowed here, 1.2 or newer"};
      case SSL_R_NO_SHARED_CIPHER:
        return {TlsErrc::no_common_version, "both ends have no cipher in common"};
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return {TlsErrc::certificate_required, "the client has shown no certificate"};
      default:
        break;
    }
  }
  const char* text = ::ERR_reason_error_string(error);
  return {TlsErrc::protocol, text != nullptr ? text : "OpenSSL error " + std::to_string(error)};
}

std::pair<TlsErrc, std::string> explain(const detail::VerifyFailure& failure, const std::string& name,
                                        bool server) {
  const std::string whose = failure.depth == 0
                                ? (server ? "the client's certificate" : "its certificate")
                                : "the certificate of '" + failure.subject + "', which vouches for it,";
  const std::string trust =
      std::string(" in ") + (server ? "TlsServerOptions::client_ca_file" : "TlsOptions::ca_file");
  switch (failure.code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {TlsErrc::expired,
              whose + " expired on " + failure.until + "; have it renewed, or correct this machine's clock"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {TlsErrc::not_yet_valid,
              whose + " is valid only from " + failure.from + " on; is this machine's clock right?"};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {TlsErrc::self_signed, whose + " vouches for itself; if you trust it, name its file" + trust};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return {TlsErrc::unknown_issuer, "'" + failure.subject + "' vouches for " +
                                           (server ? "the client's certificate" : "its certificate") +
                                           " and is not trusted here; if you trust it, name its file" +
                                           trust};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return {TlsErrc::unknown_issuer, "'" + failure.issuer + "' vouches for " + whose +
                                           " and is not known here; name that CA's file" + trust +
                                           ", or install ca-certificates"};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      const std::string is_for = failure.names.empty()
                                     ? "its certificate names no host (a common name does not count)"
                                     : "its certificate is for " + list(failure.names);
      return {TlsErrc::wrong_host, is_for + ", not for " + name +
                                       "; connect to a name that it holds, or say which it is in "
                                       "TlsOptions::server_name"};
    }
    default:
      return {TlsErrc::bad_certificate, whose + ": " + ::X509_verify_cert_error_string(failure.code)};
  }
}

}  // namespace

const std::error_category& tls_category() noexcept {
  static const TlsErrors errors;
  return errors;
}

namespace detail {

void VerifyFailure::take(X509_STORE_CTX* store) {
  code = ::X509_STORE_CTX_get_error(store);
  depth = ::X509_STORE_CTX_get_error_depth(store);
  if (const X509* at = ::X509_STORE_CTX_get_current_cert(store)) {
    subject = name_text(::X509_get_subject_name(at));
    issuer = name_text(::X509_get_issuer_name(at));
    from = time_text(::X509_get0_notBefore(at));
    until = time_text(::X509_get0_notAfter(at));
  }
  if (const X509* first = ::X509_STORE_CTX_get0_cert(store)) names = names_of(first);
}

void throw_tls(TlsErrc code, const std::string& what) {
  throw std::system_error(code, what);
}

void throw_unverified(const VerifyFailure& failure, const std::string& where, const std::string& name,
                      bool server) {
  ::ERR_clear_error();
  const auto [code, why] = explain(failure, name, server);
  throw_tls(code, where + ": " + why);
}

void throw_tls_error(const std::string& where, bool server) {
  // The oldest is the cause; what stands behind it are those that passed it on.
  const unsigned long error = ::ERR_get_error();
  ::ERR_clear_error();
  const auto [code, why] = explain(error, server);
  throw_tls(code, where + ": " + why);
}

std::string newest_tls_error() {
  const unsigned long error = ::ERR_peek_last_error();
  ::ERR_clear_error();
  const char* text = ::ERR_reason_error_string(error);
  return text != nullptr ? text : "OpenSSL error " + std::to_string(error);
}

}  // namespace detail
}  // namespace coterie::io

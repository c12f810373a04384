#include "io/certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace coterie::io_test {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("cannot make a certificate: ") + what);
}

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};
std::unique_ptr<std::FILE, CloseFile> open(const std::string& path) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "w"));
  check(file != nullptr, path.c_str());
  return file;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  check(extension != nullptr, value.c_str());
  check(::X509_add_ext(certificate, extension, -1) == 1, "an extension");
  ::X509_EXTENSION_free(extension);
}

}  // namespace

Identity::Identity(const Wanted& wanted, const Identity* issuer) {
  constexpr long day = 24L * 60 * 60;
  static long serial = 0;
  key_.reset(EVP_EC_gen("P-256"));
  certificate_.reset(::X509_new());
  X509* const made = certificate_.get();
  check(key_ && made != nullptr, "a key");
  ::X509_set_version(made, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(made), ++serial);
  ::X509_gmtime_adj(::X509_getm_notBefore(made), wanted.from_days * day);
  ::X509_gmtime_adj(::X509_getm_notAfter(made), wanted.until_days * day);
  ::X509_set_pubkey(made, key_.get());
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer->certificate() : made;
  ::X509_set_issuer_name(made, ::X509_get_subject_name(signer));
  if (wanted.authority) extend(made, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (!wanted.names.empty()) extend(made, signer, NID_subject_alt_name, wanted.names);
  check(::X509_sign(made, issuer != nullptr ? issuer->key() : key_.get(), ::EVP_sha256()) > 0, "a signature");

  char folder[] = "/tmp/coterie-tls-XXXXXX";
  check(::mkdtemp(folder) != nullptr, folder);
  folder_ = folder;
  check(::PEM_write_X509(open(certificate_file()).get(), made) == 1, "its file");
  check(
      ::PEM_write_PrivateKey(open(key_file()).get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "its key's file");
}

Identity::~Identity() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Identity::locked_key_file() const {
  const std::string path = folder_ / "locked.pem";
  const std::string passphrase = "open sesame";
  check(::PEM_write_PrivateKey(open(path).get(), key_.get(), ::EVP_aes_128_cbc(),
                               reinterpret_cast<const unsigned char*>(passphrase.data()),
                               static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
        "a locked key");
  return path;
}

io::TlsServerOptions Identity::server() const {
  io::TlsServerOptions options;
  options.certificate_file = certificate_file();
  options.key_file = key_file();
  return options;
}

io::TlsOptions Identity::trusting() const {
  io::TlsOptions options;
  options.ca_file = certificate_file();
  return options;
}

namespace {
Wanted authority() {
  Wanted wanted;
  wanted.common_name = "the test CA";
  wanted.names.clear();
  wanted.authority = true;
  return wanted;
}
Wanted named(const std::string& common_name) {
  Wanted wanted;
  wanted.common_name = common_name;
  return wanted;
}
}  // namespace

Certificates::Certificates()
    : authority(io_test::authority()),
      server(named("a server"), &authority),
      client(named("a client"), &authority) {}

const Certificates& certificates() {
  static const Certificates made;
  return made;
}

}  // namespace coterie::io_test

#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/brokers/temp_folder.hpp"

namespace broker_suite {

/// A certificate for localhost, and not for its address, which vouches for itself.
class RedisCertificate {
 public:
  RedisCertificate() {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=queue -addext subjectAltName=DNS:localhost -keyout " +
        key() + " -out " + file() + " 2>" + folder_.file("log");
    if (std::system(command.c_str()) != 0)  // NOLINT(cert-env33-c): words of the test's own
      throw std::runtime_error("openssl makes no certificate");
  }
  [[nodiscard]] std::string file() const { return folder_.file("cert.pem"); }
  [[nodiscard]] std::string key() const { return folder_.file("key.pem"); }
  /// For a redis-server that has it.
  [[nodiscard]] std::vector<std::string> options() const {
    return {"--tls-cert-file", file(), "--tls-key-file", key(), "--tls-auth-clients", "no"};
  }

 private:
  TempFolder folder_;
};

}  // namespace broker_suite

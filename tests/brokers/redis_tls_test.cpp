// rediss://: a real server with a certificate of its own.
#include <cstdlib>

#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_server.hpp"

namespace broker_suite {
namespace {

class RedisTls : public testing::Test {
 protected:
  RedisTls() {
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=queue -addext subjectAltName=DNS:localhost -keyout " +
        key() + " -out " + certificate() + " 2>" + folder_.file("log");
    if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl makes no certificate");
    server_.emplace(std::vector<std::string>{"--tls-port", std::to_string(port_), "--tls-cert-file",
                                             certificate(), "--tls-key-file", key(), "--tls-auth-clients",
                                             "no"});
  }
  [[nodiscard]] std::string certificate() const { return folder_.file("cert.pem"); }
  [[nodiscard]] std::string key() const { return folder_.file("key.pem"); }
  std::shared_ptr<Broker> open(const std::string& host, const std::string& query) {
    return open_broker("rediss://" + host + ":" + std::to_string(port_) + "/?" + query);
  }
  std::string refusal(const std::string& host, const std::string& query) {
    try {
      (void)open(host, query);
    } catch (const BadBroker& error) {
      return error.what();
    }
    return "was opened";
  }

 private:
  TempFolder folder_;
  std::uint16_t port_ = free_port();
  std::optional<RedisServer> server_;
};

#define EXPECT_SAYS(text, words) EXPECT_NE(std::string(text).find(words), std::string::npos) << (text)

TEST_F(RedisTls, AVerifiedServerIsUsed) {
  const auto broker = open("localhost", "tls_ca=" + certificate());
  coterie::testing::VirtualLoop loop;
  EXPECT_TRUE(loop.run(broker->queues()).empty());
}

TEST_F(RedisTls, ACertificateThatNobodyVouchesForIsRefused) {
  EXPECT_SAYS(refusal("localhost", ""), "rediss://localhost:");
  EXPECT_SAYS(refusal("localhost", ""), "certificate");
  EXPECT_EQ(refusal("localhost", "tls_insecure=yes"), "was opened");
}

TEST_F(RedisTls, AnotherHostsCertificateIsRefused) {
  EXPECT_SAYS(refusal("127.0.0.1", "tls_ca=" + certificate()), "localhost");
  EXPECT_EQ(refusal("127.0.0.1", "tls_name=localhost&tls_ca=" + certificate()), "was opened");
}

TEST_F(RedisTls, AFileThatIsNotThereIsNamed) {
  EXPECT_SAYS(refusal("localhost", "tls_ca=/no/such.pem"), "/no/such.pem");
}

}  // namespace
}  // namespace broker_suite

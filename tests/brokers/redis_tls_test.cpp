// rediss://: a real server with a certificate of its own.
#include <cstdlib>

#include "src/brokers/redis/redis_broker.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/redis_sentinels.hpp"

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

  std::uint16_t port() const { return port_; }

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
  EXPECT_SAYS(refusal("localhost", ""), "name its file in ?tls_ca=FILE");
  EXPECT_EQ(refusal("localhost", "tls_insecure=yes"), "was opened");
}

TEST_F(RedisTls, AnotherHostsCertificateIsRefused) {
  EXPECT_SAYS(refusal("127.0.0.1", "tls_ca=" + certificate()),
              "its certificate is for localhost, not for 127.0.0.1");
  EXPECT_SAYS(refusal("127.0.0.1", "tls_ca=" + certificate()), "?tls_name=NAME");
  EXPECT_EQ(refusal("127.0.0.1", "tls_name=localhost&tls_ca=" + certificate()), "was opened");
}

TEST_F(RedisTls, WhoSpeaksTheWrongOneIsAskedForTheOther) {
  const auto says = [](const std::string& url) -> std::string {
    try {
      (void)open_broker(url);
    } catch (const BrokerUnavailable& error) {
      return error.what();
    }
    return "was opened";
  };
  EXPECT_SAYS(says("redis://localhost:" + std::to_string(port())), "does it want TLS (rediss://)?");
  const std::uint16_t plain_port = free_port();
  const RedisServer plain({"--port", std::to_string(plain_port)});
  EXPECT_SAYS(says("rediss://127.0.0.1:" + std::to_string(plain_port) + "?connect_timeout_ms=200"),
              "does the server speak TLS at this port?");
}

TEST_F(RedisTls, UnderSentinelAlso) {
  // The sentinel has the server's certificate; both are reached by an address that is not in it.
  const Sentinel sentinel(
      port(), 1,
      {"port 0", "tls-replication yes", "tls-cert-file " + certificate(), "tls-key-file " + key(),
       "tls-ca-cert-file " + certificate(), "tls-auth-clients no"},
      "tls-port");
  const std::string url = "rediss+sentinel://" + sentinel.place() + "/jobs?tls_name=localhost&tls_ca=";
  const auto broker = open_broker(url + certificate());
  coterie::testing::VirtualLoop loop;
  EXPECT_TRUE(loop.run(broker->queues()).empty());
  try {
    (void)open_broker("rediss+sentinel://" + sentinel.place() + "/jobs?tls_ca=" + certificate());
    ADD_FAILURE() << "another host's certificate was taken";
  } catch (const BadBroker& error) {
    EXPECT_SAYS(error.what(), "its certificate is for localhost, not for 127.0.0.1");
  } catch (const BrokerUnavailable& error) {
    ADD_FAILURE() << error.what();
  }
}

TEST_F(RedisTls, AFileThatIsNotThereIsNamed) {
  EXPECT_SAYS(refusal("localhost", "tls_ca=/no/such.pem"), "/no/such.pem");
}

}  // namespace
}  // namespace broker_suite

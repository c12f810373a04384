// rediss://: a real server with a certificate of its own.
#include <optional>

#include "coterie/queue/doctor.hpp"
#include "src/brokers/redis/redis_broker.hpp"
#include "src/brokers/redis/slots.hpp"
#include "tests/brokers/broker_suite.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_certificate.hpp"
#include "tests/brokers/redis_cluster.hpp"
#include "tests/brokers/redis_sentinels.hpp"

namespace broker_suite {
namespace {

class RedisTls : public testing::Test {
 protected:
  RedisTls() {
    std::vector<std::string> options = certificate_.options();
    options.insert(options.end(), {"--tls-port", std::to_string(port_)});
    server_.emplace(std::move(options));
  }
  [[nodiscard]] std::string certificate() const { return certificate_.file(); }
  [[nodiscard]] std::string key() const { return certificate_.key(); }
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
  RedisCertificate certificate_;
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

// Nodes tell of each other by their addresses, which are in no certificate.
TEST(RedisClusterTls, EveryNodeIsVerifiedAndASlotThatWasMovedIsFollowed) {
  const RedisCertificate certificate;
  std::vector<std::string> options = certificate.options();
  options.insert(options.end(), {"--tls-ca-cert-file", certificate.file(), "--tls-cluster", "yes",
                                 "--tls-replication", "yes"});
  const RedisCluster cluster(3, 0, options);
  const std::string verified = "tls_name=localhost&tls_ca=" + certificate.file();
  const auto broker = open_broker(cluster.url(verified));
  coterie::testing::VirtualLoop loop;
  const auto enqueue = [&] {
    std::vector<JobSpec> jobs(30);
    for (JobSpec& job : jobs) job = BrokerSuite::job();
    loop.run(broker->enqueue(std::move(jobs)));
  };
  enqueue();
  const std::uint16_t slot = coterie::brokers::redis::slot_of("{coterie:0}m");
  const std::size_t from = cluster.owner(slot);
  cluster.move(slot, from, (from + 1) % 3);
  enqueue();
  EXPECT_EQ(loop.run(broker->queues()).at(0).counts.at(JobState::ready), 60U);
  EXPECT_EQ(finding(diagnose(cluster.url(verified)), "layout").found,
            "namespace 'coterie' has layout 3, 8 shards, 60 jobs");
  try {
    (void)open_broker(cluster.url("tls_ca=" + certificate.file()));
    ADD_FAILURE() << "another host's certificate was taken";
  } catch (const QueueError& error) {
    EXPECT_SAYS(error.what(), "its certificate is for localhost, not for 127.0.0.1");
  }
}

TEST_F(RedisTls, AFileThatIsNotThereIsNamed) {
  EXPECT_SAYS(refusal("localhost", "tls_ca=/no/such.pem"), "/no/such.pem");
}

}  // namespace
}  // namespace broker_suite

#include "src/brokers/redis/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace coterie::brokers::redis {
namespace {
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Settings read(const std::string& url) {
  return settings_of(parse_broker_url(url));
}
std::string refusal(const std::string& url) {
  try {
    (void)read(url);
  } catch (const queue::BadBroker& error) {
    return error.what();
  }
  return "(read)";
}

TEST(RedisSettings, DefaultsAreRedisOwn) {
  const Settings settings = read("redis://localhost");
  EXPECT_EQ(settings.host, "localhost");
  EXPECT_EQ(settings.port, 6379);
  EXPECT_EQ(settings.database, 0);
  EXPECT_FALSE(settings.tls);
  EXPECT_FALSE(settings.authenticates());
  EXPECT_EQ(settings.key_namespace, "coterie");
  EXPECT_EQ(settings.connect_timeout, 5s);
  EXPECT_EQ(settings.command_timeout, 10s);
  EXPECT_EQ(settings.url(), "redis://localhost:6379");
}

TEST(RedisSettings, EveryPartIsRead) {
  const Settings settings = read(
      "rediss://ann:s%3Aecr%40t%2F@redis.example:7000/12?namespace=my.app_1-x&connect_timeout_ms=100&"
      "command_timeout_ms=200");
  EXPECT_TRUE(settings.tls);
  EXPECT_EQ(settings.user, "ann");
  EXPECT_EQ(settings.password, "s:ecr@t/");
  EXPECT_EQ(settings.host, "redis.example");
  EXPECT_EQ(settings.port, 7000);
  EXPECT_EQ(settings.database, 12);
  EXPECT_EQ(settings.key_namespace, "my.app_1-x");
  EXPECT_EQ(settings.connect_timeout, 100ms);
  EXPECT_EQ(settings.command_timeout, 200ms);
  EXPECT_EQ(settings.url(), "rediss://ann:***@redis.example:7000/12");
}

TEST(RedisSettings, OptionsOfTlsNameTheSchemeThatHasIt) {
  EXPECT_EQ(refusal("redis://h?tls_ca=/ca.pem"),
            "broker URL 'redis://h?tls_ca=/ca.pem': tls_ca is for TLS, which redis:// does not use: write "
            "rediss://");
  EXPECT_THAT(refusal("redis+cluster://h?tls_key=k"), HasSubstr("write rediss+cluster://"));
  EXPECT_THAT(refusal("redis+unix:///s?tls_ca=k"), HasSubstr("write rediss://HOST"));
  EXPECT_THAT(refusal("redis://h?tsl_ca=k"), HasSubstr("unknown option 'tsl_ca'"));
}

TEST(RedisSettings, DurabilityOfEnqueuesAndAcknowledgements) {
  EXPECT_EQ(read("redis://h").durable_enqueues, Durable());
  EXPECT_EQ(read("redis://h?durable=memory").durable_acks, Durable());
  const Settings both = read("redis://h?durable=replicas:3");
  EXPECT_EQ(both.durable_enqueues.level, Durable::Level::replicas);
  EXPECT_EQ(both.durable_enqueues.replicas, 3U);
  EXPECT_EQ(both.durable_acks, both.durable_enqueues);
  EXPECT_EQ(both.durable_timeout, 5s);
  const Settings apart = read("redis+unix:///s?durable=fsync&durable_acks=memory&durable_timeout_ms=250");
  EXPECT_EQ(apart.durable_enqueues.level, Durable::Level::fsync);
  EXPECT_EQ(apart.durable_acks, Durable());
  EXPECT_EQ(apart.durable_timeout, 250ms);
  for (const char* bad : {"yes", "replicas", "replicas:0", "replicas:101", "replicas:x", "fsync:1", ""})
    EXPECT_THAT(refusal(std::string("rediss://h?durable_acks=") + bad),
                HasSubstr(" is not memory, fsync or replicas:N with N from 1 to 100"));
  EXPECT_THAT(refusal("redis://h?durable=fsync&command_timeout_ms=5000"),
              HasSubstr("durable_timeout_ms (5000 where it is not given) must be below command_timeout_ms"));
  EXPECT_EQ(refusal("redis://h?command_timeout_ms=100"), "(read)");
}

TEST(RedisSettings, UsersAndPasswords) {
  const Settings only_password = read("redis://:pa%3Ass@h");
  EXPECT_EQ(only_password.user, "");
  EXPECT_EQ(only_password.password, "pa:ss");
  EXPECT_EQ(only_password.url(), "redis://:***@h:6379");
  const Settings only_user = read("redis://a%3Ab@h");
  EXPECT_EQ(only_user.user, "a:b");
  EXPECT_TRUE(only_user.authenticates());
  EXPECT_EQ(read("redis://u:a:b@h").password, "a:b");
}

TEST(RedisSettings, AddressesInBrackets) {
  const Settings settings = read("redis://[::1]:7000/1");
  EXPECT_EQ(settings.host, "::1");
  EXPECT_EQ(settings.port, 7000);
  EXPECT_EQ(settings.url(), "redis://[::1]:7000/1");
  EXPECT_EQ(read("redis://[fe80::1%25eth0]").host, "fe80::1%eth0");
}

TEST(RedisSettings, UnixSockets) {
  const Settings settings = read("redis+unix:///run/a%20b.sock?db=2&user=u&password=p%26w");
  EXPECT_EQ(settings.socket_path, "/run/a b.sock");
  EXPECT_EQ(settings.database, 2);
  EXPECT_EQ(settings.user, "u");
  EXPECT_EQ(settings.password, "p&w");
  EXPECT_EQ(settings.url(), "redis+unix:///run/a b.sock?db=2");
}

TEST(RedisSettings, SentinelsAndTheMastersName) {
  const Settings one = read("redis+sentinel://h/mymaster");
  EXPECT_TRUE(one.by_sentinel());
  EXPECT_EQ(one.sentinels, std::vector{Address("h", 26379)});
  EXPECT_EQ(one.master_name, "mymaster");
  EXPECT_EQ(one.host, "");
  EXPECT_FALSE(one.tls);
  const Settings all = read(
      "rediss+sentinel://ann:s%2Fx@a:1,[::1]:2,b,a:1/m%2Fy.m-1/5?sentinel_user=u&sentinel_password=p&"
      "namespace=n&tls_ca=/ca.pem");
  EXPECT_EQ(all.sentinels, (std::vector{Address("a", 1), Address("::1", 2), Address("b", 26379)}));
  EXPECT_EQ(all.master_name, "m/y.m-1");
  EXPECT_EQ(all.database, 5);
  EXPECT_EQ(all.user, "ann");
  EXPECT_EQ(all.password, "s/x");
  EXPECT_EQ(all.sentinel_user, "u");
  EXPECT_EQ(all.sentinel_password, "p");
  EXPECT_EQ(all.tls_ca, "/ca.pem");
  EXPECT_TRUE(all.tls);
  EXPECT_EQ(all.url(), "rediss+sentinel://ann:***@a:1,[::1]:2,b:26379/m/y.m-1/5");
  EXPECT_FALSE(read("redis://h").by_sentinel());
}

TEST(RedisSettings, NodesOfACluster) {
  const Settings one = read("redis+cluster://h");
  EXPECT_TRUE(one.by_cluster());
  EXPECT_FALSE(one.by_sentinel());
  EXPECT_EQ(one.cluster, std::vector{Address("h", 6379)});
  EXPECT_EQ(one.host, "");
  const Settings all =
      read("rediss+cluster://ann:pw@a:1,[::1]:2,b,a:1/0?namespace=n&tls_ca=/ca.pem&durable=fsync");
  EXPECT_EQ(all.cluster, (std::vector{Address("a", 1), Address("::1", 2), Address("b", 6379)}));
  EXPECT_EQ(all.user, "ann");
  EXPECT_EQ(all.password, "pw");
  EXPECT_TRUE(all.tls);
  EXPECT_EQ(all.url(), "rediss+cluster://ann:***@a:1,[::1]:2,b:6379");
  Settings at_node(all);
  at_node.host = "b";
  at_node.port = 7;
  EXPECT_EQ(at_node.url(), "rediss+cluster://ann:***@a:1,[::1]:2,b:6379 (node b:7)");
  EXPECT_FALSE(read("redis://h").by_cluster());
}

TEST(RedisSettings, WhatIsWrongIsNamedWithItsCure) {
  const std::map<std::string, std::string> cases{
      {"redis://", "it names no host: redis://localhost:6379"},
      {"redis+cluster://", "it names no host: redis+cluster://localhost:6379"},
      {"redis+cluster://a,", "it names no host"},
      {"redis+cluster://a/1", "a cluster has only database 0: leave /1 out"},
      {"redis+cluster://a:x", "'x' is no port"},
      {"redis+cluster://a?sentinel_user=x", "unknown option 'sentinel_user'"},
      {"redis+cluster://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
       "it names more than 16 nodes: three or five are enough"},
      {"redis:///3", "it names no host"},
      {"redis://:6379", "it names no host"},
      {"redis://:secret@", "a user or password, but no host"},
      {"redis://:secret@/0", "a user or password, but no host"},
      {"redis://h:", "'' is no port"},
      {"redis://h:x", "'x' is no port: it is a number from 1 to 65535"},
      {"redis://h:0", "'0' is no port"},
      {"redis://h:65536", "'65536' is no port"},
      {"redis://h:-1", "'-1' is no port"},
      {"redis://::1", "an IPv6 address stands in brackets: redis://[::1]:6379"},
      {"redis://[::1", "the address's '[' has no ']'"},
      {"redis://[::1]x", "after ']' only :port may stand"},
      {"redis://[]", "it names no host"},
      {"redis://h/x", "'x' is no database: it is a whole number from 0"},
      {"redis://h/-1", "'-1' is no database"},
      {"redis://h/99999999999", "'99999999999' is no database"},
      {"redis://h/0/1", "'0/1' is no database"},
      {"redis://h?db=1", "unknown option 'db'"},
      {"redis://h?namespaces=x", "unknown option 'namespaces'; known here: namespace,"},
      {"redis://h?namespace=", "a namespace is 1 to 64 letters"},
      {"redis://h?namespace=a:b", "a namespace is 1 to 64 letters"},
      {"redis://h?namespace=" + std::string(65, 'x'), "a namespace is 1 to 64 letters"},
      {"redis://h?connect_timeout_ms=0", "connect_timeout_ms=0 is not a whole number from 1"},
      {"redis://h?command_timeout_ms=soon", "command_timeout_ms=soon is not a whole number"},
      {"redis://a%0Ab", "the host holds a control character"},
      {"redis://u:p%0D%0A@h", "the password holds a control character: is a line break left over?"},
      {"redis://u%7F:p@h", "the user holds a control character"},
      {"redis://u:p%0@h", "% must be followed by two hexadecimal digits"},
      {"redis://u:p/w@h", "in a user or password write %2F for / and %40 for @"},
      {"redis://u:p@w@h", "in a user or password write %2F for / and %40 for @"},
      {"redis+sentinel://", "it names no host: redis+sentinel://localhost:26379"},
      {"redis+sentinel://a,/m", "it names no host"},
      {"redis+sentinel://a:0/m", "'0' is no port"},
      {"redis+sentinel://a", "it names no master, as the sentinels call it: redis+sentinel://host:26379,"},
      {"redis+sentinel://a/", "it names no master"},
      {"redis+sentinel://a/a%20b", "it names no master"},
      {"redis+sentinel://a/m/x", "'x' is no database"},
      {"redis+sentinel://a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16,a:17/m",
       "it names more than 16 sentinels"},
      {"redis+sentinel://a/m?tls_ca=x", "write rediss+sentinel://"},
      {"redis://a?sentinel_user=x", "unknown option 'sentinel_user'"},
      {"redis+unix://run/redis.sock", "a Unix socket needs its whole path"},
      {"redis+unix:///x?db=-1", "'-1' is no database"},
      {"redis+unix:///" + std::string(107, 'x'), "the path of a Unix socket has at most 107 bytes"},
  };
  for (const auto& [url, why] : cases) {
    EXPECT_THAT(refusal(url), HasSubstr(why)) << url;
    EXPECT_THAT(refusal(url), Not(HasSubstr("\n"))) << url;
  }
}

TEST(RedisSettings, NoMessageHoldsThePassword) {
  for (const char* url :
       {"redis://u:secret@", "redis://u:secret@h:x", "redis://u:secret@h?x=1", "redis://u:secret@h?x",
        "redis://u:secret@h?namespace=a&namespace=b", "redis://u:secret@h/secret2?%zz=1",
        "redis://u:%zzsecret@h", "redis://:sec?ret=secret@h", "redis://:x?secret@h", "redis://:a/secret@h",
        "redis://:a@secret@h/x", "redis+unix:///x?password=secret&y=1", "redis+unix:///x?y=1&password=secret",
        "foo://u:secret@h", "redis+sentinel://u:secret@a,b",
        "redis+sentinel://u:secret@a/m?sentinel_password=secret&x=1"}) {
    const std::string said = refusal(url);
    EXPECT_THAT(said, Not(HasSubstr("secret@"))) << url;
    EXPECT_THAT(said, Not(HasSubstr("=secret"))) << url;
    EXPECT_THAT(said, Not(HasSubstr("zzsecret"))) << url;
  }
  EXPECT_EQ(parse_broker_url("redis://u:secret@h:1/2?a=b").text, "redis://u:***@h:1/2?a=b");
  EXPECT_EQ(parse_broker_url("sqlite:///a:b@c").text, "sqlite:///a:b@c");
}

}  // namespace
}  // namespace coterie::brokers::redis

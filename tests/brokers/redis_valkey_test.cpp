// Valkey, which speaks as Redis does: the names of its URLs, and what its INFO has in other words.
#include "src/brokers/redis/handshake.hpp"
#include "tests/brokers/redis_scripted_server.hpp"
#include "tests/brokers/redis_support.hpp"

namespace coterie::brokers::redis {
namespace {
using broker_suite::ScriptedServer;
using queue::BadBroker;
using ::testing::HasSubstr;

TEST(Valkey, ItsSchemesAreOtherNamesOfTheSame) {
  const std::pair<const char*, const char*> names[] = {
      {"valkey://h:1/2", "redis://h:1/2"},
      {"valkeys://ann:pw@h:1", "rediss://ann:***@h:1"},
      {"VALKEY://h:1", "redis://h:1"},
      {"valkey+unix:///run/valkey.sock", "redis+unix:///run/valkey.sock"},
      {"valkey+sentinel://h:1,i:2/m", "redis+sentinel://h:1,i:2/m"},
      {"valkeys+sentinel://h:1/m", "rediss+sentinel://h:1/m"},
      {"valkey+cluster://h:1,i:2", "redis+cluster://h:1,i:2"},
      {"valkeys+cluster://h:1", "rediss+cluster://h:1"}};
  for (const auto& [valkey, redis] : names) EXPECT_EQ(settings_at(valkey).url(), redis) << valkey;
  EXPECT_THROW((void)queue::open_broker("valkeyz://h"), BadBroker);
}

/// What INFO gives there.
std::string info(const std::string& mode) {
  return "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n"
         "valkey_release_stage:ga\r\nserver_mode:" +
         mode + "\r\nrun_id:0123\r\n# Replication\r\nrole:master\r\n";
}

/// What connecting to it ends with.
std::string greeted_by(const std::string& mode) {
  const std::string text = info(mode);
  const ScriptedServer server({"", "+OK\r\n",
                               "+OK\r\n$" + std::to_string(text.size()) + "\r\n" + text +
                                   "\r\n*1\r\n:0\r\n-NOSCRIPT No\r\n*0\r\n:0\r\n*0\r\n*0\r\n"},
                              ScriptedServer::Then::stays);
  return refusal<BadBroker>(server.url("valkey"));
}

TEST(Valkey, ItsGreetingIsTaken) {
  EXPECT_EQ(greeted_by("standalone"), "(connected)");
}

TEST(Valkey, ASentinelOfItsIsKnownForOne) {
  EXPECT_THAT(greeted_by("sentinel"), HasSubstr("it is a sentinel, which keeps no jobs"));
}

TEST(Valkey, ItsModeIsReadUnderItsOwnName) {
  EXPECT_EQ(read_info(info("cluster")).mode, "cluster");
  EXPECT_EQ(read_info(info("cluster")).version, "7.2.4");
  EXPECT_EQ(read_info("redis_mode:standalone\r\nserver_mode:cluster\r\n").mode, "standalone");
}

}  // namespace
}  // namespace coterie::brokers::redis

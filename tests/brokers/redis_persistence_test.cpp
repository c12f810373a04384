// What a worker's start says of a server that keeps nothing.
#include <fstream>

#include "coterie/queue/doctor.hpp"
#include "coterie/queue/worker.hpp"
#include "coterie/run.hpp"
#include "tests/brokers/findings.hpp"
#include "tests/brokers/redis_fixture.hpp"

namespace broker_suite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class RedisPersistence : public RedisCalls {
 protected:
  std::vector<std::string> warnings(const std::string& url) { return await(open_broker(url)->warnings()); }
};

TEST_F(RedisPersistence, AServerThatKeepsNothingIsAWarningWithItsCure) {
  const RedisServer server;
  EXPECT_THAT(
      warnings(server.url()),
      ElementsAre(AllOf(StartsWith(server.url() + ": it keeps nothing (appendonly no, and save is empty)"),
                        HasSubstr(": CONFIG SET appendonly yes, and the same in redis.conf"))));
}

TEST_F(RedisPersistence, SnapshotsOnlyIsAWarning) {
  const RedisServer server({"--save", "3600 1"});
  EXPECT_THAT(warnings(server.url()), ElementsAre(HasSubstr("it keeps snapshots only (appendonly no)")));
}

TEST_F(RedisPersistence, AnAppendOnlyFileIsNone) {
  const RedisServer server({"--appendonly", "yes"});
  EXPECT_THAT(warnings(server.url()), IsEmpty());
}

/// The options of the redis.conf that docs/redis.md advises, as on a command line.
std::vector<std::string> advised_options() {
  std::ifstream page(std::string(COTERIE_SOURCE_DIR) + "/docs/redis.md");
  std::vector<std::string> options;
  std::string line;
  while (std::getline(page, line) && !line.starts_with("**A redis.conf for a queue.**")) {
  }
  while (std::getline(page, line) && line != "```") {
  }
  while (std::getline(page, line) && line != "```") {
    if (line.starts_with('#')) continue;
    const std::size_t space = line.find(' ');
    options.push_back("--" + line.substr(0, space));
    options.push_back(line.substr(space + 1) == "\"\"" ? "" : line.substr(space + 1));
  }
  return options;
}

TEST_F(RedisPersistence, TheRedisConfThatIsAdvisedIsTakenAndHasNothingToWarnOf) {
  const std::vector<std::string> options = advised_options();
  ASSERT_GT(options.size(), 10U);
  const RedisServer server(options);
  EXPECT_THAT(warnings(server.url()), IsEmpty());
  for (const char* check : {"persistence", "maxmemory", "eviction"})
    EXPECT_EQ(finding(diagnose(server.url()), check).health, Health::ok) << check;
}

TEST_F(RedisPersistence, WhoAcceptsLossesIsNotWarned) {
  const RedisServer server;
  EXPECT_THAT(warnings(server.url("accept_loss=yes")), IsEmpty());
}

TEST_F(RedisPersistence, WhoMayNotReadTheSettingsIsToldWhatIsKnown) {
  const RedisServer server;
  administer(server.url(), "ACL SETUSER ann on nopass ~* &* +@all -config");
  EXPECT_THAT(warnings(server.url("user=ann")),
              ElementsAre(HasSubstr("it keeps no append-only file (appendonly no)")));
}

TEST_F(RedisPersistence, ABrokerSaysItOnceHoweverManyShardsAndWorkers) {
  const RedisServer server;
  const auto broker = open_broker(server.url("shards=4"));
  EXPECT_EQ(await(broker->warnings()).size(), 1U);
  EXPECT_THAT(await(broker->warnings()), IsEmpty());
}

TEST_F(RedisPersistence, AWorkersLogHasItWhenItStarts) {
  struct Log final : WorkerObserver {
    std::vector<std::string> warnings;
    void log(LogLevel level, std::string_view line) override {
      if (level == LogLevel::warning) warnings.emplace_back(line);
    }
  };
  const RedisServer server;
  const auto log = std::make_shared<Log>();
  Worker worker(server.url(), WorkerOptions().observer(log).stop_when_idle());
  const auto serve = [](Worker* its) -> coterie::Task<void> { co_await its->serve(); };
  coterie::run(serve(&worker));
  coterie::run(serve(&worker));
  EXPECT_THAT(log->warnings, ElementsAre(HasSubstr("it keeps nothing")));
}

}  // namespace
}  // namespace broker_suite

// coterie enqueue on a Redis that does not say whether a job is durable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/brokers/redis_administrator.hpp"
#include "tests/brokers/redis_server.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using broker_suite::RedisServer;
using testing::HasSubstr;

TEST(RedisEnqueue, AnUnknownOutcomeNamesTheIdByWhichItIsRepeated) {
  const Folder folder;
  const RedisServer server;
  const std::string url = server.url("durable=replicas:1&durable_timeout_ms=30");
  const std::vector<std::string> words{"enqueue", "--broker", url, "--exec", "true"};
  const Ended unknown = folder.run(words);
  EXPECT_EQ(unknown.code, 3);
  const std::string before = "the same command with --id ";
  const std::size_t at = unknown.err.find(before);
  ASSERT_NE(at, std::string::npos) << unknown.err;
  const std::string id = unknown.err.substr(at + before.size(), 36);
  std::vector<std::string> again = words;
  again.insert(again.end(), {"--id", id});
  EXPECT_EQ(folder.run(again).code, 3);
  const Ended listed = folder.run({"jobs", "--broker", server.url(), "--json"});
  EXPECT_THAT(listed.out, HasSubstr(id));
  EXPECT_EQ(std::count(listed.out.begin(), listed.out.end(), '\n'), 1) << listed.out;
}

TEST(RedisEnqueue, AResultThatFoundNoRoomIsSaidToBeDropped) {
  const Folder folder;
  const RedisServer server;
  const std::string id = "0197a2b4-0000-7000-8000-000000000001";
  const std::vector<std::string> words{"enqueue", "--broker", server.url(),     "--id",
                                       id,        "--exec",   "printf %1000d 1"};
  EXPECT_EQ(folder.run(words).code, 0);
  broker_suite::administer(server.url(), "CONFIG SET maxmemory 1");
  EXPECT_EQ(folder.run({"worker", "--broker", server.url(), "--allow-exec", "--until-idle"}).code, 0);
  broker_suite::administer(server.url(), "CONFIG SET maxmemory 0");
  const Ended job = folder.run({"job", id, "--broker", server.url()});
  EXPECT_THAT(job.out, HasSubstr("result dropped"));
  EXPECT_THAT(job.out, HasSubstr("the broker's memory was full: raise its maxmemory"));
  std::vector<std::string> waiting = words;
  waiting.emplace_back("--wait");
  const Ended waited = folder.run(waiting);
  EXPECT_EQ(waited.code, 1);
  EXPECT_THAT(waited.err, HasSubstr("job " + id + ": the job is done, but its result was not stored"));
}

}  // namespace
}  // namespace cli_test

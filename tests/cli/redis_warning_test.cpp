// What coterie worker says of a Redis that keeps nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/brokers/redis_server.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

TEST(RedisWarning, AWorkerSaysOnceThatItsServerKeepsNothing) {
  const Folder folder;
  const broker_suite::RedisServer server;
  const Ended worker = folder.run({"worker", "--allow-exec", "--until-idle", "--broker", server.url()});
  EXPECT_EQ(worker.code, 0);
  const std::string line = "it keeps nothing (appendonly no, and save is empty)";
  const std::size_t at = worker.err.find(line);
  ASSERT_NE(at, std::string::npos) << worker.err;
  EXPECT_EQ(worker.err.find(line, at + 1), std::string::npos) << worker.err;
}

}  // namespace
}  // namespace cli_test

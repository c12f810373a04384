// coterie bench queue: what it measures is checked by hand; here, that it is careful and says what it must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/json_text.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<std::string> bench(const std::string& broker, std::vector<std::string> more = {}) {
  std::vector<std::string> args{"bench", "queue", "--broker", broker, "--jobs", "1500", "--runs", "2"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(Bench, ReportsEveryFigureAndLeavesNothing) {
  const Folder folder;
  const Ended end = folder.run(bench("sqlite://b.db", {"--json", "--preload-finished", "1100"}));
  ASSERT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(coterie::cli::json_problem(end.out), std::nullopt);
  for (const char* figure : {"\"enqueue_per_s\":", "\"process_per_s\":", "\"cpu_us_per_job\":",
                             "\"latency_ms\":{\"p50\":", "\"p99\":", "\"rest_latency_ms\":",
                             "\"fsync_per_s\":", "\"broker_syncs_per_s\":", "\"concurrency\":1000"})
    EXPECT_THAT(end.out, HasSubstr(figure));
  EXPECT_THAT(end.out, HasSubstr("\"results_verified\":3000"));
  EXPECT_EQ(folder.jobs("b.db").size(), 0U);
}

TEST(Bench, RunsInMemory) {
  const Folder folder;
  const Ended end = folder.run(bench("memory://"));
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_THAT(end.out, AllOf(HasSubstr("enqueue"), HasSubstr("process"), HasSubstr("latency at rest")));
}

TEST(Bench, LeavesAFileWithOtherJobsAlone) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "precious"}).code, 0);
  const Ended end = folder.run(bench("sqlite://coterie.db"));
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, AllOf(HasSubstr("1 ready in queue 'default'"),
                             HasSubstr("on a file of its own, --broker sqlite://bench.db, or say --force")));
  const Ended forced = folder.run(bench("sqlite://coterie.db", {"--force"}));
  EXPECT_EQ(forced.code, 0) << forced.err;
  const auto jobs = folder.jobs("coterie.db");
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].name, "precious");
}

}  // namespace
}  // namespace cli_test

// coterie doctor as a command: what it prints, and its exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/json_text.hpp"
#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using coterie::cli::json_problem;
using testing::AllOf;
using testing::HasSubstr;

TEST(Doctor, AQueueWithoutProblemsIsExitCodeZero) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "x"}).code, 0);
  const Ended seen = folder.run({"doctor"});
  EXPECT_EQ(seen.code, 0) << seen.err;
  EXPECT_THAT(seen.out, AllOf(HasSubstr("sqlite://coterie.db\n  ok       file"), HasSubstr("; 1 job, "),
                              HasSubstr("0 problems, ")));
  const Ended json = folder.run({"doctor", "--json"});
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(json_problem(json.out), std::nullopt);
  EXPECT_THAT(json.out, AllOf(HasSubstr(R"("broker":"sqlite://coterie.db")"), HasSubstr(R"("problems":0)"),
                              HasSubstr(R"("page_bytes":8192,)"),
                              HasSubstr(R"({"check":"journal","health":"ok","found":"write-ahead log")")));
}

TEST(Doctor, AProblemIsExitCodeOneAndSaysWhatToChange) {
  const Folder folder;
  folder.write("letter.db", std::string(1000, 'x'));
  const Ended seen = folder.run({"doctor", "--broker", "sqlite://letter.db"});
  EXPECT_EQ(seen.code, 1);
  EXPECT_THAT(seen.out, AllOf(HasSubstr("  PROBLEM  integrity"),
                              HasSubstr("change: restore it from a backup"), HasSubstr("1 problem, ")));
  EXPECT_THAT(folder.run({"doctor", "--broker", "sqlite://letter.db", "--json"}).out,
              HasSubstr(R"("health":"problem","problems":1)"));
}

TEST(Doctor, NobodyThereIsExitCodeThreeAndNothingIsMade) {
  const Folder folder;
  const Ended none = folder.run({"doctor"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("no queue at"));
  EXPECT_FALSE(folder.exists("coterie.db"));
  EXPECT_EQ(folder.run({"doctor", "--broker", "redis+unix:///nowhere/redis.sock"}).code, 3);
  EXPECT_EQ(folder.run({"doctor", "--brokr", "x"}).code, 2);
}

TEST(Doctor, MemoryHasNothingToLookAt) {
  const Folder folder;
  const Ended seen = folder.run({"doctor", "--broker", "memory://"});
  EXPECT_EQ(seen.code, 0);
  EXPECT_THAT(seen.out, HasSubstr("there is nothing to look at"));
}

}  // namespace
}  // namespace cli_test

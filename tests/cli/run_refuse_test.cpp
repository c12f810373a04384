// coterie run, told what it cannot do: one line that names the thing, and nothing has run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct BadCall {
  const char* name;
  std::vector<std::string> args;
  std::string content;
  int code;
  std::string says;
};
void PrintTo(const BadCall& call, std::ostream* out) {
  *out << "coterie";
  for (const std::string& arg : call.args) *out << ' ' << arg;
}
class RunRefuses : public testing::TestWithParam<BadCall> {};

TEST_P(RunRefuses, WithOneLineAndNothingRun) {
  const Folder folder;
  folder.write("c", GetParam().content);
  folder.write("mine", "precious\n");
  const Ended end = folder.run(GetParam().args);
  EXPECT_EQ(end.code, GetParam().code);
  EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
  EXPECT_THAT(end.err, AllOf(StartsWith("coterie: "), HasSubstr(GetParam().says)));
  EXPECT_FALSE(folder.exists("ran"));
  EXPECT_EQ(folder.read("mine"), "precious\n");
}

TEST(RunRefuses, ARunThatWasRefusedIsNotInTheWay) {
  const Folder folder;
  folder.write("c", "true\n");
  const Ended refused = folder.run({"run", "--queue", std::string(300, 'q'), "c"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--queue 'qqq"), HasSubstr("1 to 255 bytes")));
  EXPECT_EQ(folder.run({"run", "--queue", "a\nb", "c"}).code, 2);
  EXPECT_EQ(folder.run({"run", "--timeout", "36600d", "c"}).code, 2);
  EXPECT_EQ(folder.run({"run", "--quiet", "c"}).code, 0);
}

const std::string touch = "touch ran\n";
INSTANTIATE_TEST_SUITE_P(
    Run, RunRefuses,
    testing::Values(
        BadCall{"NoSuchFile", {"run", "none"}, touch, 2, "'none'"},
        BadCall{"ADirectory", {"run", "."}, touch, 2, "is a directory"},
        BadCall{"NulBytes", {"run", "c"}, touch + std::string("a\0b\n", 4), 2, "line 2: a NUL byte"},
        BadCall{"NotUtf8", {"run", "c"}, touch + "echo caf\xE9\n", 2, "line 2: not UTF-8"},
        BadCall{
            "TooLong", {"run", "c"}, touch + "echo " + std::string(140'000, 'x') + "\n", 2, "140005 bytes"},
        BadCall{"NoSlots", {"run", "-j", "0", "c"}, touch, 2, "'0'"},
        BadCall{"NegativeTimeout", {"run", "--timeout", "-1", "c"}, touch, 2, "never negative"},
        BadCall{"NegativeRetries", {"run", "--retries", "-1", "c"}, touch, 2, "'-1'"},
        BadCall{"BadName", {"run", "--run", "a b", "c"}, touch, 2, "a run's name"},
        BadCall{"EmptyName", {"run", "--run", "", "c"}, touch, 2, "--run ''"},
        BadCall{"EmptyQueue", {"run", "--queue", "", "c"}, touch, 2, "--queue ''"},
        BadCall{"NothingToResume", {"run", "--resume", "c"}, touch, 2, "no run"},
        BadCall{"Contradiction", {"run", "--resume", "--fresh", "c"}, touch, 2, "contradict"},
        BadCall{"ResultsOnStandardOutput", {"run", "--results", "-", "c"}, touch, 2, "--results '-'"},
        BadCall{"BrokerInMemoryOfSqlite",
                {"run", "--broker", "sqlite://:memory:", "c"},
                touch,
                3,
                "is memory://"},
        BadCall{"ResultsWithoutAName", {"run", "--results", "", "c"}, touch, 2, "--results ''"},
        BadCall{"ResultsNowhere", {"run", "--results", "no/where", "c"}, touch, 2, "'no/where'"},
        BadCall{"ResultsOnADirectory", {"run", "--results", ".", "c"}, touch, 2, "not a regular file"},
        BadCall{"ResultsOverSomethingElse", {"run", "--results", "mine", "c"}, touch, 2, "not overwritten"},
        BadCall{"ResultsInTheBrokersFile",
                {"run", "--broker", "sqlite://x.db", "--results", "./x.db", "c"},
                touch,
                2,
                "'./x.db': it is the broker's own file"},
        BadCall{"ResultsInTheBrokersLog",
                {"run", "--results", "coterie.db-wal", "c"},
                touch,
                2,
                "'coterie.db-wal': it is the broker's own file"},
        BadCall{"BrokerNowhere", {"run", "--broker", "sqlite://no/where.db", "c"}, touch, 3, "no/where.db"},
        BadCall{"BrokerNoDatabase", {"run", "--broker", "sqlite://mine", "c"}, touch, 3, "mine"},
        BadCall{"PayloadTooLarge",
                {"run", "--broker", "sqlite://x.db?payload_bytes=2000", "c"},
                touch + "echo " + std::string(3000, 'x') + "\n",
                2,
                "line 2"}),
    [](const testing::TestParamInfo<BadCall>& bad) { return std::string(bad.param.name); });

}  // namespace
}  // namespace cli_test

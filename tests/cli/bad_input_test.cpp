// Every mistake at the command line: one line on stderr that names the thing and the cure, the right exit
// code, and nothing written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Mistake {
  const char* name;
  std::vector<std::string> args;
  int code;
  std::vector<std::string> said;  // parts of the line
};

// How gtest shows a case.
void PrintTo(const Mistake& mistake, std::ostream* out) {
  *out << mistake.name;
}

class BadInput : public testing::TestWithParam<Mistake> {};

TEST_P(BadInput, IsOneLineAndLeavesNothing) {
  const Mistake& mistake = GetParam();
  const Folder folder;
  folder.write("text", "this is no database, however long it may be, and it says so in so many words");
  folder.write("broken.json", "{\"a\": 1,\n \"b\": }");
  const Ended end = folder.run(mistake.args, "[1, 2");
  EXPECT_EQ(end.code, mistake.code) << end.err;
  EXPECT_THAT(end.err, StartsWith("coterie: "));
  EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
  EXPECT_EQ(end.out, "");
  for (const std::string& part : mistake.said) EXPECT_THAT(end.err, HasSubstr(part));
  EXPECT_FALSE(folder.exists("coterie.db")) << "a refused command made a file";
  EXPECT_FALSE(folder.exists("new.db")) << "a refused command made a file";
}

constexpr const char* new_db = "sqlite://new.db";

INSTANTIATE_TEST_SUITE_P(
    All, BadInput,
    testing::Values(
        Mistake{"UnknownCommand", {"jbos"}, 2, {"jbos", "--help"}},
        Mistake{"UnknownFlag", {"jobs", "--sate", "done"}, 2, {"--sate", "coterie jobs --help"}},
        Mistake{"NoId", {"job"}, 2, {"ID", "coterie job --help"}},
        Mistake{"NoIdToCancel", {"cancel"}, 2, {"ID", "coterie cancel --help"}},
        Mistake{"UnknownScheme", {"enqueue", "x", "--broker", "amqp://here"}, 3, {"'amqp'", "sqlite://path"}},
        Mistake{"NoUrl", {"enqueue", "x", "--broker", "new.db"}, 3, {"'new.db'", "sqlite://path"}},
        Mistake{"UnknownBrokerOption",
                {"enqueue", "x", "--broker", "sqlite://new.db?sync=off"},
                3,
                {"'sync'", "synchronous"}},
        Mistake{"MemoryBetweenProcesses",
                {"enqueue", "x", "--broker", "memory://"},
                2,
                {"memory://", "sqlite://PATH"}},
        Mistake{"MemoryToLookAt", {"jobs", "--broker", "memory://"}, 2, {"memory://", "sqlite://PATH"}},
        Mistake{"PathInNoFolder", {"enqueue", "x", "--broker", "sqlite://no/such/a.db"}, 3, {"no/such"}},
        Mistake{"NoDatabase", {"jobs", "--broker", "sqlite://text"}, 3, {"text"}},
        Mistake{"NoFileToList",
                {"jobs", "--broker", new_db},
                3,
                {"no queue at 'new.db'", "--broker", "coterie enqueue"}},
        Mistake{"NoFileToCount", {"queues", "--broker", new_db}, 3, {"no queue at 'new.db'"}},
        Mistake{"NoFileToPurge",
                {"purge", "--state", "done", "--yes", "--broker", new_db},
                3,
                {"no queue at 'new.db'"}},
        Mistake{
            "NoFileToRetry", {"retry", "--state", "dead", "--broker", new_db}, 3, {"no queue at 'new.db'"}},
        Mistake{"NoFileByDefault", {"jobs"}, 3, {"no queue at 'coterie.db'"}},
        Mistake{"NothingToEnqueue", {"enqueue"}, 2, {"NAME", "--exec"}},
        Mistake{"TwoThingsToEnqueue", {"enqueue", "x", "--exec", "true"}, 2, {"NAME", "--exec"}},
        Mistake{"MalformedPayload",
                {"enqueue", "x", "{\"a\": nope}"},
                2,
                {"the payload", "offset 6", "line 1, column 7"}},
        Mistake{"BareStringPayload", {"enqueue", "x", "hello"}, 2, {"the payload", "'\"text\"'", "@PATH"}},
        Mistake{"MalformedPayloadFile", {"enqueue", "x", "@broken.json"}, 2, {"'broken.json'", "line 2"}},
        Mistake{"MalformedPayloadOnStdin", {"enqueue", "x", "-"}, 2, {"stdin", "offset"}},
        Mistake{"NoPayloadFile", {"enqueue", "x", "@nothing.json"}, 2, {"'nothing.json'", "No such file"}},
        Mistake{"PayloadIsAFolder", {"enqueue", "x", "@."}, 2, {"'.'", "directory"}},
        Mistake{"EmptyPayload", {"enqueue", "x", ""}, 2, {"the payload"}},
        Mistake{"NegativeDelay", {"enqueue", "x", "--delay", "-5s"}, 2, {"--delay '-5s'", "negative"}},
        Mistake{"StrangeDelay", {"enqueue", "x", "--delay", "soon"}, 2, {"--delay 'soon'", "500ms"}},
        Mistake{"EndlessDelay", {"enqueue", "x", "--delay", "99999999d"}, 2, {"--delay", "hundred years"}},
        Mistake{"NegativeTimeout", {"enqueue", "x", "--timeout", "-1"}, 2, {"--timeout '-1'", "negative"}},
        Mistake{"StrangeTime",
                {"enqueue", "x", "--run-at", "tomorrow"},
                2,
                {"--run-at 'tomorrow'", "2030-01-31T"}},
        Mistake{"NoSuchDay",
                {"enqueue", "x", "--run-at", "2031-02-30T00:00Z"},
                2,
                {"--run-at '2031-02-30T00:00Z'"}},
        Mistake{"NegativeRetries", {"enqueue", "x", "--retries", "-1"}, 2, {"--retries '-1'", "from 0"}},
        Mistake{"PriorityTooHigh",
                {"enqueue", "x", "--priority", "1001"},
                2,
                {"--priority '1001'", "-1000 to 1000"}},
        Mistake{"StrangeId", {"enqueue", "x", "--id", "42"}, 2, {"'42'", "UUID"}},
        Mistake{"StrangeDependency", {"enqueue", "x", "--after", "it"}, 2, {"'it'", "UUID"}},
        Mistake{"StrangeIdToShow", {"job", "nonsense"}, 2, {"'nonsense'", "UUID"}},
        Mistake{"StrangeState", {"jobs", "--state", "finished"}, 2, {"--state 'finished'", "done", "dead"}},
        Mistake{"NegativeLimit", {"jobs", "--limit", "-1"}, 2, {"--limit '-1'"}},
        Mistake{"NoHandlers", {"worker", "--broker", new_db}, 2, {"--allow-exec", "README"}},
        Mistake{"NoJobsAtATime",
                {"worker", "--allow-exec", "-j", "0", "--broker", new_db},
                2,
                {"--jobs '0'", "from 1"}},
        Mistake{"RunWithNoJobsAtATime", {"run", "-j", "0", "text"}, 2, {"--jobs '0'", "from 1"}},
        Mistake{"RetryOfNothing", {"retry"}, 2, {"ids", "--state dead"}},
        Mistake{"RetryOfDone",
                {"retry", "--state", "done"},
                2,
                {"--state 'done'", "dead, cancelled and expired"}},
        Mistake{"EnqueueOfAnEmptyCommand", {"enqueue", "--exec", ""}, 2, {"--exec ''"}},
        Mistake{"PurgeOfWhat", {"purge"}, 2, {"--state"}},
        Mistake{"PurgeOfReady", {"purge", "--state", "ready", "--yes"}, 2, {"--state 'ready'", "cancel"}},
        Mistake{"BenchOfWhat", {"bench"}, 2, {"coterie bench --help"}},
        Mistake{"BenchOfNoJobs", {"bench", "queue", "--jobs", "0"}, 2, {"--jobs '0'", "1 to"}},
        Mistake{"BenchOfAUrlAlone",
                {"bench", "queue", "redis://host"},
                2,
                {"redis://host", "a broker is named by --broker URL; see: coterie bench queue --help"}}),
    [](const testing::TestParamInfo<Mistake>& shown) { return std::string(shown.param.name); });

TEST(BadInput, PayloadOverTheLimitIsRefusedAndNothingIsStored) {
  const Folder folder;
  folder.write("big.json", "\"" + std::string(std::size_t{1} << 20, 'x') + "\"");
  const Ended end = folder.run({"enqueue", "x", "@big.json"});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("payload"));
  EXPECT_THAT(end.err, HasSubstr("1048576"));
  EXPECT_EQ(folder.jobs("coterie.db").size(), 0U);
}

TEST(BadInput, UnknownDependencyIsRefusedAndNothingIsStored) {
  const Folder folder;
  const std::string id = "01890a5d-ac96-774b-bcce-b302099a8057";
  const Ended end = folder.run({"enqueue", "x", "--after", id});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr(id));
  EXPECT_EQ(folder.jobs("coterie.db").size(), 0U);
}

TEST(BadInput, AnEmptyFileIsNoQueueAndStaysEmpty) {
  const Folder folder;
  folder.write("coterie.db", "");
  const Ended end = folder.run({"jobs"});
  EXPECT_EQ(end.code, 3);
  EXPECT_THAT(end.err, HasSubstr("no queue at 'coterie.db'"));
  EXPECT_EQ(folder.read("coterie.db"), "");
}

TEST(BadInput, FullDeviceAsOutputIsSaid) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "x"}).code, 0);
  const std::string command =
      "cd '" + folder.path("") + "' && '" COTERIE_BIN_DIR "/coterie' jobs > /dev/full 2> said";
  EXPECT_NE(::system(command.c_str()), 0);  // NOLINT(cert-env33-c): the shell's redirection is what is tested
  EXPECT_THAT(folder.read("said"), StartsWith("coterie: the output cannot be written: No space left"));
}

TEST(BadInput, ReaderThatHasSeenEnoughIsNoError) {
  const Folder folder;
  folder.write("c", "true\n");
  ASSERT_EQ(folder.run({"enqueue", "x"}).code, 0);
  // The reader ends at once; the writer ignores SIGPIPE, as children of some programs do.
  const std::string command = "cd '" + folder.path("") +
                              "' && trap '' PIPE && { '" COTERIE_BIN_DIR
                              "/coterie' jobs 2> said; echo $? > code; } | true";
  EXPECT_EQ(::system(command.c_str()), 0);  // NOLINT(cert-env33-c)
  EXPECT_EQ(folder.read("said"), "");
  EXPECT_EQ(folder.read("code"), "0\n");
}

}  // namespace
}  // namespace cli_test

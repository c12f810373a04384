// coterie run: what it prints, refuses and continues. The real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <csignal>

#include <algorithm>
#include <cstdlib>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Run, SucceedsWhenAllCommandsDo) {
  const Folder folder;
  folder.write("c", "# a comment\n\n  echo one >> out\n\techo two >> out\r\n");
  const Ended end = folder.run({"run", "-j", "1", "c"});
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(folder.lines("out"), (std::vector<std::string>{"one", "two"}));
  EXPECT_THAT(end.out, HasSubstr("2 of 2 commands succeeded"));
  EXPECT_THAT(end.err, AllOf(HasSubstr("2 commands"), HasSubstr("sqlite://coterie.db")));
}

TEST(Run, ListsFailuresWithTheirLastOutput) {
  const Folder folder;
  folder.write("c", "echo fine\nseq 1 9; echo wrong >&2; exit 3\nkill -SEGV $$\n");
  const Ended end = folder.run({"run", "c", "--results", "r"});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.out, HasSubstr("exit code 3"));
  EXPECT_THAT(end.out, HasSubstr("        …\n        6\n        7\n        8\n        9\n        wrong\n"));
  EXPECT_THAT(end.out, HasSubstr("killed by SIGSEGV"));
  EXPECT_THAT(end.out, HasSubstr("1 of 3 commands succeeded, 2 failed"));
  const std::vector<std::string> results = folder.lines("r");
  ASSERT_EQ(results.size(), 3U);
  EXPECT_THAT(results[0], AllOf(HasSubstr(R"("state":"done")"), HasSubstr(R"("output":"fine\n")")));
  EXPECT_THAT(results[1], AllOf(HasSubstr(R"("state":"dead")"), HasSubstr(R"("exit_code":3)")));
  EXPECT_THAT(results[2], AllOf(HasSubstr(R"("line":3)"), HasSubstr(R"("signal":"SIGSEGV")")));
}

TEST(Run, OneCommandIsNoneOfManyCommands) {
  const Folder folder;
  folder.write("c", "true\n");
  const Ended end = folder.run({"run", "c"});
  EXPECT_THAT(end.err, HasSubstr(": 1 command;"));
  EXPECT_THAT(end.out, HasSubstr("1 of 1 command succeeded"));
  EXPECT_THAT(folder.run({"run", "c"}).err, HasSubstr("has finished: 1 command, 0 failed"));
}

TEST(Run, PrintsOneJsonObject) {
  const Folder folder;
  folder.write("c", "false\ntrue\n");
  const Ended end = folder.run({"run", "c", "--json", "--quiet"});
  EXPECT_EQ(end.code, 1);
  EXPECT_EQ(end.err, "");
  EXPECT_EQ(lines_in(end.out), 1U);
  EXPECT_THAT(end.out,
              AllOf(HasSubstr(R"("lines":2,"done":1,"failed":1)"), HasSubstr(R"("command":"false")")));
}

TEST(Run, KeepsTheEndOfAnOutputAsValidText) {
  const Folder folder;
  folder.write("c", "seq 1 100000; printf 'caf\\351 \\0 end'; false\n");
  const Ended end = folder.run({"run", "c", "--json", "--quiet", "--results", "r"});
  EXPECT_EQ(end.code, 1);
  const std::string result = folder.read("r");
  EXPECT_THAT(result, AllOf(HasSubstr("100000\\ncaf\xEF\xBF\xBD \xEF\xBF\xBD end"),
                            HasSubstr(R"("truncated":true)")));
  EXPECT_LT(result.size(), 24U << 10);  // 16 KiB of output, its line ends escaped
}

TEST(Run, RetriesAsOftenAsItWasTold) {
  const Folder folder;
  folder.write("c", "echo x >> tries; [ $(wc -l < tries) = 3 ]\n");
  const Ended end = folder.run({"run", "c", "--retries", "2", "--retry-delay", "1ms"});
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_EQ(folder.lines("tries").size(), 3U);
}

TEST(Run, AsksTheBrokerForNoMoreThanItTakes) {
  const Folder folder;
  folder.write("c", "true\nfalse\nfalse\ntrue\nfalse\n");
  const std::string broker = "sqlite://x.db?batch_jobs=2";
  EXPECT_EQ(folder.run({"run", "-j", "2", "--broker", broker, "--results", "r", "c"}).code, 1);
  EXPECT_EQ(folder.lines("r").size(), 5U);
  folder.write("c", "true\nfalse\nfalse\ntrue\nfalse\ntrue\n");
  const Ended end = folder.run({"run", "-j", "2", "--broker", broker, "--resume", "c"});
  EXPECT_EQ(end.code, 1) << end.err;
  EXPECT_THAT(end.out, HasSubstr("3 of 6 commands succeeded, 3 failed"));
}

TEST(Run, ATimeoutStopsTheWholeGroupAndKeepsTheOutput) {
  const Folder folder;
  folder.write("c", "echo begun; sleep 1000 & echo $! > child; trap '' TERM; wait; wait\n");
  const Ended end = folder.run({"run", "c", "--timeout", "300ms", "--grace", "100ms"});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.out, AllOf(HasSubstr("ran longer than 300 ms"), HasSubstr("        begun\n")));
  EXPECT_TRUE(is_gone(std::stoi(folder.read("child"))));
}

TEST(Run, AnInterruptStopsCommandsAndTheNextStartGoesOn) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write(
      "c",
      "echo one >> out\n"
      "if [ -e go ]; then echo two >> out; exit; fi; trap 'echo stopped > how; exit 0' TERM; echo > up; "
      "while :; do sleep 1000 & wait; done\n"
      "echo three >> out\n");
  const pid_t pid = folder.start({"run", "-j", "1", "--json", "c"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGINT);
  const Ended stopped = folder.wait(pid);
  EXPECT_EQ(stopped.code, 130);
  EXPECT_EQ(folder.read("how"), "stopped\n");
  EXPECT_THAT(stopped.out, AllOf(HasSubstr("\"done\":1,"), HasSubstr("\"pending\":2,\"stopped\":true,")));
  EXPECT_THAT(stopped.err,
              AllOf(HasSubstr("2 of 3 commands have not ended"), HasSubstr("`coterie run c` goes on")));
  for (const auto& job : folder.jobs("coterie.db")) EXPECT_NE(job.state, coterie::queue::JobState::leased);
  folder.write("go", "");
  const Ended end = folder.run({"run", "-j", "1", "c"});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(folder.lines("out").size(), 3U);
}

TEST(Run, ASecondInterruptKills) {
  const Folder folder;
  folder.make_fifo("up");
  folder.make_fifo("stopping");
  folder.write(
      "c", "echo $$ > pid; trap 'echo > stopping' TERM; echo > up; while :; do sleep 1000 & wait; done\n");
  const pid_t pid = folder.start({"run", "c", "--grace", "1h"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGINT);
  (void)folder.wait_at("stopping");
  ::kill(pid, SIGINT);
  EXPECT_EQ(folder.wait(pid).code, 130);
}

TEST(Run, AFinishedRunIsRefusedAndSaysWhatCanBeDone) {
  const Folder folder;
  folder.write("c", "echo x >> out\n[ -e fixed ]\n");
  EXPECT_EQ(folder.run({"run", "c"}).code, 1);
  const Ended refused = folder.run({"run", "c"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(lines_in(refused.err), 1U) << refused.err;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("has finished"), HasSubstr("--resume"), HasSubstr("--fresh"),
                                 HasSubstr("--run NAME")));
  folder.write("fixed", "");
  EXPECT_EQ(folder.run({"run", "c", "--resume"}).code, 0);  // only the failed one
  EXPECT_EQ(folder.lines("out").size(), 1U);
  EXPECT_EQ(folder.run({"run", "c", "--resume"}).code, 0);  // nothing is left to do
  EXPECT_EQ(folder.run({"run", "c", "--fresh"}).code, 0);
  EXPECT_EQ(folder.lines("out").size(), 2U);
  EXPECT_EQ(folder.run({"run", "c", "--run", "other"}).code, 0);
  EXPECT_EQ(folder.lines("out").size(), 3U);
  EXPECT_EQ(folder.run({"run", "c", "--run", "other"}).code, 2);
}

TEST(Run, AChangedFileIsRefusedAndResumeRunsOnlyWhatIsNew) {
  const Folder folder;
  folder.write("c", "echo a >> out\necho b >> out\necho a >> out\n");
  EXPECT_EQ(folder.run({"run", "-j", "1", "c"}).code, 0);
  folder.write("c",
               "echo new >> out\necho a >> out\necho b >> out\necho a >> out\n# a comment\necho a >> out\n");
  const Ended refused = folder.run({"run", "c"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(lines_in(refused.err), 1U) << refused.err;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("other commands"), HasSubstr("--resume"), HasSubstr("--fresh"),
                                 HasSubstr("--run NAME")));
  const Ended end = folder.run({"run", "-j", "1", "c", "--resume", "--results", "r"});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(folder.lines("out"), (std::vector<std::string>{"a", "b", "a", "new", "a"}));
  EXPECT_EQ(folder.lines("r").size(), 5U);
}

TEST(Run, OtherOptionsThanItWasStartedWithAreRefused) {
  const Folder folder;
  folder.write("c", "echo x >> out; false\n");
  EXPECT_EQ(folder.run({"run", "c", "--retries", "1", "--retry-delay", "1ms", "--timeout", "1m"}).code, 1);
  EXPECT_EQ(folder.lines("out").size(), 2U);
  for (const std::vector<std::string>& other : std::vector<std::vector<std::string>>{
           {"--retries", "5"}, {"--retry-delay", "2s"}, {"--timeout", "5s"}, {"--grace", "1s"}}) {
    const Ended refused = folder.run({"run", "c", "--resume", other[0], other[1]});
    EXPECT_EQ(refused.code, 2);
    EXPECT_EQ(lines_in(refused.err), 1U) << refused.err;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("leave " + other[0] + " out"), HasSubstr("--fresh"),
                                   HasSubstr("--run NAME")));
  }
  EXPECT_THAT(folder.run({"run", "c", "--resume", "--timeout", "5s"}).err,
              HasSubstr("with --timeout 60000ms"));
  EXPECT_EQ(folder.lines("out").size(), 2U) << "nothing of it ran";
  EXPECT_EQ(folder.run({"run", "c", "--resume", "--timeout", "60"}).code, 1) << "the same in other words";
  EXPECT_EQ(folder.lines("out").size(), 4U) << "and what was not said is as it was";
  EXPECT_EQ(folder.run({"run", "c", "--fresh", "--retries", "0"}).code, 1);
  EXPECT_EQ(folder.lines("out").size(), 5U);
}

TEST(Run, LinesThatResumeAddsGetTheOptionsOfTheRun) {
  const Folder folder;
  folder.write("c", "true\n");
  EXPECT_EQ(folder.run({"run", "c", "--retries", "2", "--retry-delay", "1ms"}).code, 0);
  folder.write("c", "true\necho x >> out; false\n");
  EXPECT_EQ(folder.run({"run", "c", "--resume"}).code, 1);
  EXPECT_EQ(folder.lines("out").size(), 3U);
}

TEST(Run, StandardInputIsNotContinuedByItself) {
  const Folder folder;
  folder.make_fifo("up");
  const std::string input = "if [ ! -e go ]; then echo > up; exec sleep 1000; fi\n";
  const pid_t pid = folder.start({"run", "-"}, input);
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  folder.write("go", "");
  const Ended refused = folder.run({"run", "-"}, input);
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--resume"), HasSubstr("--fresh"), HasSubstr("--run NAME")));
  EXPECT_EQ(folder.run({"run", "-", "--resume"}, input).code, 0);
}

TEST(Run, ARunThatIsBeingWorkedOnIsRefused) {
  const Folder folder;
  folder.make_fifo("up");
  folder.make_fifo("go");
  folder.write("c", "echo > up; read line < go\n");
  const pid_t pid = folder.start({"run", "c"});
  (void)folder.wait_at("up");
  folder.write("r.part", "the new file, half written");
  // Not start(): the first one's output stays in its files.
  const int code = std::system(
      ("cd '" + folder.path("") + "' && '" + COTERIE_BIN_DIR + "/coterie' run --results r c 2> second")
          .c_str());
  EXPECT_EQ(WEXITSTATUS(code), 2);
  EXPECT_EQ(folder.read("r.part"), "the new file, half written") << "that is the first one's";
  EXPECT_THAT(folder.read("second"), HasSubstr("by another process"));
  folder.write("go", "\n");
  EXPECT_EQ(folder.wait(pid).code, 0);
}

TEST(Run, FreshCancelsWhatAnOlderStartHasLeft) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("c", "echo > up; exec sleep 1000\necho old >> out\n");
  const pid_t pid = folder.start({"run", "-j", "1", "--run", "r", "c"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  folder.write("c", "echo new >> out\n");
  EXPECT_EQ(folder.run({"run", "--run", "r", "--fresh", "c"}).code, 0);
  EXPECT_EQ(folder.lines("out"), (std::vector<std::string>{"new"}));
}

TEST(Run, FreshCancelsWhatAnOlderStartHasLeftInAnotherQueue) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("c", "echo > up; exec sleep 1000\necho old >> out\n");
  const pid_t pid = folder.start({"run", "-j", "1", "--run", "r", "-q", "elsewhere", "c"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  folder.write("c", "echo new >> out\n");
  EXPECT_EQ(folder.run({"run", "--run", "r", "--fresh", "c"}).code, 0);
  EXPECT_EQ(folder.run({"worker", "--allow-exec", "--until-idle", "-q", "elsewhere"}).code, 0);
  EXPECT_EQ(folder.lines("out"), (std::vector<std::string>{"new"}));
}

TEST(Run, SeesThatAnotherProcessHasCancelledACommand) {
  const Folder folder;
  folder.make_fifo("up");
  folder.make_fifo("go");
  folder.write("c", "echo > up; read line < go\ntouch ran\n");
  const pid_t pid = folder.start({"run", "-j", "1", "c", "--results", "r"});
  (void)folder.wait_at("up");
  folder.cancel("coterie.db", folder.jobs("coterie.db").at(1).id);
  folder.write("go", "\n");
  const Ended end = folder.wait(pid);
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.out, HasSubstr("1 of 2 commands succeeded, 1 cancelled"));
  EXPECT_THAT(folder.lines("r").at(1), HasSubstr(R"("state":"cancelled")"));
  EXPECT_FALSE(folder.exists("ran"));
}

TEST(Run, ItIsContinuedWhereItWasStarted) {
  const Folder folder;
  folder.write("c", "false\n");
  ::mkdir(folder.path("sub").c_str(), 0700);
  EXPECT_EQ(folder.run({"run", "--run", "r", "c"}).code, 1);
  const int code =
      std::system(("cd '" + folder.path("sub") + "' && '" + COTERIE_BIN_DIR +
                   "/coterie' run --run r --resume --broker sqlite://../coterie.db ../c 2> ../err")
                      .c_str());
  EXPECT_EQ(WEXITSTATUS(code), 2);
  EXPECT_THAT(folder.read("err"), HasSubstr("was started in"));
}

TEST(Run, NoCommandsIsNoFailureAndHasNoResults) {
  const Folder folder;
  folder.write("c", "# nothing\n");
  const Ended end = folder.run({"run", "c", "--results", "r", "--json"});
  EXPECT_EQ(end.code, 0);
  EXPECT_THAT(end.out, AllOf(StartsWith("{"), HasSubstr("\"lines\":0,")));
  EXPECT_EQ(folder.read("r"), "");
  EXPECT_TRUE(folder.exists("r"));
}

TEST(Run, NoCommandsLeaveResultsAlone) {
  const Folder folder;
  folder.write("before", "true\n");
  EXPECT_EQ(folder.run({"run", "before", "--results", "r"}).code, 0);
  folder.write("c", "# nothing\n");
  const Ended refused = folder.run({"run", "c", "--results", "r"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("would empty it"));
  EXPECT_EQ(folder.lines("r").size(), 1U);
}

TEST(Run, NoCommandsWhereARunHasNotFinishedIsRefused) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("c", "echo > up; exec sleep 1000\n");
  const pid_t pid = folder.start({"run", "c"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  folder.write("c", "");
  const Ended refused = folder.run({"run", "c"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("has not finished"));
}

TEST(Run, NoCommandsIsNoFailure) {
  const Folder folder;
  folder.write("c", "# nothing\n\n");
  EXPECT_EQ(folder.run({"run", "c"}).code, 0);
  EXPECT_FALSE(folder.exists("coterie.db"));
}

}  // namespace
}  // namespace cli_test

// coterie run --results: whose file it is, and how a stopped run is gone on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::HasSubstr;

TEST(RunResults, FileOfAnotherCommandIsNotOverwritten) {
  const Folder folder;
  folder.write("c", "true\n");
  ASSERT_EQ(folder.run({"run", "--quiet", "c"}).code, 0);
  const std::string listing = folder.run({"jobs", "--json"}).out;
  folder.write("saved.jsonl", listing);
  const Ended end = folder.run({"run", "--quiet", "--run", "other", "--results", "saved.jsonl", "c"});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("does not hold results of a run"));
  EXPECT_EQ(folder.read("saved.jsonl"), listing);
}

TEST(RunResults, FileOfAnotherRunIsNotOverwrittenUnlessAllIsToBeFresh) {
  const Folder folder;
  folder.write("a", "true a\n");
  folder.write("b", "true b\n");
  ASSERT_EQ(folder.run({"run", "--quiet", "--results", "r.jsonl", "a"}).code, 0);
  const std::string of_a = folder.read("r.jsonl");
  const Ended refused = folder.run({"run", "--quiet", "--results", "r.jsonl", "b"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("it holds results of another run"));
  EXPECT_EQ(folder.read("r.jsonl"), of_a);
  EXPECT_EQ(folder.run({"run", "--quiet", "--results", "r2.jsonl", "b"}).code, 0);  // nothing is lost by it
  ASSERT_EQ(folder.run({"run", "--quiet", "--fresh", "--results", "r.jsonl", "a"}).code, 0);
  EXPECT_NE(folder.read("r.jsonl"), of_a);
}

TEST(RunResults, AFileInUseByAnotherRunIsRefused) {
  const Folder folder;
  folder.make_fifo("up");
  folder.make_fifo("go");
  folder.write("a", "echo > up; read line < go\n");
  folder.write("b", "true\n");
  const pid_t pid = folder.start({"run", "--broker", "sqlite://a.db", "--results", "r", "a"});
  (void)folder.wait_at("up");
  const std::string second = "cd '" + folder.path("") +
                             "' && '" COTERIE_BIN_DIR
                             "/coterie' run --broker sqlite://b.db --results r b 2> second";
  EXPECT_EQ(WEXITSTATUS(std::system(second.c_str())), 2);
  EXPECT_THAT(folder.read("second"), HasSubstr("--results 'r': it is in use by another run"));
  folder.write("go", "\n");
  EXPECT_EQ(folder.wait(pid).code, 0);
  EXPECT_EQ(folder.lines("r").size(), 1U);
}

TEST(RunResults, ALinkToAFileThatIsNotThereYetStaysALink) {
  const Folder folder;
  folder.write("c", "true\n");
  std::filesystem::create_symlink("target", folder.path("r"));
  EXPECT_EQ(folder.run({"run", "--results", "r", "c"}).code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("r")));
  EXPECT_EQ(folder.lines("target").size(), 1U);
}

TEST(RunResults, AdviceAfterAStopCanBePasted) {
  const Folder folder;
  folder.write("my cmds.txt", "echo > started; exec sleep 100\n");
  Changes changes(folder.path(""));
  const pid_t pid =
      folder.start({"run", "--broker", "sqlite://my x.db", "--results", "my r.jsonl", "my cmds.txt"});
  changes.wait("started", 1, pid);
  ASSERT_EQ(::kill(pid, SIGINT), 0);
  const Ended end = folder.wait(pid);
  EXPECT_EQ(end.code, 130);
  EXPECT_THAT(
      end.err,
      HasSubstr("`coterie run --broker 'sqlite://my x.db' --results 'my r.jsonl' 'my cmds.txt'` goes on"));
}

TEST(EnqueueWait, StoppedItNamesTheJobAndHowToLookAtIt) {
  const Folder folder;
  ASSERT_EQ(folder.run({"enqueue", "x"}).code, 0);  // makes the database
  const pid_t pid = folder.start({"enqueue", "nobody", "--wait", "--broker", "sqlite://coterie.db"});
  while (folder.jobs("coterie.db").size() < 2) {
  }
  ASSERT_EQ(::kill(pid, SIGINT), 0);
  const Ended end = folder.wait(pid);
  EXPECT_EQ(end.code, 130);
  EXPECT_THAT(end.err, HasSubstr("coterie: stopped"));
  EXPECT_THAT(end.err, HasSubstr("`coterie job "));
}

}  // namespace
}  // namespace cli_test

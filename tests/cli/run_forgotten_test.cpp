// coterie run, when the broker's records of its lines are gone: purged, or kept no longer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <csignal>

#include "tests/cli/run_support.hpp"

namespace cli_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(RunForgotten, AFailedCommandStaysFailedWhenItsRecordIsGone) {
  const Folder folder;
  folder.write("c", "echo a\nfalse\n");
  EXPECT_EQ(folder.run({"run", "c"}).code, 1);
  EXPECT_EQ(folder.run({"purge", "--state", "dead", "--yes"}).code, 0);
  for (int again = 0; again < 2; ++again) {
    const Ended end = folder.run({"run", "--resume", "c"});
    EXPECT_EQ(end.code, 1);
    EXPECT_THAT(end.out, AllOf(HasSubstr("1 of 2 commands succeeded"), HasSubstr("may have failed"),
                               HasSubstr("--fresh")));
  }
  EXPECT_THAT(folder.run({"run", "--resume", "--json", "c"}).out, HasSubstr(R"("forgotten":1,"unknown":1)"));
  EXPECT_THAT(folder.run({"run", "c"}).err, HasSubstr("2 commands, 1 failed"));
}

TEST(RunForgotten, WhatSucceededStaysSoWhenItsRecordIsGone) {
  const Folder folder;
  folder.write("c", "echo a\n[ -e fixed ]\n");
  EXPECT_EQ(folder.run({"run", "c"}).code, 1);
  EXPECT_EQ(folder.run({"purge", "--state", "done", "--yes"}).code, 0);
  folder.write("fixed", "");
  EXPECT_EQ(folder.run({"run", "--resume", "c"}).code, 0)
      << "the one that failed was not the one that is gone";
  EXPECT_EQ(folder.run({"purge", "--state", "done", "--yes"}).code, 0);
  const Ended end = folder.run({"run", "--resume", "c"});
  EXPECT_EQ(end.code, 0) << "the run had finished without a failure";
  EXPECT_THAT(end.out, HasSubstr("2 succeeded so long ago"));
}

TEST(RunForgotten, TheResultsSayWhatTheBrokerHasForgotten) {
  const Folder folder;
  folder.make_fifo("up");
  folder.write("c", "echo '\"state\":\"dead\"'\nif [ ! -e go ]; then echo > up; exec sleep 1000; fi\n");
  const pid_t pid = folder.start({"run", "-j", "1", "--results", "r", "c"});
  (void)folder.wait_at("up");
  ::kill(pid, SIGKILL);
  (void)folder.wait(pid);
  EXPECT_EQ(folder.run({"purge", "--state", "done", "--yes"}).code, 0);
  folder.write("go", "");
  EXPECT_EQ(folder.run({"run", "--results", "r", "c"}).code, 0);
  EXPECT_THAT(folder.lines("r").at(0), HasSubstr(R"("state":"done")"));
}

}  // namespace
}  // namespace cli_test

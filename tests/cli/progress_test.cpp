// What the progress line says, and what is read back of a command's end.
#include "src/cli/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/cli/exec_handler.hpp"
#include "src/cli/run_input.hpp"

namespace coterie::cli {
namespace {

Progress some_progress() {
  Progress progress;
  progress.total = 2000;
  progress.ended = 847;
  progress.failed = 3;
  progress.running = 8;
  progress.per_second = 512;
  return progress;
}

TEST(Progress, SaysAllWhereThereIsRoom) {
  EXPECT_EQ(
      render_progress(some_progress(), 100),
      "[################>                       ]  847/2000  3 failed  42%  ETA 0:03  512/s  8 running");
}

TEST(Progress, SaysLessTheLessRoomThereIs) {
  for (unsigned width = 0; width < 200; ++width)
    EXPECT_LE(render_progress(some_progress(), width).size(), width);
  EXPECT_EQ(render_progress(some_progress(), 20), "847/2000  3 failed");
  EXPECT_EQ(render_progress(some_progress(), 3), "");
}

TEST(Progress, EndsFull) {
  Progress all;
  all.total = all.ended = 5;
  EXPECT_EQ(render_progress(all, 30), "[#################]  5/5  100%");
  EXPECT_EQ(render_progress(Progress(), 12), "0/0  100%");
}

TEST(Progress, ClockTexts) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(6.2), "0:07");
  EXPECT_EQ(clock_text(750), "12:30");
  EXPECT_EQ(clock_text(3 * 3600), "3:00:00");
  EXPECT_EQ(clock_text(4 * 86400 + 7300), "4 d 2 h");
  EXPECT_EQ(clock_text(-1), "0:00");
}

TEST(RateMeter, LooksBackTenSeconds) {
  RateMeter meter;
  const RateMeter::TimePoint start{};
  meter.note(start, 0);
  EXPECT_EQ(meter.per_second(), 0);
  for (int i = 1; i <= 300; ++i)
    meter.note(start + std::chrono::milliseconds(100 * i), i <= 200 ? 0 : 10U * (i - 200));
  EXPECT_NEAR(meter.per_second(), 100, 5);
}

TEST(ExecEnd, IsReadBackFromAnError) {
  const ExecEnd end = read_exec_error(queue::JobError("exit", "exit code 3\n[…]tail\nof it\n"));
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_EQ(end.message, "exit code 3");
  EXPECT_EQ(end.output, "tail\nof it\n");
  EXPECT_TRUE(end.truncated);
  EXPECT_EQ(read_exec_error(queue::JobError("signal", "killed by SIGKILL")).signal, "SIGKILL");
}

TEST(CleanTail, CutsAtACharacter) {
  EXPECT_EQ(clean_tail("caf\xC3\xA9s", 2), "s");
  EXPECT_EQ(clean_tail("caf\xC3\xA9s", 3), "\xC3\xA9s");
  EXPECT_EQ(clean_tail("abc", 10), "abc");
  EXPECT_EQ(clean_tail("a\xFF\xFFz", 4), "\xEF\xBF\xBDz");
}

TEST(RunInput, SkipsCommentsAndCountsLines) {
  const RunInput input = parse_run_input("\xEF\xBB\xBF# x\n\na\r\n  # y\n b", "it");
  ASSERT_EQ(input.lines.size(), 2U);
  EXPECT_EQ(input.lines[0].number, 3U);
  EXPECT_EQ(input.lines[0].text, "a");
  EXPECT_EQ(input.lines[1].number, 5U);
  EXPECT_EQ(input.lines[1].text, " b");
  EXPECT_EQ(parse_run_input("# other\n\na\n\n b\n", "it").hash, input.hash);
  EXPECT_NE(parse_run_input("a\n b\n", "it").hash, input.hash);
}

}  // namespace
}  // namespace coterie::cli

// Lines of the command's log.
#include "src/cli/log_line.hpp"

#include <gtest/gtest.h>

#include "src/cli/command.hpp"

namespace coterie::cli {
namespace {

LogRecord record(std::string_view message) {
  LogRecord its;
  its.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'793'887'380'123));
  its.level = LogLevel::warning;
  its.message = message;
  its.task = "exec 0192";
  its.fields.emplace_back("job", "0192");
  its.fields.emplace_back("handler", "exec");
  return its;
}

TEST(LogLine, TextHasTheMessageAndThenWhatItIsAbout) {
  EXPECT_EQ(log_line(record("it waits"), LogFormat::text),
            "it waits  task=\"exec 0192\"  job=0192  handler=exec");
}

TEST(LogLine, JsonIsAnObjectALine) {
  EXPECT_EQ(log_line(record("it waits"), LogFormat::json),
            R"({"time":"2026-11-05T14:03:00.123Z","level":"warning","message":"it waits","task":"exec 0192",)"
            R"("job":"0192","handler":"exec"})");
}

TEST(LogLine, WhatIsAboutNothingHasNoFields) {
  LogRecord plain = record("stopped");
  plain.task.clear();
  plain.fields.clear();
  EXPECT_EQ(log_line(plain, LogFormat::text), "stopped");
  EXPECT_EQ(log_line(plain, LogFormat::json),
            R"({"time":"2026-11-05T14:03:00.123Z","level":"warning","message":"stopped"})");
}

TEST(LogLine, NothingInATextCanMoveACursorOrBeginALine) {
  const std::string evil =
      "a\x1b[2J\nb\r\x07\xC2\x9B"
      "31m\xE2\x80\xAE\xFF";
  LogRecord its = record(evil);
  its.fields[0].value = evil;
  its.fields[1].name = evil;
  its.task = evil;
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    const std::string line = log_line(its, format);
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
    for (const char* bad : {"\xC2\x9B", "\xE2\x80\xAE", "\xFF"})
      EXPECT_EQ(line.find(bad), std::string::npos) << line;
  }
}

TEST(LogLine, AValueCannotPretendToBeAnotherField) {
  LogRecord its = record("m");
  its.task.clear();
  its.fields.clear();
  its.fields.emplace_back("queue", R"(a" job="1)");
  EXPECT_EQ(log_line(its, LogFormat::text), R"(m  queue="a\" job=\"1")");
  its.fields[0].value = R"(a\" job="1)";
  EXPECT_EQ(log_line(its, LogFormat::text), R"(m  queue="a\\\" job=\"1")");
  its.fields[0].value = R"(a\)";
  EXPECT_EQ(log_line(its, LogFormat::text), R"(m  queue="a\\")");
}

TEST(LogLine, AFormatThatThereIsNotIsRefused) {
  EXPECT_EQ(parse_log_format("json"), LogFormat::json);
  EXPECT_THROW((void)parse_log_format("xml"), UsageError);
}

}  // namespace
}  // namespace coterie::cli

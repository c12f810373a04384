// What goes to a terminal and into JSON, and what is read from the command line.
#include "src/cli/output.hpp"

#include <gtest/gtest.h>

#include "src/cli/json_text.hpp"
#include "src/cli/options.hpp"

namespace coterie::cli {
namespace {

using namespace std::chrono_literals;

TEST(Text, ControlCharactersAreSpelledOut) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\r\t\x7f"), "a\\x1b[2Jb\\n\\r\\t\\x7f");
  EXPECT_EQ(printable("a\n\tb\x1b", true), "a\n\tb\\x1b");
  EXPECT_EQ(printable("\xC2\x9B"), "\\x9b") << "the one-character escape of 8-bit terminals";
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\u202e") << "text direction overrides";
  EXPECT_EQ(printable("\xE2\x80\x8F"), "\\u200f") << "and what hints at it";
  EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(printable("\xFF\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Text, WidthIsColumnsNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("gr\xC3\xBC\xC3\x9F"), 4U);
  EXPECT_EQ(display_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4U) << "two columns each";
  EXPECT_EQ(display_width("e\xCC\x81"), 1U) << "a combining accent takes none";
  EXPECT_EQ(display_width("✅🟠⏳🩺"), 8U) << "and so do the signs that people put into notes";
}

TEST(Text, ClippingKeepsCharactersWhole) {
  EXPECT_EQ(clip("abcdef", 6), "abcdef");
  EXPECT_EQ(clip("abcdef", 4), "abc\xE2\x80\xA6");
  EXPECT_EQ(clip("\xE6\x97\xA5\xE6\x9C\xAC", 3), "\xE6\x97\xA5\xE2\x80\xA6");
}

TEST(Json, IntegersAreExactAndStringsValid) {
  JsonObject object;
  object.add("most", UINT64_MAX).add("least", INT64_MIN).add("yes", true).add("half", 0.5);
  object.add("text", "a\"\\\n\x01\xFF").null("none");
  EXPECT_EQ(object.str(),
            "{\"most\":18446744073709551615,\"least\":-9223372036854775808,\"yes\":true,\"half\":0.5,"
            "\"text\":\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\",\"none\":null}");
  EXPECT_EQ(json_problem(object.str()), std::nullopt);
  EXPECT_EQ(json_number(1.0 / 0.0), "null");
  EXPECT_EQ(json_number(1.0 / 3.0), "0.3333333");
  EXPECT_EQ(json_string("\x1b[2J\x7f\xC2\x9B\xE2\x80\xAE\xEF\xBB\xBF \xED\xA0\x80"),
            "\"\\u001b[2J\\u007f\\u009b\\u202e\\ufeff \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"")
      << "JSON is looked at in terminals, too";
}

TEST(Json, WhatIsEmbeddedStaysAsItIsOnOneLine) {
  EXPECT_EQ(embed_json("{ \"a\" : [ 1.50,\n 2e3 ] , \"b c\" : \" d \\\" \" }"),
            "{\"a\":[1.50,2e3],\"b c\":\" d \\\" \"}");
  EXPECT_EQ(embed_json("not json"), "\"not json\"");
}

TEST(Values, Durations) {
  EXPECT_EQ(parse_duration("--x", "5"), 5s);
  EXPECT_EQ(parse_duration("--x", "500ms"), 500ms);
  EXPECT_EQ(parse_duration("--x", "1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("--x", "1h30m"), 90min);
  EXPECT_EQ(parse_duration("--x", "2d"), 48h);
  EXPECT_EQ(parse_duration("--x", "0"), 0s);
  for (const char* bad :
       {"", "-1", "1x", "s", "1s2", "0s2", "1m30", "nan", "inf", "1e9", "1 s", "0x10", "+1"})
    EXPECT_THROW(static_cast<void>(parse_duration("--x", bad)), UsageError) << bad;
}

TEST(Values, AnAddressIsAHostAPortOrBoth) {
  const auto read = [](const std::string& text) {
    const ListenAddress address = parse_address("--listen", text);
    return address.host + " " + (address.port ? std::to_string(*address.port) : "-");
  };
  EXPECT_EQ(read("127.0.0.1:8420"), "127.0.0.1 8420");
  EXPECT_EQ(read("[::1]:8420"), "::1 8420");
  EXPECT_EQ(read("[::1]"), "::1 -");
  EXPECT_EQ(read("8420"), "127.0.0.1 8420");
  EXPECT_EQ(read(":0"), "127.0.0.1 0");
  EXPECT_EQ(read("localhost"), "localhost -");
  for (const char* wrong :
       {"", "::1", "::1:8420", "host:", "host:70000", "host:8420x", "99999", "[]:1", "[::1"})
    EXPECT_THROW(read(wrong), UsageError) << wrong;
}

TEST(Values, Times) {
  EXPECT_EQ(parse_time("--x", "@1"), 1000);
  EXPECT_EQ(parse_time("--x", "1970-01-02T00:00:00Z"), 86'400'000);
  EXPECT_EQ(parse_time("--x", "2026-11-05T14:03:07.25+02:00"), 1793880187250);
  EXPECT_EQ(parse_time("--x", "2026-11-05 12:03Z"), 1793880180000);
  for (const char* bad : {"", "now", "2026-11-05", "2026-11-05T14:03:07", "2026-13-05T14:03:07Z",
                          "2026-02-29T00:00Z", "2026-11-05T24:00Z", "2026-11-05T14:03:07Z ", "@", "@-1"})
    EXPECT_THROW(static_cast<void>(parse_time("--x", bad)), UsageError) << bad;
}

TEST(Values, TimesAreShown) {
  EXPECT_EQ(human_time(12), "12 ms");
  EXPECT_EQ(human_time(1500), "1.5 s");
  EXPECT_EQ(human_time(200'000), "3m 20s");
  EXPECT_EQ(human_time(7'500'000), "2h 05m");
  EXPECT_EQ(human_time(360'000'000), "4d 4h");
  EXPECT_EQ(iso_time(1793880187250), "2026-11-05 12:03:07.250Z");
  EXPECT_EQ(human_count(1234567), "1,234,567");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(counted(1, "job"), "1 job");
  EXPECT_EQ(counted(0, "job"), "0 jobs");
}

}  // namespace
}  // namespace coterie::cli

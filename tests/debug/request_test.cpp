// The line that a client of the debug socket writes.
#include "src/debug/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "coterie/core/stamp.hpp"

namespace coterie::debug {
namespace {
using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string refusal(const std::string& line) {
  try {
    (void)parse_request(line);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(DebugRequest, SaysEverythingThatCanBeAsked) {
  Request request;
  request.what = Request::What::dump;
  request.json = request.options.group = true;
  request.options.filter.older_than = 1500ms;
  request.options.filter.sched_class = -3;
  request.options.filter.id = 18'446'744'073'709'551'615U;
  request.options.filter.state = "waiting";
  request.options.filter.name = "fetch page=100%\n\xe4\xbb\xbb";
  const std::string line = format_request(request);
  EXPECT_EQ(line,
            "dump json group older_ms=1500 class=-3 task=18446744073709551615 "
            "name=fetch%20page%3d100%25%0a%e4%bb%bb state=waiting");
  const Request read = parse_request(line);
  EXPECT_EQ(format_request(read), line);
  EXPECT_EQ(read.options.filter.name, request.options.filter.name);
  EXPECT_EQ(parse_request("tree").what, Request::What::tree);
}

TEST(DebugRequest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(refusal(""), HasSubstr("ask for info, dump, ps or tree"));
  EXPECT_THAT(refusal("   "), HasSubstr("ask for info, dump, ps or tree"));
  EXPECT_THAT(refusal("kill"), HasSubstr("'kill' is unknown"));
  EXPECT_THAT(refusal("dump colour=red"), HasSubstr("nothing is known of 'colour'"));
  EXPECT_THAT(refusal("dump state=lazy"), HasSubstr("a task is never 'lazy': it is pending, running"));
  EXPECT_THAT(refusal("dump older_ms=-1"), HasSubstr("'-1' is no number for 'older_ms'"));
  EXPECT_THAT(refusal("dump class=40000"), HasSubstr("'40000' is no number for 'class'"));
  EXPECT_THAT(refusal("dump name=%4"), HasSubstr("two hexadecimal digits"));
  EXPECT_THAT(refusal("dump name=%zz"), HasSubstr("two hexadecimal digits"));
  EXPECT_THAT(refusal("dump \x1b[2J"), HasSubstr("\\x1b"));
  EXPECT_THAT(refusal("dump " + std::string(5000, 'x')), HasSubstr("at most 4096 bytes"));
}

TEST(Stamp, KeepsATimeToSeventeenMillisecondsForAYear) {
  const TimePoint born(std::chrono::hours(24 * 365 * 70));
  const Stamp stamp(born);
  for (const Duration age : {Duration(0ms), Duration(40ms), Duration(90s), Duration(24h * 364)}) {
    EXPECT_GE(stamp.age(born + age), age);
    EXPECT_LT(stamp.age(born + age), age + 17ms);
  }
  EXPECT_EQ(stamp.age(born - 1h), 0s) << "a clock that was read before";
}

}  // namespace
}  // namespace coterie::debug

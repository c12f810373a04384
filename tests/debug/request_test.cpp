// The line that a client of the debug socket writes.
#include "src/debug/request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "src/debug/ages.hpp"

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

TEST(Ages, ATaskIsAtLeastAsOldAsTheFirstNoteThatKnowsIt) {
  const auto at = [](int second) { return TimePoint(std::chrono::seconds(second)); };
  Ages ages;
  ages.note(at(10), 5);
  ages.note(at(11), 5);
  ages.note(at(12), 9);
  EXPECT_EQ(ages.at_least(1, at(20)), 10s);
  EXPECT_EQ(ages.at_least(5, at(20)), 10s);
  EXPECT_EQ(ages.at_least(6, at(20)), 8s);
  EXPECT_EQ(ages.at_least(10, at(20)), 0s) << "made since the newest note";
}

TEST(Ages, AreKnownWellOverAnyTime) {
  Ages ages;
  constexpr int last = 1'000'000;
  for (int second = 0; second < last; ++second)
    ages.note(TimePoint(std::chrono::seconds(second)), static_cast<std::uint64_t>(second));
  for (const int id : {0, 1'000, 500'000, 990'000, 999'000}) {
    const Duration age = std::chrono::seconds(last - id);
    const Duration said =
        ages.at_least(static_cast<std::uint64_t>(id), TimePoint(std::chrono::seconds(last)));
    EXPECT_LE(said, age) << id;
    EXPECT_GE(said, age - std::max<Duration>(age / 100, 2s)) << id;
  }
}

}  // namespace
}  // namespace coterie::debug

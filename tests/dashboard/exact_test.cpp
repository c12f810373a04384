// Arguments are text: whatever numbers they hold, and whether they are JSON or not, they come out as they
// went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>

#include "coterie/queue/json.hpp"
#include "dashboard/service_support.hpp"

namespace coterie::dashboard_test {
namespace {

using boost::json::value;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The arguments in a job's answer, read as a program reads them.
Task<std::string> args_of(World& world, std::string id) {
  const std::string text = co_await world.text("GET", "/api/v1/jobs/" + id);
  const value job = queue::from_json<value>(text.substr(4));
  co_return std::string(job.at("args").as_string());
}

Task<std::string> stored(World& world, std::string id) {
  std::vector<queue::JobId> ids{*queue::parse_uuid(id)};
  const std::vector<std::optional<queue::JobExport>> jobs =
      co_await world.broker->export_jobs(std::move(ids), true);
  co_return jobs.at(0)->spec.payload;
}

Task<std::string> downloaded(World& world, std::string id) {
  Task<http::Response> asking = world.ask(request("GET", "/api/v1/jobs/" + id + "/args"));
  http::Response whole = co_await std::move(asking);
  co_return std::move(whole.body);
}

std::string id_in(const std::string& answer) {
  const value parsed = queue::from_json<value>(answer.substr(4));
  return std::string(parsed.at("id").as_string());
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

/// The first that_can_be_written of them are arguments that somebody may write, too; of the others what is
/// there is shown: no handler reads a number beyond a double, or what is no JSON.
constexpr std::size_t that_can_be_written = 6;
const std::vector<std::string>& texts() {
  static const std::vector<std::string> all{
      R"({"most":9223372036854775807,"over":9223372036854775808,"u64":18446744073709551615,"least":-9223372036854775808})",
      R"([18446744073709551616,1e308,1e-400,-0,-0.0,0.10,1E+2,123456789012345678901234567890])",
      R"({"a":1,"a":2,"":{"b":[],"b":{}}})",
      R"(["\u0000\ud83d\ude00 <script> \/","\u202e"])",
      " { \"spaces\" :\t[ 1 ,\n2 ] } ",
      "null",
      "[1e400]",
      nested(5'000),
      "{\"unfinished\":",
      "no JSON at all",
      ""};
  return all;
}

Task<void> unchanged() {
  World world;
  for (const std::string& text : texts()) {
    const std::string id = co_await world.add("send", text);
    const std::string shown = co_await args_of(world, id);
    EXPECT_EQ(shown, text);
    const std::string whole = co_await downloaded(world, id);
    EXPECT_EQ(whole, text);
    const std::string cloned = co_await world.text("POST", "/api/v1/jobs/" + id + "/clone", "{}");
    EXPECT_THAT(cloned, StartsWith("200 ")) << text.substr(0, 100);
    const std::string copy = co_await stored(world, id_in(cloned));
    EXPECT_EQ(copy, text);
  }
  const std::string list = co_await world.text("GET", "/api/v1/jobs?limit=200");
  EXPECT_THAT(list, StartsWith("200 "));
}
TEST(DashboardExact, ArgumentsComeOutAsTheyWentIn) {
  run(unchanged());
}

Task<void> edited() {
  World world;
  const std::string id = co_await world.add("send");
  for (std::size_t i = 0; i < that_can_be_written; ++i) {
    const std::string text = texts().at(i) + " ";  // or it would be no other
    const std::string body = "{\"args\":" + queue::to_json(text) + "}";
    const std::string cloned = co_await world.text("POST", "/api/v1/jobs/" + id + "/clone", body);
    EXPECT_THAT(cloned, StartsWith("200 ")) << text;
    if (!cloned.starts_with("200 ")) continue;
    const std::string copy = co_await stored(world, id_in(cloned));
    EXPECT_EQ(copy, text);
  }
}
TEST(DashboardExact, ArgumentsThatSomebodyWritesAreEnqueuedAsTheyWereWritten) {
  run(edited());
}

Task<void> not_text() {
  World world;
  const std::string bytes = "{\"name\":\"\xff\xfe\",\"n\":9223372036854775808}";
  const std::string id = co_await world.add("send", bytes);
  const std::string shown = co_await args_of(world, id);
  EXPECT_EQ(shown, "{\"name\":\"\uFFFD\uFFFD\",\"n\":9223372036854775808}") << "JSON has no other bytes";
  const std::string whole = co_await downloaded(world, id);
  EXPECT_EQ(whole, bytes);
  const std::string found = co_await world.text("GET", "/api/v1/count?filter=args.n:9223372036854775808");
  EXPECT_THAT(found, StartsWith("200 "));
}
TEST(DashboardExact, BytesThatAreNoTextAreWholeInTheDownload) {
  run(not_text());
}

Task<void> beside_what_is_hidden() {
  World world;
  const std::string id = co_await world.add(
      "send", R"({"password":9223372036854775808,"n":18446744073709551616,"n":-0,"x":1e300, "y" : 0.10})");
  const std::string rest = R"(,"n":18446744073709551616,"n":-0,"x":1e300, "y" : 0.10})";
  const std::string hidden = R"({"password":"[redacted]")" + rest;
  const std::string shown = co_await args_of(world, id);
  EXPECT_EQ(shown, hidden);
  const std::string whole = co_await downloaded(world, id);
  EXPECT_EQ(whole, hidden);
}
TEST(DashboardExact, WhatIsNotHiddenStaysAsItIs) {
  run(beside_what_is_hidden());
}

Task<void> found() {
  World world;
  (void)co_await world.add(
      "send",
      R"({"i":9223372036854775807,"u":18446744073709551615,"m":-9223372036854775808,"z":-0,"e":1e300})");
  for (const std::string term :
       {"i:9223372036854775807", "u:18446744073709551615", "m:-9223372036854775808", "z:0", "z:-0"}) {
    const std::string text = co_await world.text("GET", "/api/v1/count?filter=args." + term);
    EXPECT_THAT(text, HasSubstr("\"count\":1")) << term;
  }
  for (const std::string term : {"i:9223372036854775806", "i:9223372036854775808", "u:18446744073709551614",
                                 "m:-9223372036854775807", "e:1e400", "e:1e301"}) {
    const std::string text = co_await world.text("GET", "/api/v1/count?filter=args." + term);
    EXPECT_THAT(text, AllOf(StartsWith("200 "), HasSubstr("\"count\":0"))) << term;
  }
}
TEST(DashboardExact, NumbersOf64BitsAreFoundByAllTheirDigits) {
  run(found());
}

Task<void> most() {
  World world;
  (void)co_await world.add("send");
  for (const std::string bad : {"-1", "1.5", "1e400", "18446744073709551616", "\"1\"", "null"}) {
    const std::string body = "{\"filter\":\"name:none\",\"most\":" + bad + "}";
    const std::string text = co_await world.text("POST", "/api/v1/cancel", body);
    EXPECT_THAT(text, StartsWith("400 ")) << bad;
  }
  const std::string body = R"({"filter":"name:send","most":18446744073709551615})";
  const std::string text = co_await world.text("POST", "/api/v1/cancel", body);
  EXPECT_EQ(text, R"(200 {"matched":1,"changed":1,"next":null})");
}
TEST(DashboardExact, ANumberThatIsNoneOf64BitsIsRefused) {
  run(most());
}

}  // namespace
}  // namespace coterie::dashboard_test

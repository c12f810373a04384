// What is hidden of a job, and that all else stays to the letter.
#include "coterie/queue/redaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coterie/queue/errors.hpp"
#include "coterie/queue/json.hpp"

namespace coterie::queue {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string shown(std::string_view json, const Redaction& redaction = Redaction()) {
  return redaction.apply("login", json);
}

TEST(Redaction, HidesFieldsByNameHoweverDeepAndLeavesTheRestToTheLetter) {
  EXPECT_EQ(shown(R"({ "user": "ann",  "password" : "hunter22", "n": 18446744073709551615, "x": 1.50 })"),
            R"({ "user": "ann",  "password" : "[redacted]", "n": 18446744073709551615, "x": 1.50 })");
  EXPECT_EQ(shown(R"([{"a":{"token":{"id":7,"list":["x}",{"y":"]"}]}}},{"token":12345}])"),
            R"([{"a":{"token":"[redacted]"}},{"token":"[redacted]"}])");
  EXPECT_EQ(shown(R"({"token":null,"secret":true,"b":1})"),
            R"({"token":"[redacted]","secret":"[redacted]","b":1})");
  EXPECT_EQ(shown(R"("password: a text and no field")"), R"("password: a text and no field")");
}

TEST(Redaction, AnEscapedMarkEndsNoTextAndOneBehindAnEscapedBackslashDoes) {
  EXPECT_EQ(shown(R"({"a":"\\","token":"\\\\","b":"\\\"token\":7"})"),
            R"({"a":"\\","token":"[redacted]","b":"\\\"token\":7"})");
  EXPECT_EQ(shown(R"({"token":"\"","a":"\\\\\"","b":"\""})"),
            R"({"token":"[redacted]","a":"\\\\\"","b":"\""})");
  EXPECT_EQ(shown(R"({"token":"not closed\")"), R"("[redacted]")");
}

TEST(Redaction, TakesNamesForOneThatDifferInCaseAndDashes) {
  for (const std::string name :
       {"apiKey", "API-Key", "api_key", "APIKEY", "api key", R"(api\u005fkey)", R"(\u0061piKey)"})
    EXPECT_EQ(shown("{\"" + name + "\":\"hunter22\"}"), "{\"" + name + "\":\"[redacted]\"}");
  for (const std::string name : {"tokens", "my_token", "passwordless", "apikey\\u0000"})
    EXPECT_THAT(shown("{\"" + name + "\":\"hunter22\"}"), HasSubstr("hunter22")) << name;
}

TEST(Redaction, HidesWhatAHandlerDeclaresOfItsJobsAlone) {
  Redaction redaction;
  redaction.hide("login", "pin").hide("iban");
  EXPECT_EQ(redaction.apply("login", R"({"pin":1234,"iban":"DE1"})"),
            R"({"pin":"[redacted]","iban":"[redacted]"})");
  EXPECT_EQ(redaction.apply("other", R"({"pin":1234,"iban":"DE1"})"), R"({"pin":1234,"iban":"[redacted]"})");
  EXPECT_TRUE(redaction.hides_anywhere("PIN"));
  EXPECT_FALSE(redaction.hides("other", "pin"));
}

TEST(Redaction, AStarHidesAll) {
  Redaction redaction;
  redaction.hide("login", "*");
  EXPECT_EQ(redaction.apply("login", R"({"user":"ann"})"), R"("[redacted]")");
  EXPECT_EQ(redaction.apply("other", R"({"user":"ann"})"), R"({"user":"ann"})");
  EXPECT_EQ(redaction.secrets("login", R"({"user":"annabel"})").scrub("no annabel"), "no [redacted]");
  EXPECT_TRUE(redaction.hides_anywhere("user"));
}

TEST(Redaction, TextThatIsNoJsonIsHiddenAsAWholeWhereItNamesAField) {
  EXPECT_EQ(shown("user=ann pass-word=hunter22"), R"("[redacted]")");
  EXPECT_EQ(shown(R"({"password":"hunter22")"), R"("[redacted]")");
  EXPECT_EQ(shown("user=ann"), "user=ann");
}

TEST(Redaction, TakesHiddenValuesOutOfTexts) {
  const Secrets secrets =
      Redaction().secrets("login", R"({"user":"ann","password":"hunter22\n\"x","token":[123456,"abc"]})");
  EXPECT_EQ(secrets.scrub("ann: hunter22\n\"x is wrong, 123456 too"),
            "ann: [redacted] is wrong, [redacted] too");
  EXPECT_EQ(secrets.scrub(R"(got {"password":"hunter22\n\"x"})"), R"(got {"password":"[redacted]"})");
  EXPECT_EQ(secrets.scrub("abc"), "abc") << "too short to be taken out";
  EXPECT_TRUE(Redaction().secrets("login", R"({"user":"ann"})").empty());
}

TEST(Redaction, ALongValueGoesBeforeOneThatIsAPartOfIt) {
  const Secrets secrets = Redaction().secrets("x", R"({"token":"abcd","secret":"abcdefgh"})");
  EXPECT_EQ(secrets.scrub("abcdefgh abcd"), "[redacted] [redacted]");
}

TEST(Redaction, OfMoreValuesThanCanBeTakenOutATextIsHiddenAsAWhole) {
  std::string json = R"({"token":[)";
  for (std::size_t i = 0; i <= Secrets::most; ++i) json += (i == 0 ? "" : ",") + std::to_string(100000 + i);
  EXPECT_EQ(Redaction().secrets("x", json + "]}").scrub("anything"), "[redacted]");
}

TEST(Redaction, WhatIsJsonStaysJson) {
  const Secrets secrets = Redaction().secrets("x", R"({"password":"tasks","token":4242})");
  const std::string dump = secrets.scrub_json(R"({"pid":4242,"tasks":[{"name":"login tasks 4242"}]})");
  EXPECT_EQ(dump, R"({"pid":4242,"tasks":[{"name":"login [redacted] [redacted]"}]})");
}

TEST(Redaction, IsDeclaredAndReadByOthers) {
  Redaction own;
  own.hide("login", "PIN").hide("i-ban");
  EXPECT_EQ(own.declaration(), R"({"":["iban"],"login":["pin"]})");
  Redaction other;
  other.add_declaration(own.declaration());
  EXPECT_TRUE(other.hides("login", "pin"));
  EXPECT_TRUE(other.hides("any", "iban"));
  EXPECT_FALSE(Redaction().declares_anything());
  for (const char* wrong : {"", "[", "7", R"({"a":1})", R"({"a":[1,""]})"}) other.add_declaration(wrong);
}

TEST(Redaction, RefusesWhatIsNoName) {
  EXPECT_THROW(Redaction().hide(""), BadRequest);
  EXPECT_THROW(Redaction().hide("login", "--"), BadRequest);
  EXPECT_THROW(Redaction().hide(std::string(256, 'x')), BadRequest);
}

}  // namespace
}  // namespace coterie::queue

// The language of filters: what it means, and what it refuses with which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/dashboard/filter.hpp"

namespace coterie::dashboard {
namespace {

using ::testing::HasSubstr;

queue::JobInfo job() {
  queue::JobInfo info;
  info.id = *queue::parse_uuid("01a21cd7-07b3-76ec-92a3-1e8fa136fc9f");
  info.queue = "mail";
  info.name = "send";
  info.state = queue::JobState::dead;
  info.priority = 5;
  info.attempt = 3;
  info.created_at = 1'000'000;
  info.worker = "host:1";
  info.payload =
      R"({"user":{"id":9007199254740993,"name":"a b","tags":["x","y"]},"ok":true,"none":null,"rate":0.5,"text":"42"})";
  info.error = queue::JobError("timeout", "no answer from smtp");
  return info;
}
bool fits(const std::string& text) {
  return Filter::parse(text).matches(job(), 1'000'000 + 7'200'000);
}
std::string refusal(const std::string& text) {
  try {
    (void)Filter::parse(text);
  } catch (const BadFilter& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Filter, WhatTheBrokerKnowsIsLeftToIt) {
  const Filter filter = Filter::parse("state:failed queue:mail name:\"send it\"");
  EXPECT_TRUE(filter.is_simple());
  EXPECT_EQ(filter.at_broker().state, queue::JobState::dead);
  EXPECT_EQ(filter.at_broker().queue, "mail");
  EXPECT_EQ(filter.at_broker().name, "send it");
}

TEST(Filter, AllTermsMustHold) {
  EXPECT_TRUE(fits("queue:mail name:send state:dead priority>4 attempt<4 age>1h error:smtp worker:host:1"));
  EXPECT_FALSE(fits("queue:mail priority>5"));
  EXPECT_FALSE(fits("age>3h"));
  EXPECT_TRUE(fits("id:01a21cd7-07b3-76ec-92a3-1e8fa136fc9f"));
}

TEST(Filter, NumbersInArgumentsAreComparedExactly) {
  EXPECT_TRUE(fits("args.user.id:9007199254740993"));
  EXPECT_FALSE(fits("args.user.id:9007199254740992"));
  EXPECT_TRUE(fits("args.rate:0.5"));
}

TEST(Filter, ArgumentsAreFoundByTheirPath) {
  EXPECT_TRUE(fits("args.user.name:\"a b\""));
  EXPECT_TRUE(fits("args.user.tags.1:y"));
  EXPECT_TRUE(fits("args.user.tags:x"));
  EXPECT_TRUE(fits("args.ok:true args.none:null args.text:42"));
  EXPECT_FALSE(fits("args.user:x"));
  EXPECT_FALSE(fits("args.nobody.id:1"));
}

TEST(Filter, AWordIsLookedForInNameArgumentsAndError) {
  EXPECT_TRUE(fits("smtp"));
  EXPECT_TRUE(fits("\"a b\""));
  EXPECT_TRUE(fits("sen"));
  EXPECT_FALSE(fits("absent"));
}

TEST(Filter, SaysWhatIsWrong) {
  EXPECT_THAT(refusal("state:lost"), HasSubstr("'state:lost': states are blocked"));
  EXPECT_THAT(refusal("colour:red"), HasSubstr("'colour' is nothing to filter by"));
  EXPECT_THAT(refusal("age>soon"), HasSubstr("90s, 5m, 1h or 2d"));
  EXPECT_THAT(refusal("age:1h"), HasSubstr("write age>1h or age<1h"));
  EXPECT_THAT(refusal("queue:a queue:b"), HasSubstr("twice"));
  EXPECT_THAT(refusal("queue>a"), HasSubstr("> and < are for"));
  EXPECT_THAT(refusal("queue:"), HasSubstr("a value is missing"));
  EXPECT_THAT(refusal("name:\"open"), HasSubstr("not closed"));
  EXPECT_THAT(refusal("priority>1x"), HasSubstr("no whole number"));
  EXPECT_THAT(refusal("id:1"), HasSubstr("32 hexadecimal digits"));
}

TEST(Filter, IsBounded) {
  EXPECT_THAT(refusal(std::string(1025, 'a')), HasSubstr("1024 bytes"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "a ";
  EXPECT_THAT(refusal(many), HasSubstr("16 terms"));
}

}  // namespace
}  // namespace coterie::dashboard

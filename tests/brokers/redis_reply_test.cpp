// Replies, their parser, and commands.
#include "src/brokers/redis/reply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/brokers/redis/command.hpp"
#include "src/brokers/redis/reply_parser.hpp"

namespace coterie::brokers::redis {
namespace {
using ::testing::HasSubstr;

std::string bytes_of(const Command& command) {
  std::string out;
  command.append_to(out);
  EXPECT_LE(out.size(), command.bytes());
  return out;
}

/// What comes of `bytes`, fed in pieces of `piece` bytes; the last is the error, if there is one.
std::vector<std::string> parse(std::string_view bytes, std::size_t piece, ReplyLimits limits = {}) {
  ReplyParser parser(limits);
  std::vector<std::string> got;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      parser.feed(bytes.substr(at, piece));
      Reply reply;
      while (parser.next(reply)) got.push_back(reply.describe());
    }
  } catch (const ProtocolError& error) {
    got.push_back(std::string("! ") + error.what());
  }
  return got;
}

std::string refusal(const std::string& bytes, ReplyLimits limits = {}) {
  const std::vector<std::string> got = parse(bytes, bytes.size(), limits);
  return got.empty() ? "(nothing)" : got.back();
}

TEST(RedisCommand, IsWhatTheServerReads) {
  EXPECT_EQ(bytes_of(Command("PING")), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(bytes_of(Command("SET").arg("key").arg("")), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
  EXPECT_EQ(bytes_of(Command("X", 100).arg(std::string_view("\0\r\n", 3))),
            std::string("*2\r\n$1\r\nX\r\n$3\r\n\0\r\n\r\n", 20));
  EXPECT_EQ(bytes_of(Command("X").arg(-12).arg(std::uint64_t{18446744073709551615U})),
            "*3\r\n$1\r\nX\r\n$3\r\n-12\r\n$20\r\n18446744073709551615\r\n");
  Command command("X");
  for (int i = 0; i < 11; ++i) command.arg(i % 10);
  EXPECT_EQ(command.arguments(), 12U);
  EXPECT_TRUE(bytes_of(command).starts_with("*12\r\n$1\r\nX\r\n$1\r\n0\r\n"));
}

TEST(RedisReplyParser, ReadsEveryKindWhereverTheBytesAreCut) {
  const std::string bytes =
      "+OK\r\n-ERR "
      "no\r\n:-42\r\n$-1\r\n$5\r\na\r\nb\r\r\n*-1\r\n*0\r\n*2\r\n*1\r\n:1\r\n$0\r\n\r\n:"
      "9223372036854775807\r\n";
  const std::vector<std::string> expected{"the status 'OK'",
                                          "the error 'ERR no'",
                                          "the integer -42",
                                          "nil",
                                          "the string 'a..b.'",
                                          "nil",
                                          "an array of 0",
                                          "an array of 2",
                                          "the integer 9223372036854775807"};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
    EXPECT_EQ(parse(bytes, piece), expected) << piece;
}

TEST(RedisReplyParser, NestedItemsStayWhereTheyBelong) {
  ReplyParser parser;
  std::string bytes = "*600\r\n";
  for (int i = 0; i < 600; ++i) {
    const std::string number = std::to_string(i);
    bytes += "*2\r\n*1\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n:" + number + "\r\n";
  }
  parser.feed(bytes);
  Reply reply;
  ASSERT_TRUE(parser.next(reply));
  for (std::size_t i = 0; i < 600; ++i) {
    ASSERT_EQ(reply.at(i).at(0).at(0).string(), std::to_string(i));
    ASSERT_EQ(reply.at(i).at(1).integer(), static_cast<std::int64_t>(i));
  }
  EXPECT_FALSE(parser.next(reply));
}

TEST(RedisReplyParser, RefusesWhatIsNoReply) {
  for (const char* bytes :
       {"HTTP/1.1 200 OK\r\n", "\n\n\n\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":12a\r\n",
        ":99999999999999999999\r\n", "*9999999999999999999\r\n", "$99999999999999999999\r\n"})
    EXPECT_TRUE(refusal(bytes).starts_with("! ")) << bytes << refusal(bytes);
}

TEST(RedisReplyParser, HasLimits) {
  ReplyLimits limits;
  limits.array_items = 10;
  limits.depth = 2;
  limits.bulk_bytes = 1000;
  EXPECT_EQ(refusal("*10\r\n", limits), "(nothing)");
  EXPECT_EQ(refusal("*11\r\n", limits), "! an array of 11 items, more than the limit of 10");
  EXPECT_EQ(refusal("*1\r\n*1\r\n:1\r\n", limits), "an array of 1");
  EXPECT_EQ(refusal("*1\r\n*1\r\n*1\r\n:1\r\n", limits), "! arrays nested deeper than 2");
  EXPECT_EQ(refusal("$100000\r\n" + std::string(500, 'x'), limits), "(nothing)");
  EXPECT_EQ(refusal("$100000\r\n" + std::string(2000, 'x'), limits),
            "! a string longer than the limit of 1000 bytes");
  EXPECT_EQ(refusal(std::string(2000, '+'), limits), "! a string longer than the limit of 1000 bytes");
  EXPECT_THAT(refusal("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"), HasSubstr("! "));
}

std::string complaint(const std::function<void()>& read) {
  try {
    read();
  } catch (const UnexpectedReply& error) {
    return error.what();
  }
  return "(none)";
}

TEST(RedisReply, SaysWhatWasExpectedAndWhatCame) {
  std::vector<Reply> items;
  items.push_back(Reply::of_integer(3));
  const Reply array = Reply::of_array(std::move(items));
  const Reply error = Reply::of_error("WRONGTYPE of\r\na key");
  EXPECT_EQ(complaint([&] { (void)array.integer(); }), "Redis reply: expected an integer, got an array of 1");
  EXPECT_EQ(complaint([&] { (void)array.at(1); }),
            "Redis reply: expected an array with an item 1, got an array of 1");
  EXPECT_EQ(complaint([&] { (void)array.at(0).string(); }),
            "Redis reply: expected a string, got the integer 3");
  EXPECT_EQ(complaint([&] { (void)error.at(0); }),
            "Redis reply: expected an array with an item 0, got the error 'WRONGTYPE of..a key'");
  EXPECT_EQ(complaint([&] { (void)Reply().array(); }), "Redis reply: expected an array, got nil");
  EXPECT_EQ(complaint([&] { (void)Reply::of_status("OK").error(); }),
            "Redis reply: expected an error, got the status 'OK'");
  EXPECT_EQ(complaint([&] { error.require_no_error("take"); }),
            "take: the Redis server gave the error 'WRONGTYPE of..a key'");
  EXPECT_EQ(complaint([&] { array.require_no_error("take"); }), "(none)");
  EXPECT_LT(complaint([&] { (void)Reply::of_string(std::string(10'000, 'x')).integer(); }).size(), 300U);
}

TEST(RedisReply, ErrorsAreToldByTheirCode) {
  EXPECT_TRUE(Reply::of_error("NOSCRIPT No matching script").is_error("NOSCRIPT"));
  EXPECT_TRUE(Reply::of_error("OOM").is_error("OOM"));
  EXPECT_FALSE(Reply::of_error("NOSCRIPTS x").is_error("NOSCRIPT"));
  EXPECT_FALSE(Reply::of_string("NOSCRIPT x").is_error("NOSCRIPT"));
}

TEST(RedisReply, IsMovedOutOnceAndWhole) {
  Reply text = Reply::of_string(std::string(1000, 'x'));
  const char* const where = text.string().data();
  const std::string taken = text.take_string();
  EXPECT_EQ(taken.data(), where);
  EXPECT_EQ(complaint([] {
              Reply number = Reply::of_integer(1);
              (void)number.take_array();
            }),
            "Redis reply: expected an array, got the integer 1");
}

}  // namespace
}  // namespace coterie::brokers::redis

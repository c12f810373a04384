// The reader of requests, without a network.
#include <gtest/gtest.h>

#include "src/http/parser.hpp"

namespace coterie::http {
namespace {

TEST(HttpParser, ReadsTheSameHoweverTheBytesCome) {
  const std::string text =
      "POST /a%2Fb/c?x=1&y=%20+z HTTP/1.1\r\nHost: h\r\nCookie: a=1; s=2\r\nContent-Length: 4\r\n\r\nbody";
  Parser parser{ServerLimits()};
  std::string buffer;
  for (const char c : text) {
    EXPECT_FALSE(parser.done());
    buffer += c;
    buffer.erase(0, parser.feed(buffer));
  }
  Request request;
  ASSERT_TRUE(parser.done());
  ASSERT_TRUE(parser.take(request));
  EXPECT_EQ(request.path, "/a/b/c");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"a/b", "c"}));
  EXPECT_EQ(request.parameter("y"), "  z");
  EXPECT_EQ(request.cookie("s"), "2");
  EXPECT_EQ(request.headers.get("HOST"), "h");
  EXPECT_EQ(request.body, "body");
}

TEST(HttpParser, LeavesTheNextRequestAlone) {
  Parser parser{ServerLimits()};
  const std::string first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(parser.feed(first + "GET /2 HTTP/1.1\r\n"), first.size());
  EXPECT_TRUE(parser.done());
}

TEST(HttpParser, MoreThan64ParametersAreRefused) {
  std::string target = "/?";
  for (int i = 0; i < 65; ++i) target += "a=1&";
  Parser parser{ServerLimits()};
  parser.feed("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
  Request request;
  EXPECT_FALSE(parser.take(request));
  EXPECT_EQ(parser.error(), 400);
}

}  // namespace
}  // namespace coterie::http

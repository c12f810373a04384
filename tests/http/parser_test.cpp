// The reader of requests, without a network.
#include <gtest/gtest.h>

#include "coterie/http/client.hpp"
#include "src/http/parser.hpp"
#include "src/http/response_parser.hpp"

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

/// A parser to which `text` comes in two pieces, or byte by byte where `part` is all of it.
template <class AnyParser>
void feed_in_pieces(AnyParser& parser, const std::string& text, std::size_t part) {
  std::string buffer;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = part == text.size() ? at + 1 : at == 0 ? part : text.size();
    buffer += text.substr(at, end - at);
    at = end;
    buffer.erase(0, parser.feed(buffer));
  }
  EXPECT_EQ(buffer, "") << "parted at " << part;
}

constexpr const char* chunks = "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";

TEST(HttpParser, ChunksAreReadWhereverTheyPart) {
  const std::string text = std::string("POST / HTTP/1.1\r\nHost: h\r\n") + chunks;
  for (std::size_t part = 1; part <= text.size(); ++part) {
    Parser parser{ServerLimits()};
    feed_in_pieces(parser, text, part);
    Request request;
    ASSERT_TRUE(parser.done()) << part;
    ASSERT_TRUE(parser.take(request));
    EXPECT_EQ(request.body, "hello!");
  }
}

TEST(HttpParser, ABodyOfAKnownLengthIsReadWhereverItParts) {
  const std::string text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nhello!!";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    Parser parser{ServerLimits()};
    feed_in_pieces(parser, text, part);
    Request request;
    ASSERT_TRUE(parser.done()) << part;
    ASSERT_TRUE(parser.take(request));
    EXPECT_EQ(request.body, "hello!!");
  }
}

TEST(HttpParser, ChunksOfAResponseAreReadWhereverTheyPart) {
  const std::string text = std::string("HTTP/1.1 200 OK\r\n") + chunks;
  for (std::size_t part = 1; part <= text.size(); ++part) {
    ResponseParser parser{ClientOptions()};
    feed_in_pieces(parser, text, part);
    ASSERT_TRUE(parser.done()) << part;
    EXPECT_EQ(parser.take().body, "hello!");
  }
}

TEST(HttpParser, ALastChunkThatIsNotWholeIsWaitedFor) {
  Parser parser{ServerLimits()};
  std::string buffer = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0:\r\n";
  buffer.erase(0, parser.feed(buffer));
  EXPECT_FALSE(parser.done());
  EXPECT_EQ(parser.error(), 0);
  parser.feed(buffer + "\r\n");
  EXPECT_EQ(parser.error(), 400);
}

std::string fields(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += "X" + std::to_string(i) + ": y\r\n";
  return text;
}

TEST(HttpParser, ManySmallFieldsAreBoundedLikeALongOne) {
  const std::string few = "GET / HTTP/1.1\r\nHost: h\r\n" + fields(15'000) + "\r\n";
  const std::string many = "GET / HTTP/1.1\r\nHost: h\r\n" + fields(17'000) + "\r\n";
  for (const std::size_t part : {std::size_t{10}, std::size_t{9'000}, few.size()}) {
    Parser fine{ServerLimits()};
    feed_in_pieces(fine, few, part);
    Request request;
    EXPECT_TRUE(fine.done() && fine.take(request)) << part;
    Parser over{ServerLimits()};
    std::string buffer = many.substr(0, part);
    buffer.erase(0, over.feed(buffer));
    over.feed(buffer + many.substr(part));
    EXPECT_EQ(over.error(), 431) << part;
  }
  ResponseParser response{ClientOptions()};
  EXPECT_THROW(response.feed("HTTP/1.1 200 OK\r\n" + fields(17'000) + "\r\n"), BadResponse);
}

TEST(HttpParser, TheTargetCountsToo) {
  Parser parser{ServerLimits()};
  parser.feed("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: h\r\nX: " + std::string(9'000, 'y') +
              "\r\n\r\n");
  Request request;
  EXPECT_FALSE(parser.done() && parser.take(request));
  EXPECT_EQ(parser.error(), 431);
}

/// Bytes that never end a line, as they come; whether they were refused before `most` of them were kept.
template <class AnyParser>
bool refuses(AnyParser& parser, const std::string& begin, std::size_t most) {
  std::string buffer = begin;
  while (buffer.size() < most) {
    buffer.erase(0, parser.feed(buffer));
    if (parser.done() || parser.error() != 0) return parser.error() == 431;
    buffer += std::string(1000, 'x');
  }
  return false;
}

TEST(HttpParser, WhatStandsBetweenChunksIsBounded) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string begin : {"5;a=", "3\r\nabc\r\n5;a=", "0;a=", "0\r\nX-Trailer: ", "1"}) {
    Parser parser{ServerLimits()};
    const bool refused = refuses(parser, head + begin, 100'000);
    EXPECT_TRUE(refused || parser.error() == 400) << begin;
  }
}

TEST(HttpParser, WhatStandsBetweenChunksOfAResponseIsBounded) {
  ResponseParser parser{ClientOptions()};
  std::string buffer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=";
  const auto feed_long = [&] {
    while (buffer.size() < 100'000) {
      buffer.erase(0, parser.feed(buffer));
      buffer += std::string(1000, 'x');
    }
  };
  EXPECT_THROW(feed_long(), BadResponse);
}

TEST(HttpParser, ATrailerIsNoHeader) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: other\r\nAuthorization: "
      "Bearer x\r\n\r\n";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    Parser parser{ServerLimits()};
    feed_in_pieces(parser, text, part);
    Request request;
    ASSERT_TRUE(parser.done()) << part;
    ASSERT_TRUE(parser.take(request)) << part;
    EXPECT_EQ(request.headers.get("host"), "h");
    EXPECT_FALSE(request.headers.has("authorization")) << part;
  }
}

TEST(HttpParser, ARequestWithoutAnyHeaderIsWholeAtItsEmptyLine) {
  const std::string text = "GET / HTTP/1.0\r\n\r\n";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    Parser parser{ServerLimits()};
    feed_in_pieces(parser, text, part);
    EXPECT_TRUE(parser.done()) << part;
  }
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

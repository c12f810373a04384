// The HTTP client: what it sends, what it takes for an answer, and what it says when there is none.
#include "coterie/http/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.hpp"

namespace coterie::http_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

http::Url on_loopback(std::uint16_t port, std::string target = "/") {
  http::Url url;
  url.host = "127.0.0.1";
  url.port = port;
  url.target = std::move(target);
  return url;
}

/// Asks a server that reads a request, says `text` and closes.
Task<http::Response> asked(std::string text, http::ClientOptions options) {
  Task<io::Listener> opening = io::listen_tcp("127.0.0.1", 0);
  io::Listener listener = co_await std::move(opening);
  const std::uint16_t port = listener.port();
  const auto answer = [](const io::Listener& at, std::string what) -> Task<void> {
    Task<io::Stream> accepting = at.accept();
    const io::Stream stream = co_await std::move(accepting);
    Task<std::string> reading = stream.read_until("\r\n\r\n");
    (void)co_await std::move(reading);
    Task<void> writing = stream.write(what);
    (void)co_await outcome(std::move(writing));
  };
  const JoinHandle<void> server = spawn(answer, std::ref(listener), text);
  Task<http::Response> asking = http::request("GET", on_loopback(port), {}, "", options);
  Outcome<http::Response> end = co_await outcome(std::move(asking));
  (void)co_await outcome(server.wait());
  co_return std::move(end).get();
}
http::Response answer_of(const std::string& text, const http::ClientOptions& options = {}) {
  return run(asked(text, options));
}
std::string refusal_of(const std::string& text, const http::ClientOptions& options = {}) {
  try {
    return "(answer " + std::to_string(answer_of(text, options).status) + ")";
  } catch (const http::BadResponse& error) {
    return error.what();
  }
}

TEST(HttpClient, SendsMethodTargetHeadersAndBody) {
  const auto echo = [](http::Request request) -> Task<http::Response> {
    http::Response response(202, "text/plain",
                            request.method + " " + request.path + " " + std::string(request.parameter("q")) +
                                " " + std::string(request.headers.get("x-key")) + " " +
                                std::string(request.headers.get("host")) + " [" + request.body + "]");
    response.headers.add("X-Answer", "yes");
    co_return response;
  };
  const auto body = [&]() -> Task<void> {
    Task<Running> starting = start(echo);
    Running server = co_await std::move(starting);
    http::Headers headers;
    headers.add("X-Key", "secret");
    Task<http::Response> asking =
        http::request("POST", on_loopback(server.port, "/v1/x?q=1"), headers, std::string(100'000, 'b'));
    const http::Response response = co_await std::move(asking);
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(response.headers.get("x-answer"), "yes");
    EXPECT_EQ(response.body, "POST /v1/x 1 secret 127.0.0.1:" + std::to_string(server.port) + " [" +
                                 std::string(100'000, 'b') + "]");
    co_await server.stop();
  };
  run(body());
}

TEST(HttpClient, ReadsABodyByItsLengthInChunksOrToTheEnd) {
  EXPECT_EQ(answer_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd").body, "abc");
  EXPECT_EQ(
      answer_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").body,
      "abc");
  EXPECT_EQ(answer_of("HTTP/1.0 200 OK\r\n\r\nall of it").body, "all of it");
  EXPECT_EQ(answer_of("HTTP/1.1 204 No Content\r\n\r\n").status, 204);
}

TEST(HttpClient, AnInterimAnswerIsNotTheAnswer) {
  EXPECT_EQ(answer_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n").status,
            503);
}

TEST(HttpClient, WhatIsNoAnswerIsSaid) {
  EXPECT_THAT(refusal_of("SSH-2.0-OpenSSH_9.2\r\n"), StartsWith("it does not answer with HTTP"));
  EXPECT_EQ(refusal_of(""), "it closed the connection before its response was complete");
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nContent-Le"),
            "it closed the connection before its response was complete");
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "it closed the connection before its response was complete");
}

TEST(HttpClient, AnAnswerHasLimits) {
  http::ClientOptions small;
  small.body_bytes = 10;
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", small),
            "its body is longer than the limit");
  EXPECT_EQ(refusal_of("HTTP/1.0 200 OK\r\n\r\n" + std::string(11, 'x'), small),
            "its body is longer than the limit");
  small.header_bytes = 100;
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nX: " + std::string(200, 'x') + "\r\n\r\n", small),
            "its header is longer than the limit");
}

TEST(HttpClient, NobodyThereIsASystemError) {
  const auto body = []() -> Task<void> {
    Task<io::Listener> opening = io::listen_tcp("127.0.0.1", 0);
    std::uint16_t port = 0;
    {
      const io::Listener listener = co_await std::move(opening);
      port = listener.port();
    }
    Task<http::Response> asking = http::request("GET", on_loopback(port), {}, "");
    const Outcome<http::Response> end = co_await outcome(std::move(asking));
    EXPECT_THROW((void)end.get(), std::system_error);
  };
  run(body());
}

TEST(HttpClient, WhoSaysNothingIsGivenUp) {
  const auto body = []() -> Task<void> {
    Task<io::Listener> opening = io::listen_tcp("127.0.0.1", 0);
    const io::Listener listener = co_await std::move(opening);  // the kernel takes the connection
    http::ClientOptions options;
    options.timeout = std::chrono::milliseconds(20);
    Task<http::Response> asking = http::request("GET", on_loopback(listener.port()), {}, "", options);
    const Outcome<http::Response> end = co_await outcome(std::move(asking));
    EXPECT_THROW((void)end.get(), TimeoutError);
  };
  run(body());
}

TEST(HttpUrl, IsTakenApart) {
  const auto parts = [](std::string_view text) {
    const http::Url url = http::Url::parse(text);
    return (url.tls ? "tls " : "") + url.host + " " + std::to_string(url.port) + " " + url.target;
  };
  EXPECT_EQ(parts("http://localhost:4318"), "localhost 4318 /");
  EXPECT_EQ(parts("http://collector/v1/traces"), "collector 80 /v1/traces");
  EXPECT_EQ(parts("https://example.org/a?b=c"), "tls example.org 443 /a?b=c");
  EXPECT_EQ(parts("http://[::1]:9/x"), "::1 9 /x");
  EXPECT_EQ(parts("http://host?q=1"), "host 80 /?q=1");
  for (const char* const text : {"http://[::1]:9/x", "https://example.org/a?b=c", "http://h:1/"})
    EXPECT_EQ(http::Url::parse(text).str(), text);
}

TEST(HttpUrl, WhatIsWrongWithItIsSaid) {
  const auto refusal = [](std::string_view text) -> std::string {
    try {
      return "(" + http::Url::parse(text).str() + ")";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal("localhost:4318"),
            "'localhost:4318': it is no URL: write http://HOST:PORT or https://HOST:PORT");
  EXPECT_EQ(refusal("http://"), "'http://': it names no host");
  EXPECT_EQ(refusal("http://:80"), "'http://:80': it names no host");
  for (const char* const port : {"0", "65536", "x", "", "80x"})
    EXPECT_THAT(refusal("http://h:" + std::string(port)), HasSubstr("is no number from 1 to 65535"));
  EXPECT_THAT(refusal("http://[::1"), HasSubstr("the bracket"));
  EXPECT_THAT(refusal("http://[::1]x"), HasSubstr("a ':' and the port"));
  EXPECT_THAT(refusal("http://h/a b"), HasSubstr("no spaces"));
  EXPECT_THAT(refusal("http://h/a\r\nX: y"), HasSubstr("no control characters"));
  EXPECT_THAT(refusal("http://h/#x"), HasSubstr("behind '#'"));
  const std::string with_password = refusal("https://me:secret@h/ x");
  EXPECT_THAT(with_password, HasSubstr("a user or password in the URL is not sent"));
  EXPECT_EQ(with_password.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace coterie::http_test

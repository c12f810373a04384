// The HTTP server over loopback: what it answers, what it refuses, and that nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.hpp"

namespace coterie::http_test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Task<http::Response> echo(http::Request request) {
  co_return http::Response(200, "text/plain",
                           request.method + " " + request.path + " [" + request.body + "]");
}

/// One request to a server of `handler`.
Task<std::string> once(http::Handler handler, std::string text, http::ServerOptions options) {
  Task<Running> starting = start(std::move(handler), std::move(options));
  Running server = co_await std::move(starting);
  Task<std::string> saying = say(server.port, std::move(text));
  std::string answer = co_await std::move(saying);
  co_await server.stop();
  co_return answer;
}
std::string ask(const std::string& text, const http::ServerOptions& options = {}) {
  return run(once(echo, text, options));
}

TEST(HttpServer, AnswersWhatCameInOneGoInOrder) {
  const std::string two = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none" + get("/b%20c?d=e");
  const std::string answer = ask(two);
  EXPECT_THAT(answer, HasSubstr("POST /a [one]HTTP/1.1 200 OK"));
  EXPECT_THAT(answer, EndsWith("GET /b c []"));
}

TEST(HttpServer, ReadsChunks) {
  const std::string text =
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  EXPECT_THAT(ask(text), EndsWith("POST / [abcde]"));
}

TEST(HttpServer, HeadHasALengthAndNoBody) {
  const std::string answer = ask("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(HasSubstr("Content-Length: 10\r\n"), EndsWith("\r\n\r\n")));
}

TEST(HttpServer, AHeaderOverTheLimitIs431) {
  EXPECT_THAT(ask(get("/", "X: " + std::string(20'000, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
}

TEST(HttpServer, ABodyOverTheLimitIs413) {
  http::ServerOptions options;
  options.limits.body_bytes = 10;
  const std::string text = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901";
  EXPECT_THAT(ask(text, options), StartsWith("HTTP/1.1 413 "));
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n";
  EXPECT_THAT(ask(chunked, options), StartsWith("HTTP/1.1 413 "));
}

TEST(HttpServer, WhatTwoReadersCouldReadDifferentlyIs400) {
  for (const std::string fields : {
           "Host: x\r\nHost: y\r\n",
           "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
           "Host: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
           "Host: x\r\nContent-Length: -1\r\n",
           "Host : x\r\n",
           "Content-Length: 1\r\n",
           "Host: x\r\nTransfer-Encoding: gzip\r\n",
           "Host: x\r\nTransfer-Encoding: xchunked\r\n",
           "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
           "Host: x\r\nTransfer-Encoding: chunked, identity\r\n",
           "Host: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
           "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
       })
    EXPECT_THAT(ask("POST / HTTP/1.1\r\n" + fields + "\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 400 ")) << fields;
}

TEST(HttpServer, NothingIsChunkedBeforeHttp11) {
  EXPECT_THAT(ask("POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /old HTTP/1.0\r\n\r\n"), EndsWith("GET /old []"));
}

TEST(HttpServer, ATargetThatIsNoPathIs400) {
  for (const std::string target :
       {"http://other/", "*", "x", "/%", "/%zz", "/%00", "/%0a", "/%ff", "/?%c0%80"})
    EXPECT_THAT(ask(get(target)), StartsWith("HTTP/1.1 400 ")) << target;
}

TEST(HttpServer, ASlowRequestIs408) {
  http::ServerOptions options;
  options.limits.request_time = std::chrono::milliseconds(1);
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\n", options), StartsWith("HTTP/1.1 408 "));
}

TEST(HttpServer, WhoAsksNothingIsClosed) {
  http::ServerOptions options;
  options.limits.idle_time = std::chrono::milliseconds(1);
  EXPECT_EQ(ask("", options), "");
}

/// Connections that say `what` and no more.
Task<void> kept_out_by(std::string what) {
  http::ServerOptions options;
  options.limits.connections = 4;
  options.limits.idle_time = options.limits.request_time = std::chrono::hours(1);
  Task<Running> starting = start(echo, options);
  Running server = co_await std::move(starting);
  std::vector<io::Stream> silent;
  std::string came;
  for (int i = 0; i < 20; ++i) {
    Task<io::Stream> connecting = io::connect_tcp("127.0.0.1", server.port);
    silent.push_back(co_await std::move(connecting));
    Task<void> beginning = silent.back().write(what);
    co_await std::move(beginning);
    Task<std::string> saying = say(server.port, get("/" + std::to_string(i)));
    came = co_await std::move(saying);
    EXPECT_THAT(came, EndsWith("GET /" + std::to_string(i) + " []"));
  }
  Task<std::string> reading = silent.front().read_to_end();
  came = co_await std::move(reading);
  EXPECT_EQ(came, "") << "the one that has waited for the longest is closed";
  co_await server.stop();
}
TEST(HttpServer, WhoeverSaysNothingKeepsNobodyOut) {
  run(kept_out_by(""));
}
TEST(HttpServer, WhoeverSaysHalfOfARequestKeepsNobodyOut) {
  run(kept_out_by("G"));
  run(kept_out_by("GET / HTTP/1.1\r\nHost: x\r\n"));
}

Task<http::Response> fails(http::Request) {
  throw std::runtime_error("secret reason");
  co_return http::Response();
}
Task<std::string> with_a_quiet_loop() {
  EventLoop::current().set_exception_handler([](const ErrorContext&) {});
  Task<std::string> asking = once(fails, get("/"), {});
  co_return co_await std::move(asking);
}
TEST(HttpServer, AHandlerThatThrowsIs500WithoutItsReason) {
  EXPECT_THAT(run(with_a_quiet_loop()), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("secret"))));
}

Task<http::Response> with_line_ends(http::Request) {
  http::Response response(200, "text/plain", "body");
  response.headers.add("X-Bad", "a\r\nSet-Cookie: b=c");
  co_return response;
}
TEST(HttpServer, AHeaderWithALineEndIsNotSent) {
  EXPECT_THAT(run(once(with_line_ends, get("/"), {})), Not(HasSubstr("Set-Cookie")));
}

TEST(HttpServer, TheServersHeadersAreOnEveryAnswer) {
  http::ServerOptions options;
  options.headers.add("X-Always", "1");
  EXPECT_THAT(ask(get("/"), options), HasSubstr("\r\nX-Always: 1\r\n"));
  EXPECT_THAT(ask("nonsense\r\n\r\n", options),
              AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("\r\nX-Always: 1\r\n")));
}

/// A stream that says one thing and waits until it is cancelled.
struct Stream {
  Event began;
  Event ended;
  Task<void> run(http::Writer& writer) {
    co_await writer.write("first\n");
    began.set();
    Event never;
    const Outcome<void> end = co_await outcome(never.wait());
    ended.set();
    (void)end.get();
  }
};
http::Handler streaming(Stream& stream) {
  return [&stream](http::Request) -> Task<http::Response> {
    http::Response response(200, "text/event-stream");
    response.stream = [&stream](http::Writer& writer) { return stream.run(writer); };
    co_return response;
  };
}

Task<void> client_leaves() {
  Stream stream;
  Task<Running> starting = start(streaming(stream));
  Running server = co_await std::move(starting);
  Task<io::Stream> connecting = io::connect_tcp("127.0.0.1", server.port);
  io::Stream client = co_await std::move(connecting);
  Task<void> writing = client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  co_await std::move(writing);
  Task<std::string> reading = client.read_until("first\n");
  const std::string came = co_await std::move(reading);
  EXPECT_THAT(came, Not(HasSubstr("Content-Length")));
  client.close();
  co_await stream.ended.wait();
  co_await server.stop();
}
TEST(HttpServer, AStreamIsCancelledWhenItsClientLeaves) {
  run(client_leaves());
}

Task<void> server_stops() {
  Stream stream;
  Task<Running> starting = start(streaming(stream));
  Running server = co_await std::move(starting);
  JoinHandle<std::string> client = spawn(say, server.port, std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  co_await stream.began.wait();
  co_await server.stop();
  EXPECT_TRUE(stream.ended.is_set());
  const std::string came = co_await client;
  EXPECT_THAT(came, EndsWith("first\n"));
}
TEST(HttpServer, ACancelEndsStreamsAndConnections) {
  run(server_stops());
}

}  // namespace
}  // namespace coterie::http_test

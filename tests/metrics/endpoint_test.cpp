// The endpoint that serves metrics without an HTTP server.
#include "coterie/metrics/endpoint.hpp"

#include <gtest/gtest.h>

#include "coterie/coterie.hpp"

namespace {

using namespace coterie;

struct Page {
  std::string text = "up 1\n";
  bool broken = false;
};

Task<std::string> page_of(const Page* page) {
  if (page->broken) throw std::runtime_error("the broker is away");
  co_return page->text;
}

Task<void> ask(const Page* page, std::string request, std::string* reply) {
  io::Listener listener = co_await io::listen_tcp("127.0.0.1", 0);
  const std::uint16_t port = listener.port();
  JoinHandle<void> serving = spawn(&metrics::serve, std::move(listener), [page] { return page_of(page); });
  const io::Stream stream = co_await io::connect_tcp("127.0.0.1", port);
  co_await stream.write(request);
  *reply = co_await stream.read_to_end();
  serving.cancel();
  (void)co_await outcome(serving);
}

std::string reply_to(const std::string& request, const Page& page = Page()) {
  std::string reply;
  (void)run(ask(&page, request, &reply));
  return reply;
}
std::string status_of(const std::string& reply) {
  return reply.substr(0, reply.find("\r\n"));
}
std::string body_of(const std::string& reply) {
  return reply.substr(reply.find("\r\n\r\n") + 4);
}

TEST(MetricsEndpoint, ServesThePage) {
  const std::string reply = reply_to("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(reply), "HTTP/1.1 200 OK");
  EXPECT_NE(reply.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
  EXPECT_NE(reply.find("\r\nContent-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(body_of(reply), "up 1\n");
}

TEST(MetricsEndpoint, HeadHasNoBody) {
  const std::string reply = reply_to("HEAD /metrics?x=1 HTTP/1.1\r\n\r\n");
  EXPECT_EQ(status_of(reply), "HTTP/1.1 200 OK");
  EXPECT_NE(reply.find("\r\nContent-Length: 5\r\n"), std::string::npos);
  EXPECT_EQ(body_of(reply), "");
}

TEST(MetricsEndpoint, EverythingElseIsRefusedByName) {
  EXPECT_EQ(status_of(reply_to("GET / HTTP/1.1\r\n\r\n")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status_of(reply_to("POST /metrics HTTP/1.1\r\n\r\n")), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(status_of(reply_to("nonsense\r\n\r\n")), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status_of(reply_to("GET /metrics HTTP/2\r\n\r\n")), "HTTP/1.1 400 Bad Request");
}

TEST(MetricsEndpoint, ARequestHasAtMost16KiB) {
  const std::string longer = "GET /metrics HTTP/1.1\r\nX: " + std::string(17'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(status_of(reply_to(longer)), "HTTP/1.1 431 Request Header Fields Too Large");
  const std::string endless = "GET /metrics HTTP/1.1\r\nX: " + std::string(70'000, 'x');
  EXPECT_EQ(status_of(reply_to(endless)), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(MetricsEndpoint, APageThatCannotBeMadeIs503AndSaysWhy) {
  Page page;
  page.broken = true;
  const std::string reply = reply_to("GET /metrics HTTP/1.1\r\n\r\n", page);
  EXPECT_EQ(status_of(reply), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(body_of(reply), "the broker is away\n");
}

}  // namespace

// Server: how its handlers end, and what is heard of those that fail. Over loopback. Lines are those of the
// list of asyncio's behaviours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "io/server_support.hpp"
#include "support/both_ways.hpp"

namespace coterie::io_test {
namespace {
using namespace coterie::test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <class How>
Task<void, How> handler_throws() {
  const Reports reports(EventLoop::current());
  auto handler = [](io::Stream stream) -> Task<void> {
    const std::string line = co_await stream.read_line();
    throw Boom(line);
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  for (std::size_t count = 1; count <= 2; ++count) {
    io::Stream client = co_await connect_to(server);
    co_await client.write("boom\n");
    EXPECT_EQ(co_await client.read_to_end(), "");  // the connection was closed
    while (reports.count() < count) co_await yield();
  }
  co_await server.stop(Duration::zero());
  EXPECT_EQ(reports.count(), 2U);
  EXPECT_EQ(reports[0].message, "Unhandled exception in the handler of a connection");
  EXPECT_EQ(text(reports[0].error), "boom\n");
  EXPECT_THAT(reports[0].task, StartsWith("connection from 127.0.0.1:"));
}
template <class How>
Task<void, How> client_closes() {
  std::string received;
  auto handler = [&](io::Stream stream) -> Task<void> {
    received += co_await stream.read_to_end();
    co_await stream.write("too late");
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  co_await client.write("last words");
  auto reader =
      spawn([](const io::Stream& from) -> Task<std::string, How> { co_return co_await from.read(1); },
            std::cref(client));
  co_await ticks(3);
  client.close();
  EXPECT_TRUE(client.closed());
  EXPECT_THAT(co_await end_of(reader), HasSubstr("Operation canceled"));
  EXPECT_EQ(co_await end_of(client.read(1)), "the stream is closed: Connection reset by peer");
  server.close();
  co_await server.wait_closed();
  EXPECT_EQ(received, "last words");
}
// 227. test_wait_closed_on_close, test_eof_feed_when_closing_writer: close() is at once, so there is nothing
// to wait for; the stream's own reads are refused then, and the other end reads an end.
COTERIE_CASE(Server, ClientThatClosesIsGoneAtOnceAndItsHandlerReadsAnEnd) {
  coterie::run(client_closes<How>(), run_options());
}

template <class How>
Task<void, How> closes_with_unread_data() {
  io::Listener listener = co_await listening();
  auto accept = [](const io::Listener& at) -> Task<io::Stream, How> { co_return co_await at.accept(); };
  auto accepting = spawn(accept, std::cref(listener));
  io::Stream client = co_await io::connect_tcp("127.0.0.1", listener.port());
  io::Stream server = co_await std::move(accepting);
  co_await server.write("unread");
  EXPECT_EQ(co_await client.read(2), "un");
  client.close();
  EXPECT_EQ(co_await server.read_to_end(), "");
}
// 227. test_wait_closed_on_close_with_unread_data
COTERIE_CASE(Server, UnreadDataDoesNotHoldUpAClose) {
  coterie::run(closes_with_unread_data<How>(), run_options());
}

// 228. test_unhandled_exception
COTERIE_CASE(Server, HandlerThatThrowsIsReportedOnceAndItsConnectionClosed) {
  coterie::run(handler_throws<How>(), run_options());
}

template <class How>
Task<void, How> handler_cancelled() {
  const Reports reports(EventLoop::current());
  auto handler = [](io::Stream stream) -> Task<void> {
    EventLoop::require_task().cancel(nullptr);
    (void)co_await stream.read_line();
  };
  io::Listener listener = co_await listening();
  io::Server server(std::move(listener), handler);
  io::Stream client = co_await connect_to(server);
  EXPECT_EQ(co_await client.read_to_end(), "");
  co_await server.stop(Duration::zero());
  EXPECT_EQ(reports.count(), 0U);
}
// 228. test_unhandled_cancel
COTERIE_CASE(Server, HandlerThatIsCancelledEndsSilentlyAndItsConnectionIsClosed) {
  coterie::run(handler_cancelled<How>(), run_options());
}

}  // namespace
}  // namespace coterie::io_test
